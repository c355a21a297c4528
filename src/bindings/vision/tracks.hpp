// Objects of Python as tracks for the nodes that take them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/gil.hpp"

#include "freshframe/sample.hpp"

#include <nanobind/nanobind.h>

namespace freshframe::python {

/// Detections, including supervision's, or Circles; empty means another type.
[[nodiscard]] ValueRef tracks_from(gil::Held& held, nanobind::handle object);

/// The end of a message about another type.
inline constexpr const char* kMakeThem =
    ": make them of your boxes, ff.Detections(xyxy, confidence, class_id)";

}  // namespace freshframe::python
