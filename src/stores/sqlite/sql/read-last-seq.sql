-- Reads the number of the last entry; null in an empty log. No parameters.
SELECT max(seq) FROM log;
