#include "tools/tiketi/shutdown.hpp"

#include <cerrno>
#include <csignal>
#include <string_view>
#include <thread>

#include <pthread.h>
#include <unistd.h>

namespace tiketi {

namespace {

sigset_t stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

[[noreturn]] void end_now(std::string_view sentence) {
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, sentence.data(), sentence.size());
  ::_exit(1);
}

} // namespace

shutdown_signal::shutdown_signal() {
  auto set = stop_signals();
  sigaddset(&set, SIGUSR1); // ends a watch
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  // A client that hangs up must not end the process.
  std::signal(SIGPIPE, SIG_IGN);
}

int shutdown_signal::wait() {
  const auto set = stop_signals();
  int signal = 0;
  while (::sigwait(&set, &signal) != 0) {
  }
  return signal;
}

struct shutdown_signal::watch::impl {
  std::thread thread;
};

shutdown_signal::watch::watch(std::chrono::seconds deadline) : impl_(std::make_unique<impl>()) {
  impl_->thread = std::thread{[deadline] {
    auto set = stop_signals();
    sigaddset(&set, SIGUSR1);
    const auto end = std::chrono::steady_clock::now() + deadline;
    for (;;) {
      const auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(
          end - std::chrono::steady_clock::now());
      if (left.count() <= 0)
        end_now("tiketi: error: the shutdown took too long; ended without finishing it\n");
      const timespec pause{static_cast<time_t>(left.count() / 1'000'000'000),
                           static_cast<long>(left.count() % 1'000'000'000)};
      const int signal = ::sigtimedwait(&set, nullptr, &pause);
      if (signal == SIGUSR1)
        return;
      if (signal > 0)
        end_now("tiketi: error: a second signal came; ended without finishing the shutdown\n");
    }
  }};
}

shutdown_signal::watch::~watch() {
  ::pthread_kill(impl_->thread.native_handle(), SIGUSR1);
  impl_->thread.join();
}

} // namespace tiketi
