#pragma once

#include "tests/cluster/history.hpp"
#include "tests/sale/sale_audit.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace tiketi::test {

struct hall {
  std::string event;
  std::vector<std::string> seats; ///< those that the clients fight for
};

struct load_options {
  std::vector<std::uint16_t> ports; ///< of the nodes
  std::vector<hall> halls;
  std::size_t clients = 40;
  std::string queue; ///< an event whose line is watched; empty: none
  std::size_t in_line = 10;
  std::uint64_t seed = 0;
  std::chrono::milliseconds hold_ttl{3000}; ///< as configured
  std::chrono::milliseconds patience{4000}; ///< of a client with one answer
  /// How long the seats of a hold in doubt may be refused to others: Redis keeps them for it for
  /// `redis.seat_lock_ms`, and its last attempt may be late.
  std::chrono::milliseconds doubt{10'000 + 1'000};
};

/// What one person saw of a line, from one joining to the leaving.
struct stay_in_line {
  struct look {
    std::int64_t call = 0;
    std::int64_t end = 0;
    std::string status; ///< as answered
  };

  std::size_t person = 0;
  std::int64_t join_call = 0; ///< of the first attempt
  std::int64_t join_end = 0;  ///< of the answer
  std::vector<look> looks;
  std::int64_t leave_call = 0; ///< 0: did not leave
};

/// Many clients, each asking any node at any time: they hold seats, pay, cancel, get their money
/// back, or let a hold expire; others stand in a line. Everything they did and were told is kept.
class fault_load {
public:
  explicit fault_load(load_options o);
  ~fault_load();
  fault_load(const fault_load&) = delete;
  fault_load& operator=(const fault_load&) = delete;

  /// Signs everybody up and lets them in. False: somebody was refused.
  bool prepare();

  void start(); ///< on a thread of its own
  void stop();  ///< returns when every client has finished what it was doing

  /// Waits until each hall has answered a command that began after now. False: one has not in time;
  /// `silent` says which.
  bool all_served(std::chrono::milliseconds timeout, std::string& silent) const;

  // Afterwards:
  const std::vector<ledger_line>& told() const;
  seat_history& history();
  const std::vector<stay_in_line>& line() const;
  std::size_t surprises() const; ///< answers that nobody should get
  /// How often each answer came, as `reserve 409`.
  const std::map<std::string, std::size_t>& answers() const;

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

/// P4, from what people in line saw: nobody is admitted before somebody who joined earlier and
/// still waits, nobody loses the place, and never are more active than allowed. Failures of the
/// running test. `staleness`: how old an answer may be.
void check_line(const std::vector<stay_in_line>& line, std::size_t threshold,
                std::chrono::milliseconds staleness);

} // namespace tiketi::test
