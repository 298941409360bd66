#include "net/redis/client.hpp"

#include "net/redis/client_metrics.hpp"
#include "net/redis/reply.hpp"
#include "net/redis/servers.hpp"

#include <atomic>
#include <csignal>
#include <map>
#include <mutex>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <hiredis/hiredis.h>
#include <spdlog/spdlog.h>

namespace tiketi::net {

namespace {

namespace asio = boost::asio;
using clock = redis_connection::clock;
using redis::call_error;

/// `EVALSHA hash n keys... arguments...`, or EVAL with the text, which Redis then remembers.
std::vector<std::string> words_of(const redis::call& c, bool with_text) {
  if (!c.run)
    return c.words;
  std::vector<std::string> out;
  out.reserve(c.words.size() + 3);
  out.emplace_back(with_text ? "EVAL" : "EVALSHA");
  out.push_back(with_text ? c.run->text : c.run->sha1);
  out.push_back(std::to_string(c.keys));
  out.insert(out.end(), c.words.begin(), c.words.end());
  return out;
}

class hiredis_client final : public redis::client {
public:
  hiredis_client(environment& env, prometheus::Registry& registry, redis_options options)
      : options_(std::move(options)),
        metrics_(registry),
        servers_(
            io_, env, options_,
            [this](const auto& now, const std::string& why) { changed(now, why); },
            [this](const std::string& why) { failed(why); }),
        deadline_timer_(io_),
        tick_timer_(io_),
        counts_(servers_.now()) {
    asio::post(io_, [this] {
      servers_.start();
      tick();
    });
    // hiredis writes without MSG_NOSIGNAL: a broken connection must not end the process. The new
    // thread inherits the mask.
    sigset_t pipe;
    sigset_t before;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, &before);
    thread_ = std::thread([this] { io_.run(); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

  ~hiredis_client() override { shutdown(); }

  void start(redis::call c, done_fn done) override {
    const auto refuse = [&](call_error why, const char* text) {
      metrics_.count(why);
      done({why, {}, text});
    };
    if (ready_.load(std::memory_order_acquire) == 0)
      return refuse(call_error::unavailable, "not connected");
    if (in_flight_.fetch_add(1, std::memory_order_relaxed) >= options_.in_flight_max) {
      in_flight_.fetch_sub(1, std::memory_order_relaxed);
      return refuse(call_error::overloaded, "too many calls in flight");
    }
    auto p = std::make_shared<pending>();
    p->started = clock::now();
    p->what = std::move(c);
    p->done = std::move(done);
    bool first = false;
    {
      const std::lock_guard lock{mutex_};
      if (!stopping_) {
        first = fresh_.empty();
        fresh_.push_back(p);
        p = nullptr;
      }
    }
    if (p) {
      in_flight_.fetch_sub(1, std::memory_order_relaxed);
      metrics_.count(call_error::unavailable);
      p->done({call_error::unavailable, {}, "the program ends"});
    } else if (first) {
      // One post for all that come until the thread gets to it: they share a packet.
      asio::post(io_, [this] { take_fresh(); });
    }
  }

  redis::client_status status() const override {
    const std::lock_guard lock{mutex_};
    return {counts_.connections, ready_.load(), last_error_, counts_.slots_away};
  }

  void shutdown() override {
    {
      const std::lock_guard lock{mutex_};
      if (std::exchange(stopping_, true))
        return;
    }
    asio::post(io_, [this] {
      ready_.store(0);
      servers_.stop();
      std::vector<std::shared_ptr<pending>> late;
      {
        const std::lock_guard lock{mutex_};
        late.swap(fresh_);
      }
      for (const auto& p : late)
        finish(*p, {call_error::unavailable, {}, "the program ends"});
      io_.stop();
    });
    thread_.join();
    metrics_.ready.Set(0);
  }

private:
  struct pending;
  using deadlines = std::multimap<clock::time_point, std::shared_ptr<pending>>;

  /// One call. `done` is empty once the caller has heard.
  struct pending {
    redis::call what;
    done_fn done;
    clock::time_point started;
    std::optional<deadlines::iterator> deadline;
    bool with_text = false; ///< of its script: the node did not know it
    bool asking = false;    ///< the node has the slot only for calls that say so
    int redirections = 0;
  };

  void take_fresh() {
    std::vector<std::shared_ptr<pending>> fresh;
    {
      const std::lock_guard lock{mutex_};
      fresh.swap(fresh_);
    }
    for (const auto& p : fresh) {
      p->deadline = deadlines_.emplace(p->started + p->what.deadline, p);
      send(p);
    }
    arm();
    metrics_.in_flight.Set(static_cast<double>(in_flight_.load()));
  }

  void send(const std::shared_ptr<pending>& p) {
    const auto slot = options_.cluster ? call_slot(p->what) : std::nullopt;
    send(p, servers_.choose(slot, p->what.route));
  }

  void send(const std::shared_ptr<pending>& p, const std::shared_ptr<redis_node>& node) {
    if (!p->done) { // too late, and nowhere under way
      in_flight_.fetch_sub(1, std::memory_order_relaxed);
      return;
    }
    if (node && node->undecided())
      return node->when_decided([this, p, weak = std::weak_ptr{node}] { send(p, weak.lock()); });
    auto* c = node ? node->pick(p->what.route) : nullptr;
    const bool sent =
        c && (!p->asking || c->send({"ASKING"}, [](const redisReply*) {}))
        && c->send(words_of(p->what, p->with_text),
                   [this, p, node, c](const redisReply* reply) { answered(p, node, *c, reply); });
    if (!sent) {
      finish(*p, {call_error::unavailable, {}, "not connected"});
      in_flight_.fetch_sub(1, std::memory_order_relaxed);
    }
  }

  void answered(const std::shared_ptr<pending>& p, const std::shared_ptr<redis_node>& node,
                redis_connection& from, const redisReply* reply) {
    if (!reply) {
      finish(*p, {call_error::lost, {}, "the connection was lost"});
    } else if (reply->type == REDIS_REPLY_ERROR) {
      const std::string_view text{reply->str, reply->len};
      if (text.starts_with("NOSCRIPT") && p->what.run && !p->with_text && p->done) {
        p->with_text = true;
        return send(p, node);
      }
      if (sent_elsewhere(p, *node, text))
        return;
      // A master that became a replica: its name may lead to another server by now.
      if (text.starts_with("READONLY"))
        from.give_up(std::string{text});
      finish(*p, {call_error::refused, {}, std::string{text}});
    } else {
      finish(*p, {call_error::none, to_reply(*reply), {}});
    }
    // Only now: a call whose deadline has passed is still in Redis' hands until here.
    in_flight_.fetch_sub(1, std::memory_order_relaxed);
  }

  /// Follows a redirection of the cluster. False: this was none, or it leads nowhere.
  bool sent_elsewhere(const std::shared_ptr<pending>& p, const redis_node& from,
                      std::string_view text) {
    const bool moved = text.starts_with("MOVED ");
    if (!options_.cluster) {
      if (moved && !std::exchange(told_of_cluster_, true))
        spdlog::error("redis: {} is a node of a Redis Cluster: set redis.cluster = true ({})",
                      to_string(from.address()), text);
      return false;
    }
    if (moved || text.starts_with("CLUSTERDOWN"))
      servers_.look_again(from);
    const auto where = parse_redirection(text, from.address().host);
    if (!where)
      return false;
    (where->ask ? metrics_.asked : metrics_.moved).Increment();
    if (!p->done || p->redirections == redis_redirections_max)
      return false;
    const auto node = servers_.at(where->to);
    if (!node)
      return false;
    ++p->redirections;
    p->asking = where->ask;
    p->with_text = false; // that node may well know the script
    send(p, node);
    return true;
  }

  void finish(pending& p, redis::outcome what) {
    if (!p.done)
      return;
    if (p.deadline)
      deadlines_.erase(*p.deadline);
    if (what.ok())
      metrics_.seconds.Observe(std::chrono::duration<double>(clock::now() - p.started).count());
    metrics_.count(what.error);
    std::exchange(p.done, nullptr)(std::move(what));
  }

  void arm() {
    if (deadlines_.empty())
      return;
    const auto first = deadlines_.begin()->first;
    if (armed_ && deadline_timer_.expiry() <= first)
      return;
    armed_ = true;
    deadline_timer_.expires_at(first);
    deadline_timer_.async_wait([this](auto error) {
      if (error)
        return;
      armed_ = false;
      const auto now = clock::now();
      while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
        const auto p = deadlines_.begin()->second; // `finish` erases the entry
        finish(*p, {call_error::timed_out, {}, "no answer in time"});
      }
      arm();
    });
  }

  void tick() {
    const auto now = clock::now();
    servers_.tick(now);
    metrics_.in_flight.Set(static_cast<double>(in_flight_.load()));
    tick_timer_.expires_after(redis_connection::tick_interval);
    tick_timer_.async_wait([this](auto error) {
      if (!error)
        tick();
    });
  }

  void changed(const redis_servers::counts& now, const std::string& why) {
    metrics_.ready.Set(static_cast<double>(now.ready));
    metrics_.slots_away.Set(static_cast<double>(now.slots_away));
    const std::lock_guard lock{mutex_}; // `status` sees both or neither
    ready_.store(now.ready);
    counts_ = now;
    if (!why.empty()) {
      metrics_.lost.Increment();
      last_error_ = why;
    }
  }

  void failed(const std::string& why) {
    const std::lock_guard lock{mutex_};
    last_error_ = why;
  }

  const redis_options options_;
  redis_metrics metrics_;
  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
  // Of the thread.
  redis_servers servers_;
  deadlines deadlines_;
  asio::steady_timer deadline_timer_;
  asio::steady_timer tick_timer_;
  bool armed_ = false;
  bool told_of_cluster_ = false;
  // Of all.
  std::atomic<std::size_t> ready_{0};
  std::atomic<std::size_t> in_flight_{0};
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<pending>> fresh_;
  std::string last_error_;
  redis_servers::counts counts_;
  bool stopping_ = false;
  std::thread thread_;
};

} // namespace

std::shared_ptr<redis::client> make_redis_client(environment& env, prometheus::Registry& registry,
                                                 redis_options options) {
  return std::make_shared<hiredis_client>(env, registry, std::move(options));
}

} // namespace tiketi::net
