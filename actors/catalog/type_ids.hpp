#pragma once

#include "actors/catalog/messages.hpp"

#include <caf/type_id.hpp>

CAF_BEGIN_TYPE_ID_BLOCK(tiketi_catalog, caf::first_custom_type_id + 350)
CAF_ADD_TYPE_ID(tiketi_catalog, (tiketi::catalog::get_brief))
CAF_ADD_TYPE_ID(tiketi_catalog, (tiketi::catalog::event_brief))
CAF_END_TYPE_ID_BLOCK(tiketi_catalog)
