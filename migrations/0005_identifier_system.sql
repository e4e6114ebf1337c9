-- How many resources carry an identifier of a system, and which: without it, each of them is read.
-- The system first: an index that begins with the type tempts Postgres to read all of a type by it.
CREATE INDEX identifier_system ON identifier (system, resource_type, resource_id) WHERE hold <> 'released';
