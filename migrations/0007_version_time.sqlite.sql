-- The versions of a type in the order of their times, for histories. Every index ends with the position, which is the rowid.
-- About 60 bytes a version.
CREATE INDEX resource_version_time ON resource_version (resource_type, last_updated);
