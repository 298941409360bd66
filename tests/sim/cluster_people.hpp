#pragma once

#include "actors/base/result.hpp"
#include "tests/sim/cluster_world.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace tiketi::sim {

/// Those who buy: each wants one thing once, asks at any node, and repeats what was not answered
/// for certain, at another one. Nobody comes twice, so what is stored for a person is the effect of
/// one command. Remembers what they were told, and checks it.
class cluster_people {
public:
  explicit cluster_people(cluster_world& world) : world_(world) {}

  /// Somebody new, every now and then until `until`.
  void come(milliseconds until);

  /// What is under way is repeated at another node: its own is gone.
  void lost(const life& l);
  /// Requests that this process has not answered.
  std::size_t waiting_at(const life& l) const;
  bool all_answered() const;
  std::string oldest_unanswered() const;

  /// Buys every seat that is left; each must be had at the first attempt.
  void buy_the_rest();
  /// What an owner wrote after the end of its lease is found by whoever wants the same; from then
  /// on it expires like any other.
  void want_what_came_late();

  /// What people were told is so, now that everything had time to end.
  void check() const;

private:
  /// Whether a request was under way at a node that had every chance to answer it.
  struct errand {
    std::string what;
    std::function<void(life&, std::size_t, std::uint64_t)> go;
    std::function<void(const failure&)> refused;
    std::uint64_t attempt = 0;
    milliseconds asked{};
    life* at = nullptr;
    bool open = true;
    bool must_not_fail = false;
  };

  struct buyer {
    user_id user;
    event_id event;
    std::string key;
    std::vector<seat_id> seats; ///< empty: a ticket
    reservation_id reservation; ///< nil: none
    bool refused = false;
    bool cancel_asked = false;
    bool cancelled = false;
    bool queued = false;
    bool left = false;
  };

  struct verdict {
    bool given = false;
    bool confirmed = false;
  };

  void somebody();
  void hold(std::size_t b, bool last = false);
  void decide(std::size_t b);
  void pay(std::size_t b);
  void settle(std::size_t b, const money& m);
  void cancel(std::size_t b);
  void stand_in_line(std::size_t b);
  void look_at_line(std::size_t b, int times);
  void leave_line(std::size_t b);

  template <class Reply, class Message>
  std::size_t run(std::string what, bool queue, Message message,
                  std::function<void(const Reply&)> done,
                  std::function<void(const failure&)> refused);
  void attempt(std::size_t e);
  void repeat(std::size_t e);
  void failed(std::size_t e, std::uint64_t attempt, const failure& why);
  life* somewhere();

  cluster_world& world_;
  std::deque<errand> errands_;
  std::vector<buyer> buyers_;
  std::map<payment_id, verdict> verdicts_;
  bool last_round_ = false;
};

} // namespace tiketi::sim
