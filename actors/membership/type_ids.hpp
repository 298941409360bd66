#pragma once

#include "actors/membership/messages.hpp"

#include <caf/type_id.hpp>

CAF_BEGIN_TYPE_ID_BLOCK(tiketi_membership, caf::first_custom_type_id + 450)
CAF_ADD_TYPE_ID(tiketi_membership, (tiketi::membership::get_tier))
CAF_ADD_TYPE_ID(tiketi_membership, (tiketi::membership::member_tier))
CAF_ADD_TYPE_ID(tiketi_membership, (tiketi::membership::check_membership))
CAF_ADD_TYPE_ID(tiketi_membership, (tiketi::membership::apply_membership_payment))
CAF_END_TYPE_ID_BLOCK(tiketi_membership)
