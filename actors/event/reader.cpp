#include "actors/event/reader.hpp"

#include "actors/system/caf_error.hpp"

#include <utility>

namespace tiketi::ticket {

store_reader::behavior_type reader(store_reader::stateful_pointer<reader_state> self,
                                   std::shared_ptr<ticket_queries> queries) {
  self->state.queries = std::move(queries);
  return {
      [self](const get_reservation& q) -> caf::result<reservation_view> {
        auto found = self->state.queries->find_reservation(q.reservation);
        if (!found)
          return to_caf(found.error());
        if (!*found || (*found)->user != q.user)
          return to_caf({errc::not_found, "Reservation not found"});
        return std::move(**found);
      },
      [self](const list_reservations& q) -> caf::result<reservation_list> {
        auto found = self->state.queries->reservations_of(q.user, q.limit);
        if (!found)
          return to_caf(found.error());
        return reservation_list{std::move(*found)};
      },
      [self](const get_ticket_types& q) -> caf::result<ticket_type_list> {
        auto found = self->state.queries->ticket_types(q.event);
        if (!found)
          return to_caf(found.error());
        return ticket_type_list{std::move(*found)};
      },
      [self](const get_availability& q) -> caf::result<ticket_type_view> {
        auto found = self->state.queries->ticket_type(q.type);
        if (!found)
          return to_caf(found.error());
        if (!*found)
          return to_caf({errc::not_found, "Ticket type not found"});
        return std::move(**found);
      },
      [self](const get_layouts&) -> caf::result<layout_list> {
        auto found = self->state.queries->layouts();
        if (!found)
          return to_caf(found.error());
        return layout_list{std::move(*found)};
      },
      [self](const load_event& q) -> caf::result<loaded_event> {
        auto found = self->state.queries->load_event(q.event);
        if (!found)
          return to_caf(found.error());
        return loaded_event{std::make_shared<event_snapshot>(std::move(*found))};
      },
      [self](const list_events&) -> caf::result<event_list> {
        auto all = self->state.queries->event_ids();
        if (!all)
          return to_caf(all.error());
        auto pending = self->state.queries->events_with_pending();
        if (!pending)
          return to_caf(pending.error());
        return event_list{std::move(*all), std::move(*pending)};
      },
      [self](const find_live& q) -> caf::result<found_live> {
        auto found = self->state.queries->live_of_cancelled(q.event, q.limit);
        if (!found)
          return to_caf(found.error());
        return found_live{std::move(*found)};
      },
      [self](const find_by_id& q) -> caf::result<found_reservation> {
        auto found = self->state.queries->find_reservation(q.reservation);
        if (!found)
          return to_caf(found.error());
        return found_reservation{std::move(*found)};
      },
      [self](const find_by_key& q) -> caf::result<found_reservation> {
        auto found = self->state.queries->find_by_key(q.user, q.key);
        if (!found)
          return to_caf(found.error());
        return found_reservation{std::move(*found)};
      },
  };
}

namespace {

// One handler per question, all alike.
template <class Reply, class Question>
auto pass(store_reader::stateful_pointer<reader_pool_state> self) {
  return [self](Question& q) -> caf::result<Reply> {
    auto& s = self->state;
    const auto& next = s.readers[s.next++ % s.readers.size()];
    auto promise = self->make_response_promise<Reply>();
    promise.delegate(next, std::move(q));
    return promise;
  };
}

} // namespace

store_reader::behavior_type reader_pool(store_reader::stateful_pointer<reader_pool_state> self,
                                        std::vector<store_reader> readers) {
  self->state.readers = std::move(readers);
  return {
      pass<reservation_view, get_reservation>(self),
      pass<reservation_list, list_reservations>(self),
      pass<ticket_type_list, get_ticket_types>(self),
      pass<ticket_type_view, get_availability>(self),
      pass<layout_list, get_layouts>(self),
      pass<loaded_event, load_event>(self),
      pass<event_list, list_events>(self),
      pass<found_live, find_live>(self),
      pass<found_reservation, find_by_id>(self),
      pass<found_reservation, find_by_key>(self),
  };
}

} // namespace tiketi::ticket
