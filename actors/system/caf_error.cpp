#include "actors/system/caf_error.hpp"

#include <caf/atom.hpp>
#include <caf/make_message.hpp>
#include <caf/message.hpp>
#include <caf/sec.hpp>

namespace tiketi {

caf::error to_caf(const failure& f) {
  return caf::make_error(f.code, f.text);
}

failure to_failure(const caf::error& err) {
  if (err.category() == caf::atom("tiketi")) {
    const auto code = static_cast<errc>(err.code());
    const auto& context = err.context();
    if (context.size() == 1 && context.match_element<std::string>(0))
      return failure{code, context.get_as<std::string>(0)};
    return failure{code};
  }
  if (err == caf::sec::request_timeout)
    return errc::timeout;
  if (err == caf::sec::request_receiver_down)
    return errc::unavailable;
  return errc::internal;
}

} // namespace tiketi
