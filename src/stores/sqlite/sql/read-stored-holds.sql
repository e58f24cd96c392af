-- Reads which holds the checkpoint has. No parameters.
SELECT CAST(key AS BLOB) FROM state WHERE kind = 'holds';
