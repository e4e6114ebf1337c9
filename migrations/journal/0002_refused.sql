-- Finds the last refusals among many exchanges that succeeded.
CREATE INDEX exchange_refused ON exchange (id) WHERE status >= 400;
