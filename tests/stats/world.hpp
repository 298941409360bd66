#pragma once

#include "actors/base/environment.hpp"
#include "actors/bus/messages.hpp"
#include "actors/catalog/event_changed.hpp"
#include "actors/event/messages.hpp"
#include "actors/payment/messages.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace tiketi::test {

struct world_row {
  std::string section;
  std::int32_t row = 0;
  std::int64_t price = 0;
  std::int64_t seats = 0;
};

struct world_event {
  catalog::event_row row;
  std::vector<world_row> rows; ///< empty: standing
  std::vector<catalog::ticket_type_row> types;

  std::int64_t capacity() const;
};

struct world_reservation {
  ticket::reservation_view view; ///< as it is now
  std::size_t event = 0;
  std::size_t user = 0;
  time_point created;
  std::optional<time_point> confirmed;
  std::optional<time_point> ended; ///< cancelled or expired
  std::optional<std::size_t> payment;

  std::int64_t seats() const;
  std::int64_t units() const; ///< seats and tickets
};

struct world_payment {
  payment::payment_view view;
  std::size_t event = 0;
  time_point confirmed;
  std::optional<time_point> refunded;
};

struct world_user {
  user_id id;
  std::string role;
  time_point registered;
};

/// A made-up ticket shop that keeps complete ledgers and publishes what the real roles would: the
/// payloads come from their own functions.
class world {
public:
  explicit world(std::uint64_t seed);

  /// One thing happens, some time after the last. Appends what is published to `out`.
  void step(std::vector<domain_event>& out);

  /// The events of the catalog; published first.
  std::vector<domain_event> opening();

  time_point now;
  std::vector<world_event> events;
  std::vector<world_user> users;
  std::vector<world_reservation> reservations;
  std::vector<world_payment> payments;

private:
  std::uint64_t below(std::uint64_t n) { return chance_() % n; }
  std::optional<std::size_t> pick(const std::function<bool(const world_reservation&)>& wanted);

  void register_user(std::vector<domain_event>& out);
  void create(std::vector<domain_event>& out);
  void confirm(std::vector<domain_event>& out);
  void cancel(std::vector<domain_event>& out);
  void expire(std::vector<domain_event>& out);
  void refund(std::vector<domain_event>& out);

  std::mt19937_64 chance_;
  std::unique_ptr<environment> env_;
};

} // namespace tiketi::test
