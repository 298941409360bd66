-- Listings and memberships are paid for too. A membership that was paid and came into force can be
-- paid again when it is over; a listing is bought once.

DROP INDEX payments_live_reference;

CREATE UNIQUE INDEX payments_live_reference ON payments(payment_type, reference_id)
  WHERE reference_id IS NOT NULL AND status NOT IN ('failed', 'refunded')
        AND NOT (payment_type = 'membership' AND status = 'captured' AND resolved = 1);
CREATE INDEX payments_by_reference ON payments(reference_id, created_at);
