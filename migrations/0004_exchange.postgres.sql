-- The record of every exchange: rows are added, and removed when their time is over, never changed.
CREATE TABLE exchange (
    id     BIGINT PRIMARY KEY,
    at     TEXT NOT NULL,
    record TEXT NOT NULL
);

-- What records are found by. Sorted within runs of 128 records, so that what is added lands on the same few
-- pages; a lookup asks every run.
CREATE TABLE exchange_subject (
    run      BIGINT NOT NULL,
    subject  BIGINT NOT NULL,
    exchange BIGINT NOT NULL,
    PRIMARY KEY (run, subject, exchange)
);

CREATE FUNCTION exchange_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a record of an exchange is never changed';
END
$$;

CREATE TRIGGER exchange_is_append_only BEFORE UPDATE ON exchange
    FOR EACH STATEMENT EXECUTE FUNCTION exchange_is_append_only();

CREATE TRIGGER exchange_subject_is_append_only BEFORE UPDATE ON exchange_subject
    FOR EACH STATEMENT EXECUTE FUNCTION exchange_is_append_only();

-- What instances keep for themselves and each other: the key of hashes, the last try whether writing works.
CREATE TABLE note (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);
