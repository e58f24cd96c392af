-- Entries are stored as lines (see line.ts); lines written before stay as they are, so that the hash chain goes on. An
-- attempt is found through a table of its own, which is written some hundred entries behind the log: its rows come in the
-- order of their keys then, and a commit need not wait for them.
DROP INDEX log_attempt;
ALTER TABLE log RENAME TO log_before;

-- The append-only log. `json` is the line's text, `hash` the SHA-256 that chains it to the line before it.
CREATE TABLE log (
  seq INTEGER PRIMARY KEY,
  json TEXT NOT NULL,
  hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;

-- An attempt is held once (part 0), settled once (part 1), and found by its id; -seq keeps its other entries apart.
CREATE TABLE attempt (
  id TEXT NOT NULL,
  part INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  PRIMARY KEY (id, part)
) STRICT, WITHOUT ROWID;

-- The entry up to which `attempt` is written.
CREATE TABLE indexed (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  seq INTEGER NOT NULL
) STRICT;

-- Which entry opened the account of a number, and as the how-manyth, from 0: the line itself says its name.
CREATE TABLE opening (
  number INTEGER PRIMARY KEY,
  seq INTEGER NOT NULL,
  place INTEGER NOT NULL
) STRICT;

INSERT INTO log (seq, json, hash) SELECT seq, json, hash FROM log_before;
INSERT INTO attempt (id, part, seq)
  SELECT attempt_id, CASE type WHEN 'call.held' THEN 0 WHEN 'call.posted' THEN 1 WHEN 'call.voided' THEN 1 ELSE -seq END, seq
  FROM log_before WHERE attempt_id IS NOT NULL;
INSERT INTO indexed (id, seq) SELECT 1, coalesce(max(seq), 0) FROM log_before;
INSERT INTO opening (number, seq, place)
  SELECT row_number() OVER (ORDER BY log_before.seq, opened.key), log_before.seq, opened.key
  FROM log_before, json_each(log_before.json, '$.opens') AS opened WHERE log_before.type = 'call.held';
DROP TABLE log_before;

-- Accounts have numbers now: the next start folds the whole log once and writes the state anew.
DELETE FROM checkpoint;
DELETE FROM state;
