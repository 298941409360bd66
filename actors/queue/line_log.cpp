#include "actors/queue/line_log.hpp"

namespace tiketi::queue {

void line_log::add(line_change what, std::uint64_t sequence) {
  if (!followed_)
    return;
  log_.push_back(encode(what, sequence));
  if (log_.size() >= 2 * keep_max) {
    log_.erase(log_.begin(), log_.begin() + keep_max);
    base_ += keep_max;
  }
}

void line_log::restart() {
  ++nonce_;
  followed_ = false;
  base_ = 0;
  log_.clear();
}

bool line_log::since(std::uint64_t nonce, std::uint64_t since,
                     std::vector<std::uint64_t>& out) const {
  if (nonce != nonce_ || since < base_ || since > changes())
    return false;
  out.assign(log_.begin() + static_cast<std::ptrdiff_t>(since - base_), log_.end());
  return true;
}

} // namespace tiketi::queue
