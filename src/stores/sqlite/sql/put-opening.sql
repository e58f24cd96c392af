-- Notes which entry opened an account.
-- ?1 number of the account  ?2 seq  ?3 its place among those that the entry opened, from 0
INSERT INTO opening (number, seq, place) VALUES (?1, ?2, ?3);
