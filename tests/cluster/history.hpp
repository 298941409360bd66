#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tiketi::test {

/// Nanoseconds of this process' monotonic clock.
std::int64_t now_ns();

/// What somebody did to a seat, as the judge reads it (porcupine/history.go says what the words
/// mean).
struct seat_operation {
  std::string seat;
  std::string_view op;
  std::string hold;
  std::string_view outcome = "ok";
  std::int64_t call = 0;
  std::optional<std::int64_t> end{}; ///< none: not seen to end
  std::size_t client = 0;
  std::string node{};
  std::string_view state{}; ///< of a read
};

/// What became of a hold in the end; one that is unknown was never made.
struct hold_fate {
  bool confirmed = false; ///< at some time
  bool cancelled = false;
  bool expired = false;
};

class seat_history {
public:
  void add(seat_operation operation) { operations_.push_back(std::move(operation)); }
  std::size_t size() const noexcept { return operations_.size(); }
  /// Holds that were refused for certain and made all the same; those in doubt do not count.
  std::vector<std::string> refused_but_made(const std::map<std::string, hold_fate>& fates) const;
  /// Forgets what nobody was answered and, as the database says in the end, never happened: the
  /// judge would have to think of all of it at any later time. Whatever did happen stays in doubt.
  void settle(const std::map<std::string, hold_fate>& fates);
  void write(const std::filesystem::path& file) const; ///< JSON lines

private:
  std::vector<seat_operation> operations_;
};

struct judgement {
  int status = -1; ///< 0: every seat is a register; 1: one is not; -1: the judge did not run
  std::string words;
};

/// Asks the judge about a history; for what is wrong it draws pages into the folder.
judgement judge(const std::filesystem::path& history, const std::filesystem::path& pictures);

} // namespace tiketi::test
