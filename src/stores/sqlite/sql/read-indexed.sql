-- Reads up to which entry the index of attempts is written. No parameters.
SELECT seq FROM indexed WHERE id = 1;
