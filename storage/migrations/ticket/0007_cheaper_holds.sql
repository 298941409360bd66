-- What a hold costs on PostgreSQL. There each of these keys is one more query per row, and the store,
-- which is the only writer, checks the same in the transaction that writes the row: a reservation
-- and its items are written by one command; a seat is taken by its id, its event and its state, a
-- ticket type by its id and its event; a line of the history goes with a change of its reservation;
-- and no event, seat, ticket type or reservation is ever deleted.
{{postgresql}} ALTER TABLE reservations DROP CONSTRAINT reservations_event_id_fkey;
{{postgresql}} ALTER TABLE reservation_items DROP CONSTRAINT reservation_items_reservation_id_fkey;
{{postgresql}} ALTER TABLE reservation_items DROP CONSTRAINT reservation_items_seat_id_fkey;
{{postgresql}} ALTER TABLE reservation_items DROP CONSTRAINT reservation_items_ticket_type_id_fkey;
{{postgresql}} ALTER TABLE reservation_history
  DROP CONSTRAINT reservation_history_reservation_id_fkey;

-- A seat changes a few times, and none of the columns that change is in an index: with room for the
-- new row in its page no index has to be written.
{{postgresql}} ALTER TABLE seats SET (fillfactor = 50);
