-- Reads one part of the state as it is stored.
-- ?1 kind  ?2 key
SELECT CAST(json AS BLOB) FROM state WHERE kind = ?1 AND key = ?2;
