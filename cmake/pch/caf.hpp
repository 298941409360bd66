#pragma once

#include "cmake/pch/std.hpp"

#include <caf/all.hpp>
#include <spdlog/spdlog.h>
