-- A committed change of the copy: what a walk sees is the copy at one revision. `last` holds, for each
-- resource type, the number of its last version then.
CREATE TABLE revision (
    revision     BIGINT PRIMARY KEY,
    committed_at TEXT NOT NULL,
    last         TEXT NOT NULL
);

-- Every version of a resource that is still kept; written once, never changed.
-- number = resource type << 32 | sequence within the type; times are milliseconds since 1970.
CREATE TABLE version (
    number       BIGINT PRIMARY KEY,
    opened       BIGINT NOT NULL,
    id           TEXT NOT NULL,
    body         TEXT NOT NULL
);

-- The version that each resource has now.
CREATE TABLE resource (
    resource_type BIGINT NOT NULL,
    id            TEXT COLLATE "C" NOT NULL,
    number        BIGINT NOT NULL,
    opened        BIGINT NOT NULL,
    last_updated  BIGINT NOT NULL,
    hash          BYTEA NOT NULL,
    PRIMARY KEY (resource_type, id)
);

-- Versions that were replaced or removed, kept for the walks that began before.
CREATE TABLE superseded (
    number        BIGINT PRIMARY KEY,
    resource_type BIGINT NOT NULL,
    id            TEXT NOT NULL,
    opened        BIGINT NOT NULL,
    closed        BIGINT NOT NULL
);
CREATE INDEX superseded_id ON superseded (resource_type, id);
CREATE INDEX superseded_closed ON superseded (closed);

-- The same by bucket (sequence >> 16) and revision, as sets of sequences.
CREATE TABLE closing (
    resource_type BIGINT NOT NULL,
    bucket        BIGINT NOT NULL,
    revision      BIGINT NOT NULL,
    sequences     BYTEA NOT NULL,
    PRIMARY KEY (resource_type, bucket, revision)
);

-- A part of the index: the versions from `first` to `last`. Written once; small ones are merged.
CREATE TABLE segment (
    id            BIGINT PRIMARY KEY,
    resource_type BIGINT NOT NULL,
    first         BIGINT NOT NULL,
    last          BIGINT NOT NULL,
    versions      BIGINT NOT NULL
);
CREATE INDEX segment_first ON segment (resource_type, first);

-- What a search looks up: a term, and the versions of the segment that have it.
CREATE TABLE posting (
    segment   BIGINT NOT NULL,
    term      BYTEA NOT NULL,
    sequences BYTEA NOT NULL,
    PRIMARY KEY (segment, term)
);

-- Versions met by the full walk under way.
CREATE TABLE seen (
    resource_type BIGINT NOT NULL,
    bucket        BIGINT NOT NULL,
    sequences     BYTEA NOT NULL,
    PRIMARY KEY (resource_type, bucket)
);

-- What the synchronisation remembers.
CREATE TABLE note (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

-- Resources that could not be read.
CREATE TABLE set_aside (
    number        BIGINT PRIMARY KEY,
    at            TEXT NOT NULL,
    resource_type BIGINT,
    name          TEXT NOT NULL,
    reason        TEXT NOT NULL
);

-- Sets of sequences are compact already.
ALTER TABLE posting ALTER COLUMN sequences SET STORAGE EXTERNAL;
ALTER TABLE closing ALTER COLUMN sequences SET STORAGE EXTERNAL;

-- Faster than the default, where the server has it.
DO $$ BEGIN
    ALTER TABLE version ALTER COLUMN body SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN NULL;
END $$;
