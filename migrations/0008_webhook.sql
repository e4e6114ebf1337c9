-- Each webhook is a cursor over the versions in the order of their commits.
-- position: every event up to it was delivered, passed over, or is not wanted.
-- revision counts the commands of operators: whoever read the row before a command does not overwrite it. moves counts
-- those that set the position.
CREATE TABLE webhook (
    name          TEXT   NOT NULL PRIMARY KEY,
    log           TEXT   NOT NULL,
    position      BIGINT NOT NULL,
    revision      BIGINT NOT NULL,
    moves         BIGINT NOT NULL,
    state         TEXT   NOT NULL,
    reason        TEXT,
    attempts      BIGINT NOT NULL,
    failing_since TEXT,
    next_attempt  TEXT,
    last_at       TEXT,
    last_status   BIGINT,
    last_error    TEXT
);

-- The events that were passed over.
CREATE TABLE webhook_dead_letter (
    webhook  TEXT   NOT NULL,
    position BIGINT NOT NULL,
    at       TEXT   NOT NULL,
    status   BIGINT,
    PRIMARY KEY (webhook, position)
);

-- Work that one instance does at a time. expires: milliseconds of Unix time, by the database's clock.
CREATE TABLE lease (
    name    TEXT   NOT NULL PRIMARY KEY,
    holder  TEXT   NOT NULL,
    expires BIGINT NOT NULL
);
