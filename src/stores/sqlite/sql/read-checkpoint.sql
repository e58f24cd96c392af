-- Reads the last checkpoint; no row before the first. No parameters.
SELECT seq, at, CAST(hash AS BLOB), budgets_version, CAST(digest AS BLOB) FROM checkpoint WHERE id = 1;
