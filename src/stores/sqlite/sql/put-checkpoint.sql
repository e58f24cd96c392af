-- Moves the checkpoint.
-- ?1 seq  ?2 at (epoch ms)  ?3 hash of that entry (hex)  ?4 budgets version  ?5 digest over the state (hex)
INSERT INTO checkpoint (id, seq, at, hash, budgets_version, digest) VALUES (1, ?1, ?2, ?3, ?4, ?5)
ON CONFLICT (id) DO UPDATE SET
  seq = excluded.seq,
  at = excluded.at,
  hash = excluded.hash,
  budgets_version = excluded.budgets_version,
  digest = excluded.digest;
