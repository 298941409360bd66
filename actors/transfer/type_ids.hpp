#pragma once

#include "actors/transfer/messages.hpp"

#include <caf/type_id.hpp>

CAF_BEGIN_TYPE_ID_BLOCK(tiketi_transfer, caf::first_custom_type_id + 470)
CAF_ADD_TYPE_ID(tiketi_transfer, (tiketi::ticket::check_transfer))
CAF_ADD_TYPE_ID(tiketi_transfer, (tiketi::ticket::apply_transfer_payment))
CAF_ADD_TYPE_ID(tiketi_transfer, (tiketi::ticket::apply_transfer_refund))
CAF_ADD_TYPE_ID(tiketi_transfer, (tiketi::ticket::give_up_bought))
CAF_ADD_TYPE_ID(tiketi_transfer, (tiketi::ticket::list_ticket))
CAF_ADD_TYPE_ID(tiketi_transfer, (tiketi::ticket::unlist_ticket))
CAF_ADD_TYPE_ID(tiketi_transfer, (tiketi::ticket::check_listing))
CAF_ADD_TYPE_ID(tiketi_transfer, (tiketi::ticket::buy_listed))
CAF_END_TYPE_ID_BLOCK(tiketi_transfer)
