-- Says up to which entry the index of attempts is written.
-- ?1 seq
UPDATE indexed SET seq = ?1 WHERE id = 1;
