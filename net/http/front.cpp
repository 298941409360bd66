#include "net/http/front.hpp"

#include "actors/base/trace.hpp"
#include "net/http/router.hpp"

#include <spdlog/spdlog.h>

namespace tiketi::net {

void front::answer_exception(const exchange_ptr& x, const char* what) {
  spdlog::error("handler of {} failed: {}{}", x->req().path, what, log_mark_of(x->req().trace));
  x->reply(error_response(errc::internal));
}

caf::behavior front_actor(caf::event_based_actor* self, environment& env) {
  auto own = std::make_shared<front>(self, env);
  return {
      [own](dispatch& d) { front::guarded(d.x, [&] { d.to->handle(*own, d.x); }); },
  };
}

} // namespace tiketi::net
