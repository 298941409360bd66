#pragma once

#include "actors/queue/messages.hpp"

#include <caf/type_id.hpp>

CAF_BEGIN_TYPE_ID_BLOCK(tiketi_queue, caf::first_custom_type_id + 250)
CAF_ADD_TYPE_ID(tiketi_queue, (tiketi::queue::check_admission))
CAF_ADD_TYPE_ID(tiketi_queue, (tiketi::queue::admission))
CAF_ADD_TYPE_ID(tiketi_queue, (tiketi::queue::booking_done))
CAF_END_TYPE_ID_BLOCK(tiketi_queue)
