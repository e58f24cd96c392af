-- Reads which holds the checkpoint has. No parameters.
SELECT key FROM state WHERE kind = 'holds';
