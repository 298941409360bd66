#pragma once

#include "actors/webhook/messages.hpp"

#include <caf/type_id.hpp>

CAF_BEGIN_TYPE_ID_BLOCK(tiketi_webhook, caf::first_custom_type_id + 500)
CAF_ADD_TYPE_ID(tiketi_webhook, (tiketi::webhook::webhook_view))
CAF_ADD_TYPE_ID(tiketi_webhook, (tiketi::webhook::delivery_view))
CAF_ADD_TYPE_ID(tiketi_webhook, (tiketi::webhook::create_webhook))
CAF_ADD_TYPE_ID(tiketi_webhook, (tiketi::webhook::webhook_secret))
CAF_ADD_TYPE_ID(tiketi_webhook, (tiketi::webhook::change_webhook))
CAF_ADD_TYPE_ID(tiketi_webhook, (tiketi::webhook::list_webhooks))
CAF_ADD_TYPE_ID(tiketi_webhook, (tiketi::webhook::webhook_list))
CAF_ADD_TYPE_ID(tiketi_webhook, (tiketi::webhook::get_webhook))
CAF_ADD_TYPE_ID(tiketi_webhook, (tiketi::webhook::delete_webhook))
CAF_ADD_TYPE_ID(tiketi_webhook, (tiketi::webhook::webhook_deleted))
CAF_ADD_TYPE_ID(tiketi_webhook, (tiketi::webhook::rotate_secret))
CAF_ADD_TYPE_ID(tiketi_webhook, (tiketi::webhook::test_webhook))
CAF_ADD_TYPE_ID(tiketi_webhook, (tiketi::webhook::test_result))
CAF_ADD_TYPE_ID(tiketi_webhook, (tiketi::webhook::list_deliveries))
CAF_ADD_TYPE_ID(tiketi_webhook, (tiketi::webhook::delivery_page))
CAF_ADD_TYPE_ID(tiketi_webhook, (tiketi::webhook::replay_dead_letters))
CAF_ADD_TYPE_ID(tiketi_webhook, (tiketi::webhook::replayed))
CAF_END_TYPE_ID_BLOCK(tiketi_webhook)
