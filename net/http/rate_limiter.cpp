#include "net/http/rate_limiter.hpp"

#include <algorithm>
#include <cstring>
#include <list>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

namespace tiketi::net {

namespace {

/// Times of the requests that passed, oldest first, in a ring that grows up to the limit.
class stamp_ring {
public:
  std::size_t size() const noexcept { return size_; }
  std::size_t capacity() const noexcept { return slots_.size(); }
  std::int64_t oldest() const noexcept { return slots_[head_]; }
  std::int64_t newest() const noexcept { return slots_[(head_ + size_ - 1) % slots_.size()]; }

  void drop_oldest() noexcept {
    head_ = (head_ + 1) % slots_.size();
    --size_;
  }

  void push(std::int64_t at, std::size_t limit) {
    if (size_ == slots_.size()) {
      std::vector<std::int64_t> wider(std::min(limit, std::max<std::size_t>(4, size_ * 2)));
      for (std::size_t i = 0; i < size_; ++i)
        wider[i] = slots_[(head_ + i) % slots_.size()];
      slots_ = std::move(wider);
      head_ = 0;
    }
    slots_[(head_ + size_) % slots_.size()] = at;
    ++size_;
  }

private:
  std::vector<std::int64_t> slots_;
  std::size_t head_ = 0;
  std::size_t size_ = 0;
};

struct budget_key {
  rate_client client;
  rate_category category = rate_category::general;

  friend bool operator==(const budget_key&, const budget_key&) = default;
};

struct budget_hash {
  std::size_t operator()(const budget_key& x) const noexcept {
    std::uint64_t a = 0;
    std::uint64_t b = 0;
    std::memcpy(&a, x.client.bytes.data(), 8);
    std::memcpy(&b, x.client.bytes.data() + 8, 8);
    // Clients choose neither their address nor their id freely, but mixing is cheap.
    std::uint64_t h =
        a ^ (b * 0x9e3779b97f4a7c15ULL)
        ^ (static_cast<std::uint64_t>(x.category) << 1 | (x.client.is_user ? 1u : 0u));
    h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9ULL;
    h = (h ^ (h >> 27)) * 0x94d049bb133111ebULL;
    return static_cast<std::size_t>(h ^ (h >> 31));
  }
};

/// What a client costs besides its stamps (list and index nodes), in stamps.
constexpr std::size_t budget_overhead = 32;

class local_rate_limiter final : public rate_limiter {
public:
  explicit local_rate_limiter(rate_limit_options options)
      : options_(options),
        shard_slots_max_(std::max<std::size_t>(64, options.stamps_max / shards_.size())) {}

  std::optional<rate_verdict> admit(rate_category category, const rate_client& client,
                                    time_point now, const std::shared_ptr<rate_waiter>&) override {
    const auto limit = limit_of(category);
    if (limit == 0)
      return rate_verdict{};
    const budget_key key{client, category};
    auto& home = shards_[budget_hash{}(key) % shards_.size()];
    const std::lock_guard lock{home.mutex};
    return decide(home, key, limit, to_millis(now));
  }

private:
  struct budget {
    budget_key key;
    stamp_ring stamps;
  };

  struct shard {
    std::mutex mutex;
    std::list<budget> budgets; ///< lately used first
    std::unordered_map<budget_key, std::list<budget>::iterator, budget_hash> index;
    std::size_t slots = 0; ///< of all rings, with the overhead
  };

  std::size_t limit_of(rate_category category) const noexcept {
    switch (category) {
    case rate_category::general:
      return options_.general;
    case rate_category::auth:
      return options_.auth;
    case rate_category::queue:
      return options_.queue;
    case rate_category::booking:
      return options_.booking;
    case rate_category::exempt:
      break;
    }
    return 0;
  }

  void forget_last(shard& home) {
    const auto& last = home.budgets.back();
    home.slots -= last.stamps.capacity() + budget_overhead;
    home.index.erase(last.key);
    home.budgets.pop_back();
  }

  rate_verdict decide(shard& home, const budget_key& key, std::size_t limit, std::int64_t now) {
    const auto window = options_.window.count();
    // The list is ordered by use, so what is out of date gathers at its end. Two per call keep up
    // with the one that a call can add.
    for (int i = 0; i < 2 && !home.budgets.empty(); ++i) {
      const auto& last = home.budgets.back();
      if (last.stamps.size() > 0 && last.stamps.newest() > now - window)
        break;
      forget_last(home);
    }
    const auto found = home.index.find(key);
    if (found == home.index.end()) {
      home.budgets.push_front({key, {}});
      home.index.emplace(key, home.budgets.begin());
      home.slots += budget_overhead;
    } else {
      home.budgets.splice(home.budgets.begin(), home.budgets, found->second);
    }
    auto& stamps = home.budgets.front().stamps;
    while (stamps.size() > 0 && stamps.oldest() <= now - window)
      stamps.drop_oldest();
    if (stamps.size() >= limit)
      return {false, milliseconds{std::max<std::int64_t>(1, stamps.oldest() + window - now)}};
    const auto before = stamps.capacity();
    stamps.push(now, limit);
    home.slots += stamps.capacity() - before;
    while (home.slots > shard_slots_max_ && home.budgets.size() > 1)
      forget_last(home);
    return {};
  }

  rate_limit_options options_;
  std::array<shard, 16> shards_;
  std::size_t shard_slots_max_;
};

} // namespace

std::shared_ptr<rate_limiter> make_local_rate_limiter(rate_limit_options options) {
  return std::make_shared<local_rate_limiter>(options);
}

} // namespace tiketi::net
