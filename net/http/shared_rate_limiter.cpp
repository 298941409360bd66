#include "net/http/shared_rate_limiter.hpp"

#include "net/http/rate_shares.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <prometheus/counter.h>
#include <prometheus/registry.h>

namespace tiketi::net {

namespace {

struct share_key {
  rate_client client;
  rate_category category = rate_category::general;

  friend bool operator==(const share_key&, const share_key&) = default;
};

struct share_hash {
  std::size_t operator()(const share_key& x) const noexcept {
    std::uint64_t words[2] = {};
    std::memcpy(words, x.client.bytes.data(), sizeof words);
    std::uint64_t h =
        words[0] ^ (words[1] * 0x9e3779b97f4a7c15ULL)
        ^ (static_cast<std::uint64_t>(x.category) << 1 | (x.client.is_user ? 1u : 0u));
    h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9ULL;
    h = (h ^ (h >> 27)) * 0x94d049bb133111ebULL;
    return static_cast<std::size_t>(h ^ (h >> 31));
  }
};

std::string_view word_of(rate_category category) {
  switch (category) {
  case rate_category::auth:
    return "auth";
  case rate_category::queue:
    return "queue";
  case rate_category::booking:
    return "booking";
  default:
    return "general";
  }
}

/// As lua/rate_report.lua wants it; the client in braces, so that Redis clusters spread clients.
std::string name_of(const share_key& key) {
  auto out = fmt::format("rate:{}:{{{}", word_of(key.category), key.client.is_user ? "u" : "a");
  for (const auto byte : key.client.bytes)
    out += fmt::format("{:02x}", byte);
  return out + "}";
}

class redis_rate_limiter final : public shared_rate_limiter,
                                 public std::enable_shared_from_this<redis_rate_limiter> {
public:
  redis_rate_limiter(std::shared_ptr<rate_limiter> local, std::shared_ptr<redis::client> client,
                     prometheus::Registry& registry, shared_rate_options options)
      : local_(std::move(local)),
        client_(std::move(client)),
        options_(options),
        timing_{options.slice, std::max<std::int64_t>(1, options.limits.window / options.slice)},
        script_(redis::find_script("rate_report")),
        denied_(prometheus::BuildCounter()
                    .Name("rate_limit_shared_denied_total")
                    .Help("Requests refused because of what their client used on other nodes")
                    .Register(registry)
                    .Add({})),
        local_only_(prometheus::BuildCounter()
                        .Name("rate_limit_reports_failed_total")
                        .Help("Reports to other nodes that did not get through")
                        .Register(registry)
                        .Add({})) {}

  std::optional<rate_verdict> admit(rate_category category, const rate_client& client,
                                    time_point now,
                                    const std::shared_ptr<rate_waiter>& later) override {
    const auto limit = static_cast<std::int64_t>(limit_of(category));
    if (limit == 0)
      return local_->admit(category, client, now, later);
    const share_key key{client, category};
    auto& home = shard_of(key);
    {
      const std::lock_guard lock{home.mutex};
      if (const auto found = home.budgets.find(key); found != home.budgets.end()) {
        const auto& shares = found->second.shares;
        const auto others = shares.others(now, timing_);
        if (others > 0 && shares.own(now, timing_) + others >= limit) {
          denied_.Increment();
          return rate_verdict{false, std::max(shares.until_less(now, timing_), milliseconds{1})};
        }
      }
    }
    const auto verdict = local_->admit(category, client, now, later);
    if (verdict && verdict->allowed)
      count(home, key, limit, now);
    return verdict;
  }

  void report(time_point now) override {
    std::size_t room = options_.reports_max;
    // Another shard first each time, so that none has to wait for the others for ever.
    const auto first = next_shard_++;
    for (std::size_t i = 0; i < shards_.size() && room > 0; ++i) {
      auto& home = shards_[(first + i) % shards_.size()];
      for (auto& [key, counts] : reports_of(home, room, now))
        send(home, key, std::move(counts), now);
    }
    sweep(shards_[first % shards_.size()], now);
  }

private:
  struct budget {
    rate_shares shares;
    bool listed = false;    ///< in `due`
    bool under_way = false; ///< a report is
  };

  struct shard {
    std::mutex mutex;
    std::unordered_map<share_key, budget, share_hash> budgets;
    std::vector<share_key> due;
  };

  std::size_t limit_of(rate_category category) const noexcept {
    switch (category) {
    case rate_category::general:
      return options_.limits.general;
    case rate_category::auth:
      return options_.limits.auth;
    case rate_category::queue:
      return options_.limits.queue;
    case rate_category::booking:
      return options_.limits.booking;
    case rate_category::exempt:
      break;
    }
    return 0;
  }

  shard& shard_of(const share_key& key) { return shards_[share_hash{}(key) % shards_.size()]; }

  void count(shard& home, const share_key& key, std::int64_t limit, time_point now) {
    const std::lock_guard lock{home.mutex};
    auto found = home.budgets.find(key);
    if (found == home.budgets.end()) {
      if (home.budgets.size() >= options_.clients_max / shards_.size())
        return;
      found = home.budgets.try_emplace(key).first;
    }
    auto& b = found->second;
    b.shares.used(now, timing_);
    // Most clients use little, and telling of each of them would cost more than it saves.
    const auto much = limit * static_cast<std::int64_t>(options_.share_from);
    if (!b.listed && b.shares.own(now, timing_) * 100 >= much) {
      b.listed = true;
      home.due.push_back(key);
    }
  }

  std::vector<std::pair<share_key, rate_shares::counts>> reports_of(shard& home, std::size_t& room,
                                                                    time_point now) {
    std::vector<std::pair<share_key, rate_shares::counts>> out;
    const std::lock_guard lock{home.mutex};
    std::vector<share_key> later;
    for (const auto& key : home.due) {
      const auto found = home.budgets.find(key);
      if (found == home.budgets.end())
        continue;
      auto& b = found->second;
      if (room == 0 || b.under_way) {
        later.push_back(key);
        continue;
      }
      --room;
      b.listed = false;
      b.under_way = true;
      out.emplace_back(key, b.shares.take_report(now, timing_));
    }
    home.due = std::move(later);
    return out;
  }

  void send(shard& home, const share_key& key, rate_shares::counts counts, time_point now) {
    redis::call c;
    c.run = &script_;
    c.keys = 1;
    c.deadline = options_.deadline;
    c.route = share_hash{}(key);
    c.words = {name_of(key), std::to_string(rate_shares::slice_at(now, timing_)),
               std::to_string(timing_.slices), std::to_string(2 * options_.limits.window.count())};
    for (const auto& [slice, requests] : counts) {
      c.words.push_back(std::to_string(slice));
      c.words.push_back(std::to_string(requests));
    }
    client_->start(std::move(c), [weak = weak_from_this(), &home, key,
                                  counts = std::move(counts)](const redis::outcome& out) {
      if (const auto self = weak.lock()) // it owns the shard
        self->told(home, key, counts, out);
    });
  }

  void told(shard& home, const share_key& key, const rate_shares::counts& counts,
            const redis::outcome& out) {
    if (!out.ok())
      local_only_.Increment();
    const std::lock_guard lock{home.mutex};
    const auto found = home.budgets.find(key);
    if (found == home.budgets.end())
      return;
    auto& b = found->second;
    b.under_way = false;
    if (out.ok()) {
      rate_shares::counts all;
      for (std::size_t i = 0; i + 1 < out.value.items.size(); i += 2)
        all.emplace_back(out.value.items[i].integer, out.value.items[i + 1].integer);
      b.shares.learn(all);
    } else if (out.error != redis::call_error::timed_out && out.error != redis::call_error::lost) {
      b.shares.put_back(counts);
    }
  }

  void sweep(shard& home, time_point now) {
    const std::lock_guard lock{home.mutex};
    for (auto it = home.budgets.begin(); it != home.budgets.end();) {
      auto& b = it->second;
      const bool over = b.shares.expire(now, timing_) && !b.under_way && !b.listed;
      it = over ? home.budgets.erase(it) : std::next(it);
    }
  }

  std::shared_ptr<rate_limiter> local_;
  std::shared_ptr<redis::client> client_;
  const shared_rate_options options_;
  const rate_shares::timing timing_;
  const redis::script& script_;
  prometheus::Counter& denied_;
  prometheus::Counter& local_only_;
  std::array<shard, 16> shards_;
  std::size_t next_shard_ = 0; ///< of whoever calls `report`
};

} // namespace

std::shared_ptr<shared_rate_limiter> make_shared_rate_limiter(std::shared_ptr<rate_limiter> local,
                                                              std::shared_ptr<redis::client> client,
                                                              prometheus::Registry& registry,
                                                              shared_rate_options options) {
  return std::make_shared<redis_rate_limiter>(std::move(local), std::move(client), registry,
                                              options);
}

} // namespace tiketi::net
