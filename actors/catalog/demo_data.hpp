#pragma once

#include "storage/catalog_store.hpp"

namespace tiketi::catalog {

/// A fictional season: seated halls of 500 to 20,000 seats and standing events, most of them on
/// sale, some upcoming, one ended, one cancelled. Dates are relative to `first_start`; ids are
/// always the same. For trying out and for load tests.
seed_catalog make_demo_data(time_point first_start);

} // namespace tiketi::catalog
