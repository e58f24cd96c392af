-- Enters one entry into the index of attempts; fails where an attempt is held or settled again.
-- ?1 attempt id  ?2 part (0 held, 1 settled, else -seq)  ?3 seq
INSERT INTO attempt (id, part, seq) VALUES (?1, ?2, ?3);
