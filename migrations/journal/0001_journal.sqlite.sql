-- Every exchange as it was. This table has what a list shows and filters by, so that thousands of rows are read quickly;
-- headers, bodies and the decision are in exchange_content.
CREATE TABLE exchange (
    id            BIGINT NOT NULL PRIMARY KEY,
    request_id    TEXT   NOT NULL,
    at            TEXT   NOT NULL,
    method        TEXT   NOT NULL,
    target        TEXT   NOT NULL,
    status        BIGINT NOT NULL,
    interaction   TEXT   NOT NULL,
    resource_type TEXT,
    resource_id   TEXT,
    caller        TEXT,
    -- Each between two spaces, to be found as a whole.
    rules         TEXT   NOT NULL,
    duration_us   BIGINT NOT NULL,
    -- Of the whole exchange, about, in bytes.
    size          BIGINT NOT NULL,
    -- 1: a successful read or search, which is deleted before others.
    is_read       BIGINT NOT NULL
) WITHOUT ROWID;

CREATE INDEX exchange_request_id ON exchange (request_id);
CREATE INDEX exchange_is_read ON exchange (is_read, id);

-- Compressed by zstd.
CREATE TABLE exchange_content (
    exchange INTEGER NOT NULL PRIMARY KEY,
    content  BLOB    NOT NULL
);

-- The hashed identifiers and the resource of an exchange. In runs of ids, so that new rows stand together.
CREATE TABLE exchange_subject (
    run      BIGINT NOT NULL,
    subject  BIGINT NOT NULL,
    exchange BIGINT NOT NULL,
    PRIMARY KEY (run, subject, exchange)
) WITHOUT ROWID;

-- One row: the last id, and how much is kept, of it successful reads and searches.
CREATE TABLE total (
    last      BIGINT NOT NULL,
    size      BIGINT NOT NULL,
    read_size BIGINT NOT NULL
);
INSERT INTO total (last, size, read_size) VALUES (0, 0, 0);
