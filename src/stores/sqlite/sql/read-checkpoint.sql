-- Reads the last checkpoint; no row before the first. No parameters.
SELECT seq, at, hash, budgets_version, digest FROM checkpoint WHERE id = 1;
