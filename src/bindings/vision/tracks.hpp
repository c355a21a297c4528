// Converts Python objects to tracks for the nodes that take them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/gil.hpp"

#include "freshframe/sample.hpp"

#include <nanobind/nanobind.h>

namespace freshframe::python {

/// Converts Detections, including supervision's, or Circles. Returns an empty value for other types.
[[nodiscard]] ValueRef tracks_from(gil::Held& held, nanobind::handle object);

/// The end of the error message for other types.
inline constexpr const char* kMakeThem =
    ": create them from your boxes, ff.Detections(xyxy, confidence, class_id)";

}  // namespace freshframe::python
