#pragma once

#include "actors/base/uuid.hpp"

#include <string_view>

namespace tiketi::catalog {

/// The uuid (version 5, RFC 4122) of a name within a name space: the same for ever, so that what is
/// generated twice is the same thing.
uuid name_based_uuid(const uuid& space, std::string_view name);

} // namespace tiketi::catalog
