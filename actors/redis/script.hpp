#pragma once

#include <span>
#include <string>
#include <string_view>

namespace tiketi::redis {

/// A Lua script. Its contract (keys, arguments, answer) stands in its head comment.
struct script {
  std::string name; ///< file name without `.lua`
  std::string text;
  std::string sha1; ///< of the text, in hex: what EVALSHA wants
};

/// Computes the hash.
script make_script(std::string_view name, std::string_view text);

/// Every script of `lua/`, compiled in, so that the program cannot run with the wrong ones.
std::span<const script> scripts();

/// The script of this name; it exists as long as the program. A missing one is a bug: aborts.
const script& find_script(std::string_view name);

} // namespace tiketi::redis
