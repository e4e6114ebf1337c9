-- The current state of each resource, without its content: what writes decide on and searches filter by.
-- Times are UTC text of fixed width, made by the program: their order is the order of time.
CREATE TABLE resource (
    resource_type TEXT   NOT NULL,
    id            TEXT   NOT NULL,
    version       BIGINT NOT NULL,
    last_updated  TEXT   NOT NULL,
    content_hash  TEXT   NOT NULL,
    active        BIGINT NOT NULL,
    status        TEXT,
    start         TEXT,
    PRIMARY KEY (resource_type, id)
);

CREATE INDEX resource_last_updated ON resource (resource_type, last_updated, id);
CREATE INDEX resource_start ON resource (resource_type, start) WHERE start IS NOT NULL;
