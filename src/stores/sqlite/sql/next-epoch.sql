-- Counts one more opening for writing and answers its number. No parameters.
UPDATE ledger SET epoch = epoch + 1 WHERE id = 1 RETURNING epoch;
