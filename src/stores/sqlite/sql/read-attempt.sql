-- Reads every entry of one attempt in order.
-- ?1 attempt id
SELECT CAST(json AS BLOB) FROM log WHERE attempt_id = ?1 ORDER BY seq;
