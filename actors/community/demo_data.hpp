#pragma once

#include "actors/base/time.hpp"
#include "actors/community/messages.hpp"

#include <vector>

namespace tiketi::community {

/// Three articles by the house; ids are always the same. For trying out.
std::vector<news_row> make_demo_news(time_point first_start);

} // namespace tiketi::community
