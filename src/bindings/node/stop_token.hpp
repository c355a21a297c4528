// The object by which a node in Python learns that its pipeline stops.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <memory>
#include <stop_token>

#include <nanobind/nanobind.h>

namespace freshframe::python {

/// `stop_token` of a node or source.
struct StopToken {
  std::stop_token token;
  std::shared_ptr<const Clock> clock;
};

/// Adds StopToken to the module.
void bind_stop_token(nanobind::module_& module);

}  // namespace freshframe::python
