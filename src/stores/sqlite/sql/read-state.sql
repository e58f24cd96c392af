-- Reads the state at the last checkpoint in the order in which its parts first appeared. No parameters.
SELECT CAST(kind AS BLOB), CAST(key AS BLOB), CAST(json AS BLOB) FROM state ORDER BY rowid;
