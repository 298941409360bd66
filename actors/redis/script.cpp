#include "actors/redis/script.hpp"

#include "actors/redis/client.hpp"
#include "actors/redis/scripts_data.hpp"

#include <array>
#include <cstdlib>
#include <vector>

#include <fmt/format.h>
#include <openssl/evp.h>
#include <spdlog/spdlog.h>

namespace tiketi::redis {

std::string_view to_string_view(call_error e) noexcept {
  constexpr std::array<std::string_view, 6> words{"ok",        "unavailable", "overloaded",
                                                  "timed_out", "lost",        "refused"};
  return words[static_cast<std::size_t>(e)];
}

script make_script(std::string_view name, std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  // SHA-1 is Redis' name for a script, no protection.
  EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr);
  script out{std::string{name}, std::string{text}, {}};
  for (unsigned i = 0; i < size; ++i)
    out.sha1 += fmt::format("{:02x}", digest[i]);
  return out;
}

std::span<const script> scripts() {
  static const std::vector<script> all = [] {
    std::vector<script> out;
    for (const auto& [name, text] : embedded_scripts())
      out.push_back(make_script(name, text));
    return out;
  }();
  return all;
}

const script& find_script(std::string_view name) {
  for (const auto& s : scripts())
    if (s.name == name)
      return s;
  spdlog::critical("no Lua script '{}' in this program", name);
  std::abort();
}

} // namespace tiketi::redis
