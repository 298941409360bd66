#include "tests/cluster/outages.hpp"

#include "actors/cluster/shard_map.hpp"
#include "tests/cluster/history.hpp"

#include <algorithm>
#include <cmath>
#include <thread>

#include <fmt/format.h>

namespace tiketi::test {

using std::chrono::milliseconds;

std::size_t outages::busiest() const {
  std::vector<std::size_t> halls(sale_.cluster.size());
  for (const auto owner : sale_.owners())
    if (owner < halls.size())
      ++halls[owner];
  return static_cast<std::size_t>(std::max_element(halls.begin(), halls.end()) - halls.begin());
}

std::string outages::told(std::size_t hall) const {
  constexpr std::size_t last = 8;
  std::vector<std::string> words;
  for (const auto& failure : load_.result().failures)
    if (failure.hall == hall)
      words.push_back(
          fmt::format("\n  {} ms ago: {}", (now_ns() - failure.at) / 1'000'000, failure.what));
  words.erase(words.begin(),
              words.end() - static_cast<std::ptrdiff_t>(std::min(last, words.size())));
  return fmt::format("{}; its visitor was told:{}", sale_.halls[hall].event, fmt::join(words, ""));
}

std::string outages::kill(std::size_t node) {
  const auto name = cluster_process::name(node);
  load_.avoid(node, true);
  for (std::size_t hall = 0; hall < sale_.halls.size(); ++hall)
    if (load_.served(hall, now_ns(), std::chrono::seconds{30}) == 0)
      return fmt::format("not served before {} was killed: {}", name, told(hall));
  const auto owners = sale_.owners();
  const auto killed = now_ns();
  sale_.cluster.kill(node);
  for (std::size_t hall = 0; hall < owners.size(); ++hall) {
    if (owners[hall] != node)
      continue;
    const auto at = load_.served(hall, killed, std::chrono::seconds{60});
    if (at == 0)
      return fmt::format("not served any more after {} was killed: {}", name, told(hall));
    waits_.push_back(
        std::chrono::duration_cast<milliseconds>(std::chrono::nanoseconds{at - killed}));
    windows_.push_back({hall, killed, at});
  }
  if (!sale_.cluster.start(node))
    return name + " did not start again";
  load_.avoid(node, false);
  const auto deadline = now_ns() + std::chrono::nanoseconds{std::chrono::seconds{60}}.count();
  const auto half_of_its_share = cluster::shards_default / sale_.cluster.size() / 2;
  while (sale_.shards_of(node) < half_of_its_share) {
    if (now_ns() > deadline)
      return name + " gets no shards any more";
    // The nodes share them out; the pause only saves processor time.
    std::this_thread::sleep_for(milliseconds{100});
  }
  return {};
}

std::vector<trickle::failure> outages::unexpected(const trickle::tally& sum) const {
  std::vector<trickle::failure> out;
  for (const auto& failure : sum.failures)
    if (std::none_of(windows_.begin(), windows_.end(), [&](const window& w) {
          return w.hall == failure.hall && w.begin <= failure.at && failure.at <= w.end;
        }))
      out.push_back(failure);
  return out;
}

milliseconds percentile(std::vector<milliseconds> values, double share) {
  if (values.empty())
    return milliseconds{0};
  std::sort(values.begin(), values.end());
  const auto rank = std::ceil(share * static_cast<double>(values.size()));
  return values[std::min(values.size() - 1, static_cast<std::size_t>(std::max(rank - 1, 0.0)))];
}

} // namespace tiketi::test
