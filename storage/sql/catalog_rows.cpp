#include "storage/sql/catalog_rows.hpp"

namespace tiketi::sql {

using namespace catalog;

std::optional<event_detail> load_event(database& db, event_id id) {
  event_detail out;
  event_columns columns;
  query q{db};
  q << "SELECT " << event_columns::names << " FROM events e WHERE e.id = ";
  q.value(id);
  columns.bind(q);
  if (!q.run())
    return std::nullopt;
  out.event = columns.row();

  std::string type_id;
  ticket_type_row type;
  nullable<std::string> description;
  long long price = 0;
  int total = 0;
  query types{db};
  types << "SELECT id, name, description, price, total_quantity FROM ticket_types "
           "WHERE event_id = ";
  types.value(id) << " ORDER BY price DESC, id";
  types.into(type_id).into(type.name).into(description.value, description.present);
  types.into(price).into(total);
  for (bool more = types.run(); more; more = types.next()) {
    type.id = to_id<ticket_type_id>(type_id);
    type.description = description.get();
    type.price = price;
    type.total = total;
    out.types.push_back(type);
  }
  return out;
}

std::optional<layout_row> load_layout(database& db, layout_id id) {
  layout_row out;
  out.id = id;
  nullable<std::string> description;
  int seats = 0;
  query q{db};
  q << "SELECT name, description, total_seats, config FROM seat_layouts WHERE id = ";
  q.value(id);
  q.into(out.name).into(description.value, description.present).into(seats).into(out.config);
  if (!q.run())
    return std::nullopt;
  out.description = description.get();
  out.total_seats = seats;
  return out;
}

std::optional<ticket_type_detail> load_type(database& db, ticket_type_id id) {
  ticket_type_detail out;
  std::string event;
  nullable<std::string> description;
  long long price = 0, created_at = 0, updated_at = 0;
  int total = 0;
  query q{db};
  q << "SELECT event_id, name, description, price, total_quantity, created_at, updated_at "
       "FROM ticket_types WHERE id = ";
  q.value(id);
  q.into(event).into(out.type.name).into(description.value, description.present).into(price);
  q.into(total).into(created_at).into(updated_at);
  if (!q.run())
    return std::nullopt;
  out.type.id = id;
  out.type.description = description.get();
  out.type.price = price;
  out.type.total = total;
  out.event = to_id<event_id>(event);
  out.created_at = from_millis(created_at);
  out.updated_at = from_millis(updated_at);
  return out;
}

std::optional<artist_row> load_artist(database& db, artist_id id) {
  artist_columns columns;
  query q{db};
  q << "SELECT " << artist_columns::names << " FROM artists a WHERE a.id = ";
  q.value(id);
  columns.bind(q);
  if (!q.run())
    return std::nullopt;
  return columns.row();
}

} // namespace tiketi::sql
