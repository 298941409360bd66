#pragma once

#include "actors/bus/messages.hpp"

#include <caf/type_id.hpp>

CAF_BEGIN_TYPE_ID_BLOCK(tiketi_bus, caf::first_custom_type_id)
CAF_ADD_TYPE_ID(tiketi_bus, (tiketi::domain_event))
CAF_ADD_TYPE_ID(tiketi_bus, (tiketi::deliver))
CAF_ADD_TYPE_ID(tiketi_bus, (tiketi::applied))
CAF_ADD_TYPE_ID(tiketi_bus, (tiketi::outbox_grew))
CAF_END_TYPE_ID_BLOCK(tiketi_bus)
