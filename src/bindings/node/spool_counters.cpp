// Statistics of a Spool, which is implemented in Python.
// SPDX-License-Identifier: Apache-2.0
#include "bindings/node/spool_counters.hpp"

#include <cstdint>
#include <string>

#include "bindings/border/text.hpp"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>

namespace nb = nanobind;

namespace freshframe::python {

void bind_spool_counters(nb::module_& module) {
  nb::class_<SpoolCounters>(module, "SpoolCounters", nb::is_final(),
                            "The counters of a Spool, for statistics, the dashboard and metrics.")
      .def(nb::init<>())
      .def(
          "set",
          [](SpoolCounters& self, std::uint64_t waiting, std::uint64_t size_bytes,
             std::optional<double> oldest, std::uint64_t sent, std::uint64_t refused, std::uint64_t expired,
             std::uint64_t lost, std::uint64_t errors, std::optional<double> called, std::string last_error) {
            self.set({.waiting = waiting,
                      .size_bytes = size_bytes,
                      .sent = sent,
                      .refused = refused,
                      .expired = expired,
                      .lost = lost,
                      .errors = errors,
                      .last_error = std::move(last_error)},
                     oldest, called);
          },
          nb::kw_only(), nb::arg("waiting"), nb::arg("size_bytes"), nb::arg("oldest").none(), nb::arg("sent"),
          nb::arg("refused"), nb::arg("expired"), nb::arg("lost"), nb::arg("errors"),
          nb::arg("called").none(), nb::arg("last_error"), "Replaces all counters.");
}

}  // namespace freshframe::python
