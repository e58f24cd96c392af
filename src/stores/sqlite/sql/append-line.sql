-- Appends one entry to the log.
-- ?1 seq  ?2 line  ?3 hash (32 bytes)
INSERT INTO log (seq, json, hash) VALUES (?1, ?2, ?3);
