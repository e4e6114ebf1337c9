-- The record of every exchange: rows are added, and removed when their time is over, never changed.
CREATE TABLE exchange (
    id     INTEGER PRIMARY KEY,
    at     TEXT NOT NULL,
    record TEXT NOT NULL
);

CREATE TRIGGER exchange_is_append_only BEFORE UPDATE ON exchange
BEGIN
    SELECT RAISE(ABORT, 'a record of an exchange is never changed');
END;

-- What records are found by. Sorted within runs of 128 records, so that what is added lands on the same few
-- pages; a lookup asks every run.
CREATE TABLE exchange_subject (
    run      INTEGER NOT NULL,
    subject  INTEGER NOT NULL,
    exchange INTEGER NOT NULL,
    PRIMARY KEY (run, subject, exchange)
) WITHOUT ROWID;

CREATE TRIGGER exchange_subject_is_append_only BEFORE UPDATE ON exchange_subject
BEGIN
    SELECT RAISE(ABORT, 'a record of an exchange is never changed');
END;

-- What instances keep for themselves and each other: the key of hashes, the last try whether writing works.
CREATE TABLE note (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);
