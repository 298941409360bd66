#include "net/redis/client.hpp"

#include "net/redis/client_metrics.hpp"
#include "net/redis/connection.hpp"

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

/// Deeper lists than any script answers with are cut off.
redis::reply convert(const redisReply& r, int depth = 8) {
  redis::reply out;
  switch (r.type) {
  case REDIS_REPLY_INTEGER:
    out.what = redis::reply::kind::integer;
    out.integer = r.integer;
    break;
  case REDIS_REPLY_STRING:
  case REDIS_REPLY_STATUS:
  case REDIS_REPLY_ERROR:
    out.what = redis::reply::kind::text;
    out.text.assign(r.str, r.len);
    break;
  case REDIS_REPLY_ARRAY:
    out.what = redis::reply::kind::list;
    for (std::size_t i = 0; depth > 0 && i < r.elements; ++i)
      out.items.push_back(convert(*r.element[i], depth - 1));
    break;
  default:
    break;
  }
  return out;
}

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
      : options_(std::move(options)), metrics_(registry), deadline_timer_(io_), tick_timer_(io_) {
    for (std::size_t i = 0; i < std::max<std::size_t>(options_.connections, 1); ++i) {
      connections_.push_back(std::make_shared<redis_connection>(
          io_, env, options_,
          [this, i](bool ready, const std::string& why) { connection_changed(i, ready, why); }));
      was_ready_.push_back(false);
    }
    asio::post(io_, [this] {
      for (const auto& c : connections_)
        c->start();
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
    return {connections_.size(), ready_.load(), last_error_};
  }

  void shutdown() override {
    {
      const std::lock_guard lock{mutex_};
      if (std::exchange(stopping_, true))
        return;
    }
    asio::post(io_, [this] {
      ready_.store(0);
      for (const auto& c : connections_)
        c->stop();
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
    bool repeated = false;
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

  redis_connection* connection_for(std::uint64_t route) {
    const auto n = connections_.size();
    for (std::size_t i = 0; i < n; ++i)
      if (auto& c = *connections_[(route + i) % n]; c.ready())
        return &c;
    return nullptr;
  }

  void send(const std::shared_ptr<pending>& p) {
    auto* c = connection_for(p->what.route);
    const bool sent = c
                      && c->send(words_of(p->what, p->repeated),
                                 [this, p, c](const redisReply* reply) { answered(p, *c, reply); });
    if (!sent) {
      finish(*p, {call_error::unavailable, {}, "not connected"});
      in_flight_.fetch_sub(1, std::memory_order_relaxed);
    }
  }

  void answered(const std::shared_ptr<pending>& p, redis_connection& from,
                const redisReply* reply) {
    if (!reply) {
      finish(*p, {call_error::lost, {}, "the connection was lost"});
    } else if (reply->type == REDIS_REPLY_ERROR) {
      const std::string_view text{reply->str, reply->len};
      if (text.starts_with("NOSCRIPT") && p->what.run && !p->repeated && p->done) {
        p->repeated = true;
        return send(p);
      }
      // A master that became a replica: its name may lead to another server by now.
      if (text.starts_with("READONLY"))
        from.give_up(std::string{text});
      finish(*p, {call_error::refused, {}, std::string{text}});
    } else {
      finish(*p, {call_error::none, convert(*reply), {}});
    }
    // Only now: a call whose deadline has passed is still in Redis' hands until here.
    in_flight_.fetch_sub(1, std::memory_order_relaxed);
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
    for (const auto& c : connections_)
      c->tick(now);
    metrics_.in_flight.Set(static_cast<double>(in_flight_.load()));
    tick_timer_.expires_after(redis_connection::tick_interval);
    tick_timer_.async_wait([this](auto error) {
      if (!error)
        tick();
    });
  }

  void connection_changed(std::size_t index, bool ready, const std::string& why) {
    const bool before = was_ready_[index];
    was_ready_[index] = ready;
    if (ready)
      ready_.fetch_add(1);
    else if (before)
      ready_.fetch_sub(1);
    const auto left = ready_.load();
    metrics_.ready.Set(static_cast<double>(left));
    if (ready) {
      spdlog::info("redis: connection {} of {} to {}:{} is ready", index + 1, connections_.size(),
                   options_.host, options_.port);
      troubled_ = false;
      return;
    }
    metrics_.lost.Increment();
    {
      const std::lock_guard lock{mutex_};
      last_error_ = why;
    }
    // One line for a loss, not one for each attempt to come back.
    if (before || !std::exchange(troubled_, true))
      spdlog::warn("redis: {}:{}: {}; {} of {} connections left, trying again", options_.host,
                   options_.port, why, left, connections_.size());
    if (left == 0)
      troubled_ = true;
  }

  const redis_options options_;
  redis_metrics metrics_;
  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
  // Of the thread.
  std::vector<std::shared_ptr<redis_connection>> connections_;
  std::vector<bool> was_ready_;
  deadlines deadlines_;
  asio::steady_timer deadline_timer_;
  asio::steady_timer tick_timer_;
  bool armed_ = false;
  bool troubled_ = false;
  // Of all.
  std::atomic<std::size_t> ready_{0};
  std::atomic<std::size_t> in_flight_{0};
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<pending>> fresh_;
  std::string last_error_;
  bool stopping_ = false;
  std::thread thread_;
};

} // namespace

std::shared_ptr<redis::client> make_redis_client(environment& env, prometheus::Registry& registry,
                                                 redis_options options) {
  return std::make_shared<hiredis_client>(env, registry, std::move(options));
}

} // namespace tiketi::net
