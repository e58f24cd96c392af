-- Reads the state at the last checkpoint in the order in which its parts first appeared. No parameters.
SELECT kind, key, json FROM state ORDER BY rowid;
