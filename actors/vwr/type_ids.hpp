#pragma once

#include "actors/vwr/messages.hpp"

#include <caf/type_id.hpp>

CAF_BEGIN_TYPE_ID_BLOCK(tiketi_vwr, caf::first_custom_type_id + 700)
CAF_ADD_TYPE_ID(tiketi_vwr, (tiketi::vwr::show_room))
CAF_ADD_TYPE_ID(tiketi_vwr, (tiketi::vwr::room_counters))
CAF_ADD_TYPE_ID(tiketi_vwr, (tiketi::vwr::take_number))
CAF_ADD_TYPE_ID(tiketi_vwr, (tiketi::vwr::number_taken))
CAF_ADD_TYPE_ID(tiketi_vwr, (tiketi::vwr::check_number))
CAF_ADD_TYPE_ID(tiketi_vwr, (tiketi::vwr::number_state))
CAF_ADD_TYPE_ID(tiketi_vwr, (tiketi::vwr::activate_room))
CAF_ADD_TYPE_ID(tiketi_vwr, (tiketi::vwr::deactivate_room))
CAF_ADD_TYPE_ID(tiketi_vwr, (tiketi::vwr::advance_room))
CAF_ADD_TYPE_ID(tiketi_vwr, (tiketi::vwr::room_advanced))
CAF_ADD_TYPE_ID(tiketi_vwr, (tiketi::vwr::list_active))
CAF_ADD_TYPE_ID(tiketi_vwr, (tiketi::vwr::active_rooms))
CAF_END_TYPE_ID_BLOCK(tiketi_vwr)
