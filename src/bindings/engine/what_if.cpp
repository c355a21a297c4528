// The answer of what_if() for Python: the engine's structs with their fields, which the package turns into its dataclasses.
// SPDX-License-Identifier: Apache-2.0
#include "bindings/engine/what_if.hpp"

#include "freshframe/what_if.hpp"

#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "bindings/border/python_free_types.hpp"
#include "bindings/border/raw_call.hpp"
#include "bindings/engine/engine.hpp"
#include "bindings/parts.hpp"
#include "core/why/what_if/recording.hpp"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

namespace nb = nanobind;

template <>
inline constexpr bool freshframe::gil::python_free<freshframe::WhatIf> = true;
template <>
inline constexpr bool freshframe::gil::python_free<freshframe::NodeChange> = true;

namespace freshframe::python {

PyObject* engine_what_if(gil::Held& held, PyObject* self, PyObject* args) {
  const char* name = nullptr;
  PyObject* given = nullptr;
  if (PyArg_ParseTuple(args, "sO:what_if", &name, &given) == 0) return nullptr;
  return raw_call(held, [&]() -> PyObject* {
    const auto& change = nb::cast<const NodeChange&>(nb::handle(given));
    const std::string node(name);
    WhatIf answer;
    gil::release(
        held,
        [](core::PipelineCore* core, const std::string* of, const NodeChange* with, WhatIf* into) {
          *into = core::what_if(core::recording_of(*core), *of, *with);
        },
        &nb::inst_ptr<Engine>(self)->core(), &node, &change, &answer);
    return nb::cast(std::move(answer)).release().ptr();
  });
}

void bind_what_if(nb::module_& module) {
  nb::class_<NodeChange>(module, "NodeChange", nb::is_final(), "A change that what_if() asks for.")
      .def(
          "__init__",
          [](NodeChange* self, std::optional<Queue> queue, std::optional<double> max_age,
             std::optional<double> max_rate, std::optional<int> workers, std::optional<Batch> batch,
             std::optional<double> speed, std::optional<double> rate) {
            new (self) NodeChange{queue, max_age, max_rate, workers, batch, speed, rate};
          },
          nb::kw_only(), nb::arg("queue").none(), nb::arg("max_age").none(), nb::arg("max_rate").none(),
          nb::arg("workers").none(), nb::arg("batch").none(), nb::arg("speed").none(),
          nb::arg("rate").none());
  nb::class_<Question>(module, "Question", nb::is_final(),
                       "A question to what_if() as text: \"NODE: queue=NEXT\".")
      .def(
          "__init__", [](Question* self, std::string_view text) { new (self) Question(Question::of(text)); },
          nb::arg("text"))
      .def_ro("node", &Question::node)
      .def_ro("change", &Question::change);
  nb::class_<Interval>(module, "Interval", nb::is_final())
      .def_ro("low", &Interval::low)
      .def_ro("middle", &Interval::middle)
      .def_ro("high", &Interval::high);
  nb::class_<Outcome>(module, "Outcome", nb::is_final())
      .def_ro("consumer", &Outcome::consumer)
      .def_ro("is_reader", &Outcome::is_reader)
      .def_ro("rate_now", &Outcome::rate_now)
      .def_ro("mean_now", &Outcome::mean_now)
      .def_ro("rate", &Outcome::rate)
      .def_ro("mean", &Outcome::mean)
      .def_ro("p50", &Outcome::p50)
      .def_ro("p99", &Outcome::p99)
      .def_ro("reason", &Outcome::reason);
  nb::class_<WhatIf>(module, "WhatIf", nb::is_final())
      .def_ro("node", &WhatIf::node)
      .def_ro("change", &WhatIf::change)
      .def_ro("reason", &WhatIf::reason)
      .def_ro("outcomes", &WhatIf::outcomes)
      .def_ro("calls", &WhatIf::calls)
      .def_ro("seconds", &WhatIf::seconds)
      .def_prop_ro("text", [](const WhatIf& self) { return to_string(self); });
}

}  // namespace freshframe::python
