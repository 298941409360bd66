#include "tests/cluster/history.hpp"

#include <array>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <set>
#include <stdexcept>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/wait.h>

namespace tiketi::test {

std::int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::vector<std::string>
seat_history::refused_but_made(const std::map<std::string, hold_fate>& fates) const {
  std::set<std::string> doubted;
  for (const auto& o : operations_)
    if (o.op == "hold" && o.outcome == "unknown")
      doubted.insert(o.hold);
  std::vector<std::string> out;
  for (const auto& o : operations_)
    if (const auto key = o.hold.substr(0, o.hold.find('/'));
        o.outcome == "refused" && fates.contains(key) && !doubted.contains(key))
      out.push_back(key);
  return out;
}

void seat_history::settle(const std::map<std::string, hold_fate>& fates) {
  std::erase_if(operations_, [&](const seat_operation& o) {
    if (o.outcome != "unknown")
      return false;
    const auto fate = fates.find(o.hold);
    if (o.op == "claim")
      return false; // not made, it may have been in the way all the same
    return fate == fates.end() || (o.op == "confirm" && !fate->second.confirmed)
           || (o.op == "release" && !fate->second.cancelled)
           || (o.op == "expire" && !fate->second.expired);
  });
}

void seat_history::write(const std::filesystem::path& file) const {
  std::ofstream out{file};
  for (const auto& o : operations_) {
    nlohmann::json line;
    line["seat"] = o.seat;
    line["op"] = o.op;
    line["hold"] = o.hold;
    line["outcome"] = o.outcome;
    line["call"] = o.call;
    line["return"] = o.end ? nlohmann::json(*o.end) : nlohmann::json(nullptr);
    line["client"] = o.client;
    line["node"] = o.node;
    if (!o.state.empty())
      line["state"] = o.state;
    out << line.dump() << '\n';
  }
  if (!out.flush())
    throw std::runtime_error("cannot write " + file.string());
}

judgement judge(const std::filesystem::path& history, const std::filesystem::path& pictures) {
  std::filesystem::create_directories(pictures);
  const auto command = fmt::format("{} -pictures '{}' '{}' 2>&1", TIKETI_SEAT_JUDGE,
                                   pictures.string(), history.string());
  std::FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr)
    return {};
  judgement out;
  std::array<char, 4096> buffer;
  for (std::size_t n = 0; (n = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;)
    out.words.append(buffer.data(), n);
  const int status = ::pclose(pipe);
  out.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return out;
}

} // namespace tiketi::test
