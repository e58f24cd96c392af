-- Reads the entry that opened an account, and the account's place among those that it opened.
-- ?1 number of the account
SELECT CAST(log.json AS BLOB), opening.place FROM opening JOIN log ON log.seq = opening.seq WHERE opening.number = ?1;
