#pragma once

#include "tests/cluster/sale_cluster.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace tiketi::test {

/// A trickle of requests, one visitor for each hall: holds a seat that nobody else wants, gives it
/// back, and looks at the hall, again and again; each of it has to work. Visitors ask nodes as a
/// balancer would: those that said that they are ready, asked every 100 ms.
class trickle {
public:
  struct failure {
    std::size_t hall = 0;
    std::int64_t at = 0; ///< when it was answered; as of `now_ns`
    std::string what;
  };

  struct tally {
    std::size_t answered = 0;
    std::size_t repeated = 0; ///< at another node, as a node that leaves gave no answer
    std::chrono::milliseconds slowest{0};
    std::vector<failure> failures;
    std::vector<std::string> unready; ///< what nodes said that were not ready of themselves
  };

  trickle(sale_cluster& sale, std::uint64_t seed);
  ~trickle();
  trickle(const trickle&) = delete;
  trickle& operator=(const trickle&) = delete;

  /// Signs the visitors up. False: somebody was refused.
  bool prepare();
  void start(); ///< on threads of its own
  void stop();

  /// The node is being stopped: who gets no answer of it at all asks another node.
  void leaves(std::size_t node, bool on);
  /// Nobody asks it any more, whatever it says.
  void avoid(std::size_t node, bool on);

  /// Waits until a hold of this hall that began after `since` has worked; 0: it has not in time.
  /// Else when it was answered.
  std::int64_t served(std::size_t hall, std::int64_t since,
                      std::chrono::milliseconds timeout) const;

  tally result() const; ///< after `stop`

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace tiketi::test
