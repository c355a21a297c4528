// Tracks of Python's objects.
// SPDX-License-Identifier: Apache-2.0
#include "bindings/vision/tracks.hpp"

#include <array>
#include <utility>

#include "bindings/results/value.hpp"

namespace nb = nanobind;

namespace freshframe::python {

ValueRef tracks_from(gil::Held& held, nb::handle object) {
  static const std::array<const TypeInfo*, 1> wanted = {type_of<Detections>()};
  auto output = from_python(held, object, wanted);
  const bool known = output.value.as<Detections>() != nullptr || output.value.as<Circles>() != nullptr;
  return known ? std::move(output.value) : ValueRef();
}

}  // namespace freshframe::python
