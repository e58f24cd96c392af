-- Reads every entry of one call in order. An attempt's id is its call's id, a dot and a number, so that the index on
-- attempts finds them ('/' follows '.').
-- ?1 call id
SELECT CAST(json AS BLOB) FROM log WHERE attempt_id >= ?1 || '.' AND attempt_id < ?1 || '/' AND call_id = ?1 ORDER BY seq;
