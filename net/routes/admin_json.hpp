#pragma once

#include "actors/catalog/admin.hpp"
#include "net/http/json_body.hpp"
#include "net/http/message.hpp"
#include "net/http/router.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

// What the routes of the administration and the internal ones read and write alike.

namespace tiketi::net {

/// Who made this call; nil for an internal one.
catalog::admin_caller caller_of(const exchange_ptr& x);

/// What an audit row says about a call.
struct audited {
  const char* action = "";
  const char* resource_type = "";
};

/// Answers `r`, and notes that the call got no further.
void refuse_call(const exchange_ptr& x, const catalog::admin_actor& admin, const audited& what,
                 response r);

/// For `route::refused`: notes a logged-in caller without the role.
std::function<void(const request&)> note_forbidden(catalog::admin_actor admin, audited what);

/// Body of POST and PUT /api/admin/events; complaints go into `in`.
catalog::event_edit read_event(json_body& in);

/// Body of a ticket type; complaints go into `in`. The id is left nil.
catalog::ticket_type_row read_ticket_type(json_body& in);

/// A text for `ticketTypes` of an event: none, where it is absent or empty.
bool has_elements(const std::string& body, const char* field);

/// `page` and `limit`, clamped; nothing after answering 400.
struct page_query {
  std::int32_t page = 1;
  std::int32_t limit = 20;
};
std::optional<page_query> read_page(const exchange_ptr& x);

nlohmann::json ticket_type_json(const catalog::type_saved& saved);
nlohmann::json layouts_json(const std::vector<catalog::layout_row>& layouts);
nlohmann::json layout_json(const catalog::layout_row& layout);

/// The whole row, as PATCH .../status answers it.
nlohmann::json reservation_row_json(const ticket::admin_reservation& r);
/// One of a list.
nlohmann::json listed_reservation_json(const catalog::named_reservation& r);
/// One of the dashboard.
nlohmann::json recent_reservation_json(const catalog::named_reservation& r);

} // namespace tiketi::net
