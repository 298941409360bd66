#include "actors/catalog/member_consumer.hpp"

#include "actors/system/caf_error.hpp"

#include <utility>

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <nlohmann/json.hpp>

namespace tiketi::catalog {

result<std::optional<count_members>> to_member_count(const domain_event& event) {
  const bool more = event.type == "MEMBERSHIP_ACTIVATED";
  if (!more && event.type != "MEMBERSHIP_EXPIRED")
    return std::optional<count_members>{};
  const auto body = nlohmann::json::parse(event.payload, nullptr, false);
  const auto found = body.is_object() ? body.find("artistId") : body.end();
  const auto artist = found != body.end() && found->is_string()
                          ? parse_id<artist_id>(found->get_ref<const std::string&>())
                          : std::nullopt;
  if (event.id.is_nil() || !artist)
    return failure{errc::invalid_request,
                   event.type + " " + to_string(event.id) + ": artistId is missing"};
  return std::optional<count_members>{{event.id, *artist, more ? 1 : -1}};
}

namespace {

struct consumer_state {
  consumer_state() = default;

  catalog_writer writer;
};

consumer_actor::behavior_type member_consumer(consumer_actor::stateful_pointer<consumer_state> self,
                                              catalog_writer writer) {
  self->state.writer = std::move(writer);
  return {
      [self](const deliver& m) -> caf::result<applied> {
        auto count = to_member_count(m.event);
        if (!count)
          return to_caf(count.error());
        if (!*count)
          return applied{m.event.id, false};
        auto promise = self->make_response_promise<applied>();
        self->request(self->state.writer, caf::infinite, catalog_write{**count})
            .then(
                [promise, id = m.event.id](const catalog_written& w) mutable {
                  // Repeating is safe: the message counts once.
                  if (w.status == commit_status::committed)
                    promise.deliver(applied{id, !w.changed});
                  else
                    promise.deliver(
                        to_caf(w.status == commit_status::rejected ? w.why : errc::unavailable));
                },
                [promise](caf::error& err) mutable { promise.deliver(std::move(err)); });
        return promise;
      },
  };
}

} // namespace

const std::vector<std::string>& events_of_members() {
  static const std::vector<std::string> all{"MEMBERSHIP_ACTIVATED", "MEMBERSHIP_EXPIRED"};
  return all;
}

consumer_actor start_member_consumer(caf::actor_system& sys, catalog_writer writer) {
  return sys.spawn(member_consumer, std::move(writer));
}

} // namespace tiketi::catalog
