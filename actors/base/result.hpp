#pragma once

#include "actors/base/errc.hpp"

#include <string>
#include <utility>

#include <boost/system/result.hpp>

namespace tiketi {

/// Why a use case failed: the code decides the status, the text is what a person reads.
struct failure {
  errc code = errc::internal;
  std::string text;

  failure() = default;
  failure(errc c) : code(c), text(info(c).text) {} // implicit: `return errc::not_found;`
  failure(errc c, std::string t) : code(c), text(std::move(t)) {}

  friend bool operator==(const failure&, const failure&) = default;
};

/// Called by `result::value()` on a failure: a bug, because callers test first.
[[noreturn]] void throw_exception_from_error(const failure& error, const boost::source_location&);

template <class T>
using result = boost::system::result<T, failure>;

} // namespace tiketi
