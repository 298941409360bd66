#pragma once

#include "actors/cluster/messages.hpp"

#include <caf/type_id.hpp>

CAF_BEGIN_TYPE_ID_BLOCK(tiketi_cluster, caf::first_custom_type_id + 900)
CAF_ADD_TYPE_ID(tiketi_cluster, (tiketi::cluster::hello))
CAF_ADD_TYPE_ID(tiketi_cluster, (tiketi::cluster::welcome))
CAF_ADD_TYPE_ID(tiketi_cluster, (tiketi::cluster::remote_calls))
CAF_ADD_TYPE_ID(tiketi_cluster, (tiketi::cluster::remote_answers))
CAF_ADD_TYPE_ID(tiketi_cluster, (tiketi::cluster::command_reply))
CAF_END_TYPE_ID_BLOCK(tiketi_cluster)
