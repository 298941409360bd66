#include "actors/event/catalog_consumer.hpp"

#include "actors/catalog/artist_changed.hpp"
#include "actors/catalog/event_changed.hpp"
#include "actors/catalog/name_id.hpp"
#include "actors/system/caf_error.hpp"

#include <utility>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace tiketi::ticket {

std::vector<seat_row> generate_seats(event_id event, const catalog::seat_plan& plan) {
  std::vector<seat_row> out;
  out.reserve(static_cast<std::size_t>(plan.total_seats));
  for (const auto& section : plan.sections) {
    for (std::int32_t r = 0; r < section.rows; ++r) {
      for (std::int32_t n = 1; n <= section.seats_per_row; ++n) {
        seat_row seat;
        seat.section = section.name;
        seat.row = section.start_row + r;
        seat.number = n;
        seat.label = fmt::format("{}-{}-{}", section.name, seat.row, n);
        seat.price = section.price;
        // Row and number come first: a section's name may end in digits and dashes.
        seat.id = seat_id{catalog::name_based_uuid(
            event.value, fmt::format("seat/{}/{}/{}", seat.row, n, section.name))};
        out.push_back(std::move(seat));
      }
    }
  }
  return out;
}

result<change_catalog> to_change(const domain_event& event) {
  auto parsed = catalog::parse_event_changed(event.payload);
  if (!parsed)
    return parsed.error();
  auto& from = *parsed;
  change_catalog out;
  out.message = event.id;
  out.event.id = from.event.id;
  out.event.title = std::move(from.event.title);
  out.event.venue = std::move(from.event.venue);
  out.event.address = from.event.address.value_or("");
  out.event.event_date = from.event.event_date;
  out.event.sale_start = from.event.sale_start.value_or(time_point{});
  out.event.sale_end = from.event.sale_end.value_or(time_point{});
  out.event.cancelled = from.event.cancelled;
  out.event.artist = from.event.artist;
  out.event.artist_name = from.event.artist_name.value_or("");
  out.event.poster_url = from.event.poster_url.value_or("");
  if (from.layout) {
    const auto plan = catalog::parse_layout(from.layout->config);
    if (!plan)
      return plan.error();
    if (from.event.seats_offered)
      out.seats = generate_seats(from.event.id, *plan);
    out.event.layout = from.layout->id;
    out.event.layout_config = from.layout->config;
    out.layout = layout_view{from.layout->id, std::move(from.layout->name),
                             from.layout->description.value_or(""), plan->total_seats,
                             std::move(from.layout->config)};
  }
  out.whole_plan = true;
  for (auto& type : from.types)
    out.types.push_back({type.id, from.event.id, std::move(type.name),
                         type.description.value_or(""), type.price, type.total, type.total});
  return out;
}

namespace {

struct consumer_state {
  consumer_state() = default;

  ticket_writer writer;
  event_changed_fn changed;
};

result<membership::put_artist_card> to_card(const domain_event& event) {
  membership::put_artist_card out;
  out.message = event.id;
  if (event.type == catalog::artist_removed_type) {
    const auto artist = catalog::parse_artist_removed(event.payload);
    if (!artist)
      return artist.error();
    out.artist.id = *artist;
    out.removed = true;
    return out;
  }
  const auto artist = catalog::parse_artist_changed(event.payload);
  if (!artist)
    return artist.error();
  out.artist = {artist->id, artist->name, artist->image_url.value_or(""), artist->membership_price};
  return out;
}

caf::result<applied> put_artist(consumer_actor::stateful_pointer<consumer_state> self,
                                const domain_event& event) {
  const auto command = to_card(event);
  if (!command)
    return to_caf(command.error());
  auto promise = self->make_response_promise<applied>();
  self->request(self->state.writer, caf::infinite, ticket_write{*command})
      .then(
          [promise, id = event.id](const ticket_written& written) mutable {
            if (written.status == commit_status::committed)
              promise.deliver(applied{id, written.duplicate});
            else
              promise.deliver(to_caf(written.status == commit_status::unknown ? errc::in_doubt
                                                                              : errc::unavailable));
          },
          [promise](caf::error& err) mutable { promise.deliver(std::move(err)); });
  return promise;
}

consumer_actor::behavior_type
catalog_consumer(consumer_actor::stateful_pointer<consumer_state> self, ticket_writer writer,
                 event_changed_fn changed) {
  self->state.writer = std::move(writer);
  self->state.changed = std::move(changed);
  return {
      [self](const deliver& message) -> caf::result<applied> {
        const auto& event = message.event;
        const auto id = event.id;
        if (event.topic == catalog::catalog_topic
            && (event.type == catalog::artist_changed_type
                || event.type == catalog::artist_removed_type))
          return put_artist(self, event);
        if (event.topic != catalog::catalog_topic || event.type != catalog::event_changed_type)
          return applied{id, false};
        auto change = to_change(event);
        if (!change) {
          spdlog::error("catalog event {} of event {} cannot be applied: {}", to_string(id),
                        event.key, change.error().text);
          return to_caf(change.error());
        }
        const auto changed_event = change->event.id;
        auto promise = self->make_response_promise<applied>();
        // The writer is local and always answers; its death is reported too.
        self->request(self->state.writer, caf::infinite, ticket_write{std::move(*change)})
            .then(
                [self, promise, id, changed_event](const ticket_written& written) mutable {
                  if (written.status != commit_status::committed && !written.duplicate) {
                    // Nothing is lost by trying again: the message is applied once.
                    promise.deliver(to_caf(written.status == commit_status::unknown ? errc::in_doubt
                                           : written.status == commit_status::rejected
                                               ? errc::conflict
                                               : errc::unavailable));
                    return;
                  }
                  if (self->state.changed)
                    self->state.changed(changed_event);
                  promise.deliver(applied{id, written.duplicate});
                },
                [promise](caf::error& err) mutable { promise.deliver(std::move(err)); });
        return promise;
      },
  };
}

} // namespace

consumer_actor start_catalog_consumer(caf::actor_system& sys, ticket_writer writer,
                                      event_changed_fn changed) {
  return sys.spawn(catalog_consumer, std::move(writer), std::move(changed));
}

} // namespace tiketi::ticket
