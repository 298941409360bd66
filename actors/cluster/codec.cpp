#include "actors/cluster/codec.hpp"

#include <algorithm>

namespace tiketi::cluster {

std::string encode_failure(const failure& why) {
  std::string out(1, static_cast<char>(why.code));
  return out += why.text;
}

failure decode_failure(std::string_view bytes) {
  if (bytes.empty())
    return errc::internal;
  const auto code = static_cast<errc>(static_cast<unsigned char>(bytes.front()));
  const bool known = std::any_of(errc_table.begin(), errc_table.end(),
                                 [code](const errc_info& row) { return row.code == code; });
  if (!known)
    return errc::internal;
  return {code, std::string{bytes.substr(1)}};
}

} // namespace tiketi::cluster
