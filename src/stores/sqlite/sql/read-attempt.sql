-- Reads the entries of one attempt in order, and those that are not in the index yet, whosesoever they are.
-- ?1 attempt id
SELECT seq, CAST(json AS BLOB) FROM log WHERE seq IN (SELECT seq FROM attempt WHERE id = ?1)
UNION ALL
SELECT seq, CAST(json AS BLOB) FROM log WHERE seq > (SELECT seq FROM indexed WHERE id = 1)
ORDER BY 1;
