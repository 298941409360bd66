#pragma once

#include <exception>
#include <string>
#include <utility>

#include <caf/error.hpp>
#include <caf/exit_reason.hpp>
#include <spdlog/spdlog.h>

namespace tiketi {

/// An exception ends `self`, as it always does, but not without a line: CAF itself says nothing.
/// `what`: who that is, for the log.
template <class Self>
void log_failures(Self self, std::string what) {
  self->set_exception_handler([what = std::move(what)](std::exception_ptr& e) -> caf::error {
    try {
      std::rethrow_exception(e);
    } catch (const std::exception& x) {
      spdlog::error("{} failed: {}", what, x.what());
    } catch (...) {
      spdlog::error("{} failed", what);
    }
    return caf::exit_reason::unhandled_exception;
  });
}

} // namespace tiketi
