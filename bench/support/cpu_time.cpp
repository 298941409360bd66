#include "bench/support/cpu_time.hpp"

#include <cctype>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <unistd.h>

namespace tiketi::bench {

namespace {

struct times {
  int parent = -1;
  double seconds = 0;
};

times times_of(const std::string& pid) {
  std::ifstream in{"/proc/" + pid + "/stat"};
  const std::string text{std::istreambuf_iterator<char>{in}, {}};
  const auto end = text.rfind(')'); // the name before it may hold anything
  times out;
  unsigned long user = 0;
  unsigned long kernel = 0;
  long user_of_ended = 0;
  long kernel_of_ended = 0;
  if (end == std::string::npos
      || std::sscanf(text.c_str() + end + 1,
                     " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %ld %ld", &out.parent,
                     &user, &kernel, &user_of_ended, &kernel_of_ended)
             != 5)
    return {};
  out.seconds =
      (static_cast<double>(user + kernel) + static_cast<double>(user_of_ended + kernel_of_ended))
      / static_cast<double>(::sysconf(_SC_CLK_TCK));
  return out;
}

} // namespace

double cpu_seconds(pid_t pid) {
  double sum = times_of(std::to_string(pid)).seconds;
  std::error_code gone;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", gone)) {
    const auto name = entry.path().filename().string();
    if (std::isdigit(static_cast<unsigned char>(name.front())) == 0)
      continue;
    if (const auto t = times_of(name); t.parent == pid)
      sum += t.seconds;
  }
  return sum;
}

} // namespace tiketi::bench
