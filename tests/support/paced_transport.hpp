#pragma once

#include "actors/remote/transport.hpp"

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace tiketi::test {

/// Lets a test with virtual time make real calls: what came of them is handed over only by `pump`,
/// on the thread of the test.
class paced_transport final : public remote::transport {
public:
  explicit paced_transport(std::shared_ptr<remote::transport> real) : real_(std::move(real)) {}

  void start(remote::transfer t, done_fn done) override {
    {
      const std::lock_guard lock{mutex_};
      ++under_way_;
    }
    real_->start(std::move(t), [this, done = std::move(done)](remote::transfer_result r) mutable {
      const std::lock_guard lock{mutex_};
      ready_.emplace_back(std::move(done), std::move(r));
      changed_.notify_one();
    });
  }

  void shutdown() override { real_->shutdown(); }

  /// Waits for one of the transfers under way, if there are any, and hands over all that ended.
  /// False: there was none.
  bool pump() {
    std::vector<std::pair<done_fn, remote::transfer_result>> ended;
    {
      std::unique_lock lock{mutex_};
      if (under_way_ == 0)
        return false;
      changed_.wait(lock, [this] { return !ready_.empty(); });
      ended.swap(ready_);
      under_way_ -= ended.size();
    }
    for (auto& [done, r] : ended)
      done(std::move(r));
    return true;
  }

  /// Transfers that have ended or will.
  std::size_t under_way() {
    const std::lock_guard lock{mutex_};
    return under_way_;
  }

private:
  std::shared_ptr<remote::transport> real_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t under_way_ = 0;
  std::vector<std::pair<done_fn, remote::transfer_result>> ready_;
};

} // namespace tiketi::test
