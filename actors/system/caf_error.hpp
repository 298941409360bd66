#pragma once

#include "actors/base/result.hpp"

#include <caf/error.hpp>
#include <caf/message.hpp>

CAF_ERROR_CODE_ENUM(tiketi::errc, "tiketi")

namespace tiketi {

/// How failures travel between actors: code and text survive.
caf::error to_caf(const failure& f);
inline caf::error to_caf(errc code) {
  return to_caf(failure{code});
}

/// Back again. CAF's own errors become `timeout`, `unavailable` or `internal`.
failure to_failure(const caf::error& err);

} // namespace tiketi
