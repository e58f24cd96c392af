-- Writes one part of the state; one that is known keeps its place in the order.
-- ?1 kind  ?2 key  ?3 json
INSERT INTO state (kind, key, json) VALUES (?1, ?2, ?3) ON CONFLICT (kind, key) DO UPDATE SET json = excluded.json;
