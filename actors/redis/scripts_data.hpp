#pragma once

#include <span>
#include <string_view>

namespace tiketi::redis {

struct embedded_script {
  std::string_view name;
  std::string_view text;
};

/// Made by cmake/embed_scripts.cmake from `lua/`.
std::span<const embedded_script> embedded_scripts();

} // namespace tiketi::redis
