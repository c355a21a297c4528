// Converts boxes between C++ and Python's Detections.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/gil.hpp"

#include "freshframe/sample.hpp"
#include "freshframe/vision.hpp"

#include <cstddef>
#include <memory>

#include "bindings/results/pickled.hpp"

#include <nanobind/nanobind.h>

namespace freshframe::python {

/// The `data` columns of boxes that a program made in Python: the Detections object itself or, if it was sent
/// by another process, a pickle of the columns without a native form.
struct PythonColumns final : FurtherColumns {
  gil::Ref boxes;
  std::shared_ptr<PickledBytes> data;
  bool has_data = false;   // there are columns without a native form
  std::size_t native = 0;  // number of columns with a native form, which were copied
};

/// `found` belongs to `value`; the arrays are read-only views of it. Returns the original object if it came
/// from Python in this process and has not changed.
[[nodiscard]] nanobind::object detections_to_python(gil::Held& held, const ValueRef& value,
                                                    const Detections& found);
/// Returns true if `object` is one of the package's Detections. `exactly`: subclasses do not count.
[[nodiscard]] bool is_detections(nanobind::handle object, bool exactly);
/// Copies the columns. Throws OptionError or OptionTypeError.
[[nodiscard]] Detections detections_from_python(gil::Held& held, nanobind::handle object);
/// Returns the package's Detections made of supervision's, or an invalid object for anything else.
[[nodiscard]] nanobind::object read_supervision(nanobind::handle object);

}  // namespace freshframe::python
