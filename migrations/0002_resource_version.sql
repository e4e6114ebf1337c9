-- Every version of every resource, as answered; the highest is the current one. Rows are only ever added.
CREATE TABLE resource_version (
    resource_type TEXT   NOT NULL,
    id            TEXT   NOT NULL,
    version       BIGINT NOT NULL,
    last_updated  TEXT   NOT NULL,
    interaction   TEXT   NOT NULL,
    content       TEXT   NOT NULL,
    PRIMARY KEY (resource_type, id, version)
);
