#pragma once

#include "actors/base/ids.hpp"

namespace tiketi {

/// Of one listing of a ticket for resale.
using transfer_id = basic_id<struct transfer_tag>;

} // namespace tiketi
