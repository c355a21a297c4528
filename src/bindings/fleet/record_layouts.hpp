// The layouts of the records on a fleet's channel, as NumPy's dtype takes them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>

#include "fleet/record_fields.hpp"
#include "fleet/records.hpp"

#include <nanobind/nanobind.h>

namespace freshframe::python {

template <std::size_t N>
nanobind::list make_layout(const std::array<fleet::RecordField, N>& fields) {
  nanobind::list layout;
  for (const fleet::RecordField& field : fields) {
    if (field.entries == 1) {
      layout.append(nanobind::make_tuple(field.name, field.format));
    } else {
      layout.append(nanobind::make_tuple(field.name, field.format, nanobind::make_tuple(field.entries)));
    }
  }
  return layout;
}

/// The package reads them when it is imported, so a build without the layer has them, too.
inline void bind_fleet_records(nanobind::module_& module) {
  module.def(
      "fleet_records",
      [] {
        nanobind::dict records;
        records["camera"] = make_layout(fleet::kCameraFields);
        records["outbox"] = make_layout(fleet::kOutboxFields);
        records["result"] = make_layout(fleet::kResultFields);
        nanobind::list losses;
        for (const auto name : fleet::kLossNames) losses.append(nanobind::str(name.data(), name.size()));
        records["losses"] = losses;
        return records;
      },
      "Returns the fields of the records on the channel (camera, outbox, result) as NumPy dtypes, and the "
      "names of the losses in a camera's record.");
}

}  // namespace freshframe::python
