#pragma once

#include "actors/base/environment.hpp"
#include "actors/bus/messages.hpp"
#include "tests/stats/ledgers.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <vector>

namespace tiketi::test {

/// A made-up ticket shop that keeps complete ledgers and publishes what the real roles would: the
/// payloads come from their own functions.
class world : public ledgers {
public:
  explicit world(std::uint64_t seed);

  /// One thing happens, some time after the last. Appends what is published to `out`.
  void step(std::vector<domain_event>& out);

  /// The events of the catalog; published first.
  std::vector<domain_event> opening();

  time_point now;

private:
  std::uint64_t below(std::uint64_t n) { return chance_() % n; }
  std::optional<std::size_t> pick(const std::function<bool(const ledger_reservation&)>& wanted);

  /// Seats of a row of `event` that are held or sold.
  std::int64_t taken(std::size_t event, const ledger_row& row) const;

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
