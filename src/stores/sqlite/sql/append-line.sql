-- Appends one entry to the log.
-- ?1 seq  ?2 at (epoch ms)  ?3 type  ?4 call id or null  ?5 attempt id or null  ?6 json  ?7 hash (32 bytes)
INSERT INTO log (seq, at, type, call_id, attempt_id, json, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7);
