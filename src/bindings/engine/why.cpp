// The answer of why() for Python: the engine's structs with their fields, which the package turns into its dataclasses.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/why.hpp"

#include <string>
#include <string_view>
#include <utility>

#include "bindings/border/python_free_types.hpp"
#include "bindings/border/raw_call.hpp"
#include "bindings/engine/engine.hpp"
#include "bindings/parts.hpp"
#include "core/why/observer.hpp"

#include <nanobind/stl/map.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

namespace nb = nanobind;

template <>
inline constexpr bool freshframe::gil::python_free<freshframe::Why> = true;

namespace freshframe::python {

PyObject* engine_why(gil::Held& held, PyObject* self, PyObject* /*no_arguments*/) {
  return raw_call(held, [&]() -> PyObject* {
    Why answer;
    gil::release(
        held, [](core::PipelineCore* core, Why* into) { *into = core::observer_of(*core).why(); },
        &nb::inst_ptr<Engine>(self)->core(), &answer);
    return nb::cast(std::move(answer)).release().ptr();
  });
}

void bind_why(nb::module_& module) {
  nb::class_<AgePart>(module, "AgePart", nb::is_final())
      .def_prop_ro("kind", [](const AgePart& self) { return to_string(self.kind); })
      .def_ro("node", &AgePart::node)
      .def_ro("mean", &AgePart::mean)
      .def_ro("oldest", &AgePart::oldest);
  nb::class_<Age>(module, "Age", nb::is_final())
      .def_ro("consumer", &Age::consumer)
      .def_ro("sources", &Age::sources)
      .def_ro("is_reader", &Age::is_reader)
      .def_ro("samples", &Age::samples)
      .def_ro("unknown", &Age::unknown)
      .def_ro("seconds", &Age::seconds)
      .def_ro("interval", &Age::interval)
      .def_ro("mean", &Age::mean)
      .def_ro("oldest", &Age::oldest)
      .def_ro("parts", &Age::parts);
  nb::class_<Finding>(module, "Finding", nb::is_final())
      .def_ro("kind", &Finding::kind)
      .def_ro("subject", &Finding::subject)
      .def_ro("text", &Finding::text)
      .def_ro("remedy", &Finding::remedy)
      .def_ro("evidence", &Finding::evidence);
  nb::class_<Why>(module, "Why", nb::is_final())
      .def_ro("findings", &Why::findings)
      .def_ro("ages", &Why::ages)
      .def_ro("runs", &Why::runs)
      .def_ro("watched", &Why::watched)
      .def_ro("needed", &Why::needed)
      .def_ro("unsettled", &Why::unsettled)
      .def_prop_ro("text", [](const Why& self) { return to_string(self); });
}

}  // namespace freshframe::python
