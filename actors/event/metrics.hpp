#pragma once

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
class Registry;
} // namespace prometheus

namespace tiketi::ticket {

/// Looked up once; counted by behaviours only. Thread-safe.
struct ticket_metrics {
  explicit ticket_metrics(prometheus::Registry& registry);

  prometheus::Counter& created;          ///< business_reservation_total
  prometheus::Counter& confirmed;        ///< business_reservation_confirmed_total
  prometheus::Counter& cancelled;        ///< business_reservation_cancelled_total
  prometheus::Counter& expired;          ///< business_reservation_expired_total
  prometheus::Counter& transferred;      ///< business_transfer_completed_total
  prometheus::Counter& refused;          ///< ticket_payments_refused_total
  prometheus::Counter& reconciled;       ///< reconciliation_mismatch_total
  prometheus::Counter& holds;            ///< ticket_holds_total
  prometheus::Counter& conflicts;        ///< ticket_hold_conflicts_total
  prometheus::Counter& replays;          ///< ticket_idempotent_replays_total
  prometheus::Counter& doubts;           ///< ticket_store_doubts_total
  prometheus::Gauge& events;             ///< ticket_active_actors{kind="event"}
  prometheus::Gauge& reservations;       ///< ticket_active_actors{kind="reservation"}
  prometheus::Gauge& seats;              ///< ticket_active_actors{kind="seat"}
  prometheus::Histogram& region_mailbox; ///< tiketi_mailbox_depth{actor="event_region"}
  prometheus::Histogram& event_mailbox;  ///< tiketi_mailbox_depth{actor="event"}
};

} // namespace tiketi::ticket
