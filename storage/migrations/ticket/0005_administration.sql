-- What administrators may do to a running sale. A seat that leaves the sale stays as a row, because
-- its fencing token must go on growing should it come back, and because reservations that have
-- ended still name it.

ALTER TABLE seats ADD COLUMN retired INTEGER NOT NULL DEFAULT 0 CHECK (retired IN (0, 1));

-- Lists of all reservations, newest first.
CREATE INDEX reservations_by_time ON reservations(created_at, id);
