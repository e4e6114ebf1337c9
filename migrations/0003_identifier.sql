-- Business identifiers in their comparable form. hold says how the resource relates to one:
-- 'held' (it answers to it), 'released' (it once did), 'mentioned' (it carries it, no more).
CREATE TABLE identifier (
    resource_type TEXT NOT NULL,
    resource_id   TEXT NOT NULL,
    system        TEXT NOT NULL,
    value         TEXT NOT NULL,
    hold          TEXT NOT NULL,
    PRIMARY KEY (resource_type, resource_id, system, value)
);

-- The last word on identity: no identifier has two holders, whatever instance writes.
CREATE UNIQUE INDEX identifier_holder ON identifier (resource_type, system, value) WHERE hold = 'held';
-- The value first: an index that begins with the type tempts Postgres to read all of a type by it.
CREATE INDEX identifier_value ON identifier (value, resource_type, system);
