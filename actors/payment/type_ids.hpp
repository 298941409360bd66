#pragma once

#include "actors/payment/messages.hpp"

#include <caf/type_id.hpp>

CAF_BEGIN_TYPE_ID_BLOCK(tiketi_payment, caf::first_custom_type_id + 150)
CAF_ADD_TYPE_ID(tiketi_payment, (tiketi::payment::get_standing))
CAF_ADD_TYPE_ID(tiketi_payment, (tiketi::payment::payment_standing))
CAF_ADD_TYPE_ID(tiketi_payment, (tiketi::payment::payment_view))
CAF_ADD_TYPE_ID(tiketi_payment, (tiketi::payment::payment_done))
CAF_ADD_TYPE_ID(tiketi_payment, (tiketi::payment::prepare_payment))
CAF_ADD_TYPE_ID(tiketi_payment, (tiketi::payment::confirm_payment))
CAF_ADD_TYPE_ID(tiketi_payment, (tiketi::payment::process_payment))
CAF_ADD_TYPE_ID(tiketi_payment, (tiketi::payment::cancel_payment))
CAF_END_TYPE_ID_BLOCK(tiketi_payment)
