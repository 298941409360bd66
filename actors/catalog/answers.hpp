#pragma once

#include "actors/event/messages.hpp"
#include "storage/catalog_store.hpp"

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace tiketi::catalog {

// The bodies of the catalog's answers. Columns are snake_case, envelopes and computed fields
// camelCase, nulls are present; the status is that of `now`.

/// An event with all its columns, as `GET /api/events/{id}` and the administration show it.
nlohmann::json event_json(const event_row& e, time_point now);

nlohmann::json artist_json(const artist_row& a);

/// `{page,limit,total,totalPages}`
nlohmann::json pagination_json(std::int32_t page, std::int32_t limit, std::int64_t total);

/// `{"events":[...],"pagination":{page,limit,total,totalPages}}`
std::string events_body(const event_page& page, const event_filter& filter, time_point now);

/// `{"event":{...,"ticketTypes"},"ticketTypes":[...]}`; `preSaleSchedule` where the event has both
/// an artist and a start of sale.
std::string event_body(const event_detail& detail,
                       const std::vector<ticket::ticket_type_view>& types, time_point now);

/// `{"artists":[...],"pagination":{...}}`. Memberships belong to the ticket role; `member_count` is
/// what its events add up to.
std::string artists_body(const artist_page& page, std::int32_t number, std::int32_t limit);

/// `{"artist":{...},"memberCount","events":[...]}`; `memberCount` as above.
std::string artist_body(const artist_detail& detail, time_point now);

} // namespace tiketi::catalog
