-- The versions in the order of their commits: a reader that has seen a position has seen all before it. Writes are
-- serialised, so the number of a row, one more than the largest that there was, is its position.
-- change is what the write changed, for the events; NULL where a former release wrote the version.
CREATE TABLE version_by_position (
    position      INTEGER PRIMARY KEY AUTOINCREMENT,
    resource_type TEXT   NOT NULL,
    id            TEXT   NOT NULL,
    version       BIGINT NOT NULL,
    last_updated  TEXT   NOT NULL,
    interaction   TEXT   NOT NULL,
    content       TEXT   NOT NULL,
    change        TEXT,
    UNIQUE (resource_type, id, version)
);

-- Sorted by keys alone, then copied row by row: the contents are not sorted.
INSERT INTO version_by_position (position, resource_type, id, version, last_updated, interaction, content)
SELECT sorted.position, v.resource_type, v.id, v.version, v.last_updated, v.interaction, v.content
FROM (
    SELECT ROW_NUMBER() OVER (ORDER BY at, resource_type, id, version) AS position, number
    FROM (
        SELECT rowid AS number, resource_type, id, version,
               MAX(last_updated) OVER (PARTITION BY resource_type, id ORDER BY version) AS at
        FROM resource_version
    )
) AS sorted
CROSS JOIN resource_version v ON v.rowid = sorted.number;

DROP TABLE resource_version;
ALTER TABLE version_by_position RENAME TO resource_version;
