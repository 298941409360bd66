#pragma once

#include "actors/catalog/event_changed.hpp"
#include "actors/event/messages.hpp"
#include "actors/payment/messages.hpp"
#include "storage/sql/database.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

// What a ticket shop has in its books, for figures counted straight from them.

namespace tiketi::test {

struct ledger_row {
  std::string section;
  std::int32_t row = 0;
  std::int64_t price = 0;
  std::int64_t seats = 0;
};

struct ledger_event {
  catalog::event_row row;
  std::vector<ledger_row> rows; ///< seats for sale, one entry per section, row and price
  std::vector<catalog::ticket_type_row> types;

  std::int64_t capacity() const;
};

struct ledger_reservation {
  ticket::reservation_view view; ///< as it is now
  std::size_t event = 0;
  std::size_t user = 0;   ///< who made it
  std::size_t owner = 0;  ///< whose it is: the last who bought it
  std::int64_t spent = 0; ///< by the owner
  time_point created;
  std::optional<time_point> confirmed;
  std::optional<time_point> ended; ///< cancelled or expired
  std::optional<std::size_t> payment;

  std::int64_t seats() const;
  std::int64_t units() const; ///< seats and tickets
};

struct ledger_payment {
  payment::payment_view view;
  std::optional<std::size_t> event; ///< none: a membership
  time_point confirmed;
  std::optional<time_point> refunded;
};

struct ledger_transfer {
  std::size_t buyer = 0;
  time_point at;
};

struct ledger_user {
  user_id id;
  std::string role;
  time_point registered;
};

/// The books of all roles at one moment.
struct ledgers {
  std::vector<ledger_event> events;
  std::vector<ledger_user> users;
  std::vector<ledger_reservation> reservations;
  std::vector<ledger_payment> payments;
  std::vector<time_point> declined; ///< payments that the bank refused
  std::vector<ledger_transfer> transfers;
  std::int64_t memberships = 0; ///< times that one came into force
};

/// One of the databases of the roles.
using open_database = std::function<sql::database(const std::string& role)>;

/// The books as the roles' own tables have them.
ledgers read_books(const open_database& open);

} // namespace tiketi::test
