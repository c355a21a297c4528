// The names of a pipeline's nodes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "core/pipeline/runner/name_table.hpp"

namespace freshframe::python {

/// Names by node number. All samples of a pipeline share the table.
using NodeNames = std::shared_ptr<const core::NameTable>;

}  // namespace freshframe::python
