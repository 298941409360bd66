#pragma once

#include "net/redis/node.hpp"
#include "net/redis/slots.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

namespace tiketi::net {

/// The servers that calls go to: the one of the options, or the masters of the cluster to which
/// that belongs. Of a cluster it keeps the table of slots: learnt with CLUSTER SLOTS over any ready
/// connection, again whenever something shows that it may be old, one question at a time and not
/// sooner than `refresh_pause` after the one before. A master that leaves the table keeps its
/// connections until nothing is under way on them.
///
/// Everything here runs on the thread of the `io_context`, which must have ended when this does.
class redis_servers {
public:
  using clock = redis_connection::clock;

  static constexpr milliseconds refresh_pause{200};
  /// How often the table is asked for while a part of the slots is not reached.
  static constexpr milliseconds refresh_while_away{1'000};
  /// A server outside of the table is left when no call went there for this long.
  static constexpr milliseconds guest_life{5'000};
  /// So many of them at once: calls are led there by redirections.
  static constexpr std::size_t guests_max = 16;

  struct counts {
    std::size_t connections = 0; ///< to masters of the table
    std::size_t ready = 0;       ///< of them
    std::size_t slots_away = 0;  ///< whose master is not known or not connected
  };
  /// Hears of every change of the counts; `why` if a connection was lost or could not be made.
  using change_fn = std::function<void(const counts& now, const std::string& why)>;
  /// Hears why there is no table.
  using refused_fn = std::function<void(const std::string& why)>;

  redis_servers(boost::asio::io_context& io, environment& env, const redis_options& options,
                change_fn changed, refused_fn refused);
  ~redis_servers();

  void start();
  void stop(); ///< all calls hear null before it returns. Not from an answer
  void tick(clock::time_point now);

  const counts& now() const noexcept { return counts_; }

  /// Who serves the slot; without one, a master that is connected. Null: nobody is known.
  std::shared_ptr<redis_node> choose(std::optional<std::uint16_t> slot, std::uint64_t route);
  /// Who a redirection names; may have to be connected first. Null: too many strangers.
  std::shared_ptr<redis_node> at(const redis_address& where);
  /// The table may be old; `from` is likely to know better.
  void look_again(const redis_node& from);

private:
  struct member {
    std::shared_ptr<redis_node> node;
    bool listed = false; ///< in the table
    clock::time_point used_at;
  };

  std::shared_ptr<redis_node> make_node(const redis_address& where);
  void node_changed(const redis_node::change& what);
  void count();
  void see_to_it();
  void see_to_seed();
  void see_to_guests(clock::time_point now);
  void refresh(clock::time_point now);
  void ask(const redis_address& whom, redis_connection& over);
  void refused(const redis_address& by, const std::string& why);
  void learn(const std::vector<slot_range>& ranges);

  boost::asio::io_context& io_;
  environment& env_;
  const redis_options options_;
  change_fn changed_;
  refused_fn refused_;
  std::map<redis_address, member> members_;
  std::shared_ptr<redis_node> seed_; ///< of a cluster; null while a master is connected
  slot_table table_;
  std::vector<std::shared_ptr<redis_node>> masters_; ///< as in the table
  counts counts_;
  bool stopped_ = false;
  bool seeing_to_it_ = false; ///< a handler is out
  // Of the question for the table.
  bool wanted_ = false;
  bool under_way_ = false;
  bool troubled_ = false;      ///< and the log says so
  std::uint64_t question_ = 0; ///< answers to earlier ones do nothing
  std::size_t next_asked_ = 0;
  redis_address better_asked_; ///< port 0: nobody in particular
  clock::time_point asked_at_;
};

} // namespace tiketi::net
