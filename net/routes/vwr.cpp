#include "net/routes/vwr.hpp"

#include "actors/vwr/numbered_room.hpp"
#include "actors/vwr/type_ids.hpp"
#include "net/http/json_body.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

namespace tiketi::net {

namespace {

using nlohmann::json;

constexpr std::size_t holder_characters_max = 128;
constexpr std::int64_t batch_default = 500;
constexpr std::int64_t batch_max = 1'000'000;

// Everybody in the room polls, so these bodies are formatted by hand; nothing in them needs an
// escape.
response fresh(std::string body) {
  response r;
  r.body = std::move(body);
  // Counters move, and a token is one person's: no proxy may keep either.
  r.headers.emplace_back("Cache-Control", "no-store");
  return r;
}

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

std::string or_anonymous(std::string_view holder) {
  return holder.empty() ? "anonymous" : std::string{holder};
}

response position_unknown() {
  return error_response({errc::not_found, "Position not found. Request a new position."});
}

/// What operators get where there is no room: the contract's `status`, and an error's fields.
void no_room(const exchange_ptr& x, const uuid& event, const failure& why) {
  if (why.code != errc::not_found)
    return x->reply(error_response(why));
  x->reply(json_response(404, {{"eventId", to_string(event)},
                               {"status", "not_found"},
                               {"error", why.text},
                               {"message", why.text},
                               {"code", "not_found"}}));
}

std::string caller_name(const exchange_ptr& x) {
  const auto& who = x->req().who;
  return who ? to_string(who->user) : "an internal caller";
}

class handlers {
public:
  explicit handlers(vwr_routes deps) : deps_(std::move(deps)) {}

  void status(front& f, const exchange_ptr& x) const {
    const auto event = capture_id(x, 0);
    if (!event)
      return;
    f.ask<vwr::room_counters>(
        x, deps_.rooms, vwr::show_room{event_id{*event}},
        [id = to_string(*event)](const vwr::room_counters& room) {
          return fresh(fmt::format(R"({{"eventId":"{}","isActive":{},"totalInQueue":{},)"
                                   R"("serving":{},"waitingCount":{}}})",
                                   id, room.active, room.issued, room.serving,
                                   room.issued - room.serving));
        });
  }

  void assign(front& f, const exchange_ptr& x) const {
    const auto id = capture_id(x, 0);
    if (!id)
      return;
    json_body in{x->req().body};
    auto holder = or_anonymous(
        in.text("userId", {.min = 0, .max = holder_characters_max, .required = false}));
    if (in.ok() && has_control(holder))
      in.complain("userId", "userId must not contain control characters");
    if (!in.ok())
      return x->reply(in.error());
    f.ask<vwr::number_taken>(
        x, deps_.rooms, vwr::take_number{event_id{*id}},
        [this, &f, event = event_id{*id},
         holder = std::move(holder)](const vwr::number_taken& taken) {
          const auto request =
              deps_.ids.seal(event, holder, taken.generation, taken.number, f.env().now());
          const auto ahead = taken.number > taken.serving ? taken.number - taken.serving : 0;
          return fresh(fmt::format(R"({{"requestId":"{}","position":{},"estimatedWait":{},)"
                                   R"("servingCounter":{}}})",
                                   to_string(request), taken.number,
                                   vwr::estimated_wait(ahead, deps_.served_per_second),
                                   taken.serving));
        });
  }

  void check(front& f, const exchange_ptr& x) const {
    const auto id = capture_id(x, 0);
    if (!id)
      return;
    const event_id event{*id};
    auto holder = or_anonymous(x->req().query_value("userId").value_or(""));
    // Whatever is not one of our request ids is answered so that the client asks for a new one.
    const auto request = parse_uuid(x->req().captures[1]);
    const auto known =
        request ? deps_.ids.open(event, holder, *request, f.env().now()) : std::nullopt;
    if (!known)
      return x->reply(position_unknown());
    f.ask<vwr::number_state>(
        x, deps_.rooms, vwr::check_number{event, known->generation, known->number},
        [this, &f, event, number = known->number,
         holder = std::move(holder)](const vwr::number_state& seen) {
          if (seen.switched_off)
            return fresh(
                fmt::format(R"({{"admitted":true,"token":"{}","position":{},"servingCounter":{}}})",
                            mint(event, holder, number, f.env().now()), number, seen.serving));
          if (seen.served)
            return fresh(fmt::format(R"({{"admitted":true,"position":{},"servingCounter":{},)"
                                     R"("totalInQueue":{},"ahead":0,"token":"{}"}})",
                                     number, seen.serving, seen.issued,
                                     mint(event, holder, number, f.env().now())));
          return fresh(fmt::format(R"({{"admitted":false,"position":{},"servingCounter":{},)"
                                   R"("totalInQueue":{},"ahead":{},"estimatedWait":{},)"
                                   R"("nextPoll":{}}})",
                                   number, seen.serving, seen.issued, seen.ahead,
                                   vwr::estimated_wait(seen.ahead, deps_.served_per_second),
                                   vwr::next_poll(seen.ahead)));
        });
  }

  void activate(front& f, const exchange_ptr& x) const {
    const auto event = capture_id(x, 0);
    if (!event)
      return;
    const auto reset = x->req().query_value("reset").value_or("false");
    if (reset != "true" && reset != "false")
      return x->reply(validation_response({{"reset", "reset must be true or false"}}));
    f.ask<vwr::room_counters>(
        x, deps_.rooms, vwr::activate_room{event_id{*event}, reset == "true"},
        [x, id = to_string(*event), again = reset == "true"](const vwr::room_counters&) {
          spdlog::info("waiting room of event {}: activated{} by {}", id, again ? " from zero" : "",
                       caller_name(x));
          return json_response(
              {{"eventId", id}, {"status", "activated"}, {"message", "VWR activated"}});
        });
  }

  void deactivate(front& f, const exchange_ptr& x) const {
    const auto event = capture_id(x, 0);
    if (!event)
      return;
    f.ask_or<vwr::room_counters>(
        x, deps_.rooms, vwr::deactivate_room{event_id{*event}},
        [x, id = to_string(*event)](const vwr::room_counters&) {
          spdlog::info("waiting room of event {}: deactivated by {}", id, caller_name(x));
          return json_response({{"eventId", id}, {"status", "deactivated"}});
        },
        [x, event = *event](const failure& why) { no_room(x, event, why); });
  }

  void counters(front& f, const exchange_ptr& x) const {
    const auto event = capture_id(x, 0);
    if (!event)
      return;
    f.ask_or<vwr::room_counters>(
        x, deps_.rooms, vwr::show_room{event_id{*event}},
        [id = to_string(*event)](const vwr::room_counters& room) {
          return json_response({{"eventId", id},
                                {"isActive", room.active},
                                {"nextPosition", room.issued},
                                {"servingCounter", room.serving},
                                {"waiting", room.issued - room.serving}});
        },
        [x, event = *event](const failure& why) { no_room(x, event, why); });
  }

  void advance(front& f, const exchange_ptr& x) const {
    const auto event = capture_id(x, 0);
    if (!event)
      return;
    json_body in{x->req().body};
    const auto batch =
        in.optional_number("batchSize", {.min = 1, .max = batch_max}).value_or(batch_default);
    if (!in.ok())
      return x->reply(in.error());
    f.ask_or<vwr::room_advanced>(
        x, deps_.rooms, vwr::advance_room{event_id{*event}, static_cast<std::uint64_t>(batch)},
        [x, id = to_string(*event)](const vwr::room_advanced& done) {
          if (done.advanced == 0)
            return json_response({{"eventId", id},
                                  {"status", "caught_up"},
                                  {"message", "servingCounter already >= nextPosition"}});
          spdlog::info("waiting room of event {}: advanced by {} to {} by {}", id, done.advanced,
                       done.serving, caller_name(x));
          return json_response(
              {{"eventId", id}, {"servingCounter", done.serving}, {"advanced", done.advanced}});
        },
        [x, event = *event](const failure& why) { no_room(x, event, why); });
  }

  void list(front& f, const exchange_ptr& x) const {
    f.ask<vwr::active_rooms>(x, deps_.rooms, vwr::list_active{},
                             [](const vwr::active_rooms& active) {
                               std::vector<std::string> ids;
                               for (const auto& event : active.events)
                                 ids.push_back(to_string(event));
                               std::sort(ids.begin(), ids.end());
                               return json_response({{"activeEvents", ids}});
                             });
  }

private:
  std::string mint(const event_id& event, const std::string& holder, std::uint64_t number,
                   time_point now) const {
    const auto issued = std::chrono::floor<seconds>(now);
    return deps_.tokens.sign({event, holder, number, issued, issued + deps_.token_ttl});
  }

  vwr_routes deps_;
};

} // namespace

void add_vwr_routes(router& routes, vwr_routes deps) {
  auto h = std::make_shared<const handlers>(std::move(deps));
  const auto add = [&](verb method, std::string pattern, access who, rate_category limit,
                       body_rule body,
                       void (handlers::*handle)(front&, const exchange_ptr&) const) {
    routes.add({method, std::move(pattern), who, limit, body,
                [h, handle](front& f, const exchange_ptr& x) { ((*h).*handle)(f, x); }});
  };
  using enum rate_category;
  using enum body_rule;
  // Whole networks share an address, and everybody polls: only taking a number is limited like
  // joining a queue.
  add(verb::get, "/vwr-api/vwr/status/{id}", access::open, general, none, &handlers::status);
  add(verb::post, "/vwr-api/vwr/assign/{id}", access::open, queue, optional, &handlers::assign);
  add(verb::get, "/vwr-api/vwr/check/{id}/{request}", access::open, general, none,
      &handlers::check);
  add(verb::post, "/api/admin/vwr/activate/{id}", access::admin, general, none,
      &handlers::activate);
  add(verb::post, "/api/admin/vwr/deactivate/{id}", access::admin, general, none,
      &handlers::deactivate);
  add(verb::get, "/api/admin/vwr/status/{id}", access::admin, general, none, &handlers::counters);
  add(verb::post, "/api/admin/vwr/advance/{id}", access::admin, general, optional,
      &handlers::advance);
  add(verb::get, "/internal/vwr/active", access::internal, exempt, none, &handlers::list);
  add(verb::post, "/internal/vwr/advance/{id}", access::internal, exempt, optional,
      &handlers::advance);
}

} // namespace tiketi::net
