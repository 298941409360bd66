#pragma once

#include "actors/queue/line_updates.hpp"
#include "actors/queue/messages.hpp"

#include <caf/type_id.hpp>

CAF_BEGIN_TYPE_ID_BLOCK(tiketi_queue, caf::first_custom_type_id + 250)
CAF_ADD_TYPE_ID(tiketi_queue, (tiketi::queue::check_admission))
CAF_ADD_TYPE_ID(tiketi_queue, (tiketi::queue::admission))
CAF_ADD_TYPE_ID(tiketi_queue, (tiketi::queue::booking_done))
CAF_ADD_TYPE_ID(tiketi_queue, (tiketi::queue::enter_queue))
CAF_ADD_TYPE_ID(tiketi_queue, (tiketi::queue::poll_queue))
CAF_ADD_TYPE_ID(tiketi_queue, (tiketi::queue::leave_queue))
CAF_ADD_TYPE_ID(tiketi_queue, (tiketi::queue::queue_left))
CAF_ADD_TYPE_ID(tiketi_queue, (tiketi::queue::queue_place))
CAF_ADD_TYPE_ID(tiketi_queue, (tiketi::queue::count_queue))
CAF_ADD_TYPE_ID(tiketi_queue, (tiketi::queue::set_threshold))
CAF_ADD_TYPE_ID(tiketi_queue, (tiketi::queue::clear_queue))
CAF_ADD_TYPE_ID(tiketi_queue, (tiketi::queue::queue_counters))
CAF_ADD_TYPE_ID(tiketi_queue, (tiketi::queue::follow_line))
CAF_ADD_TYPE_ID(tiketi_queue, (tiketi::queue::line_update))
CAF_END_TYPE_ID_BLOCK(tiketi_queue)
