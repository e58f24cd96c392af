-- Removes one part of the state.
-- ?1 kind  ?2 key
DELETE FROM state WHERE kind = ?1 AND key = ?2;
