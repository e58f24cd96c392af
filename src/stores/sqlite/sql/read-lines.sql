-- Reads a stretch of the log in order. Text as bytes: see textOf.
-- ?1 first seq  ?2 most rows
SELECT seq, CAST(json AS BLOB), hash FROM log WHERE seq >= ?1 ORDER BY seq LIMIT ?2;
