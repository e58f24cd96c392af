-- The ledger as it starts: the log, the state at the last checkpoint, and the epoch. Runs inside the migration's transaction.
-- 0x42555253, "BURS": tells this file from any other SQLite database.
PRAGMA application_id = 1112887891;

-- The append-only log. `json` is the entry's own text, `hash` the SHA-256 that chains it to the entry before it.
CREATE TABLE log (
  seq INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  type TEXT NOT NULL,
  call_id TEXT,
  attempt_id TEXT,
  json TEXT NOT NULL,
  hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;

-- Three duties in one index, because each further index costs a third of the throughput: an attempt is held once, is
-- settled once (posted or voided share a value), and is found by its id; -seq keeps every other entry apart.
CREATE UNIQUE INDEX log_attempt ON log (
  attempt_id,
  CASE type WHEN 'call.held' THEN 0 WHEN 'call.posted' THEN 1 WHEN 'call.voided' THEN 1 ELSE -seq END
) WHERE attempt_id IS NOT NULL;

-- What the fold of the log came to at the checkpoint: one row per account, hold, budget, agent and calibration, in the
-- order in which they first appeared (rowid). Amounts are decimal strings.
CREATE TABLE state (
  kind TEXT NOT NULL,
  key TEXT NOT NULL,
  json TEXT NOT NULL,
  PRIMARY KEY (kind, key)
) STRICT;

-- The entry up to which `state` is true. `hash` is that entry's, `digest` the sum of the rows' SHA-256.
CREATE TABLE checkpoint (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  seq INTEGER NOT NULL,
  at INTEGER NOT NULL,
  hash TEXT NOT NULL,
  budgets_version INTEGER NOT NULL,
  digest TEXT NOT NULL
) STRICT;

-- How often this ledger was opened for writing; whoever holds an older number writes no more.
CREATE TABLE ledger (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  epoch INTEGER NOT NULL
) STRICT;

INSERT INTO ledger (id, epoch) VALUES (1, 0);
