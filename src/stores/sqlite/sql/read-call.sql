-- Reads the entries of one call in order, and those that are not in the index yet, whosesoever they are. An attempt's id is
-- its call's id, a dot and a number, so that the index of attempts finds them ('/' follows '.').
-- ?1 call id
SELECT seq, CAST(json AS BLOB) FROM log WHERE seq IN (SELECT seq FROM attempt WHERE id >= ?1 || '.' AND id < ?1 || '/')
UNION ALL
SELECT seq, CAST(json AS BLOB) FROM log WHERE seq > (SELECT seq FROM indexed WHERE id = 1)
ORDER BY 1;
