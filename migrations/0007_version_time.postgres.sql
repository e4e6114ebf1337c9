-- The versions of a type in the order of their times, for histories. About 65 bytes a version.
CREATE INDEX resource_version_time ON resource_version (resource_type, last_updated, position);
