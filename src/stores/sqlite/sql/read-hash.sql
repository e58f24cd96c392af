-- Reads the stored hash of one entry.
-- ?1 seq
SELECT hash FROM log WHERE seq = ?1;
