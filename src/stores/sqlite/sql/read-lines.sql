-- Reads a stretch of the log in order.
-- ?1 first seq  ?2 most rows
SELECT seq, type, json, hash FROM log WHERE seq >= ?1 ORDER BY seq LIMIT ?2;
