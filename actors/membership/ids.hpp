#pragma once

#include "actors/base/ids.hpp"

namespace tiketi {

using membership_id = basic_id<struct membership_tag>;

} // namespace tiketi
