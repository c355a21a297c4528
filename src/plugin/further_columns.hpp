// The columns of Detections::data at the C interface.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/data_column.hpp"
#include "freshframe/native.hpp"
#include "freshframe/results.hpp"

#include <cstddef>
#include <string_view>
#include <vector>

#include "plugin/values.hpp"

namespace freshframe::plugin {

/// Shows the columns of `found.data` behind those of `lent.table`. Those of more than 4 dimensions stay out, and those
/// whose name is in `others`, a list with spaces.
void add_further_columns(const Detections& found, std::string_view others, Lent& lent);

/// Copies of the columns of `table` whose names are not in `others`. Throws Error for a type that Detections::data does
/// not have, for a text that is not UTF-8 and for another number of rows than `rows`.
[[nodiscard]] std::vector<DataColumn> further_columns_of(const native::Table& table, std::string_view others,
                                                         std::size_t rows);

}  // namespace freshframe::plugin
