// Wraps Python nodes and sources in handles that a pipeline accepts.
// SPDX-License-Identifier: Apache-2.0
#include "bindings/node/python_node.hpp"

#include "freshframe/pipeline.hpp"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "bindings/border/path_name.hpp"
#include "bindings/border/text.hpp"
#include "bindings/engine/engine.hpp"
#include "bindings/engine/node_handle.hpp"
#include "bindings/node/stop_token.hpp"
#include "bindings/parts.hpp"
#include "bindings/results/value.hpp"
#include "core/pipeline/pipeline_core.hpp"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

namespace nb = nanobind;

namespace freshframe::python {

using process::NodeDescription;

void bind_python_nodes(nb::module_& module, nb::class_<Engine>& engine) {
  nb::class_<NodeDescription>(module, "NodeDescription", nb::is_final(),
                              "A Python node's name and value types, the file that it writes, and how it "
                              "emits results other than one per sample.")
      .def(
          "__init__",
          [](NodeDescription* self, const std::string& name, const std::string& input,
             const std::string& output, std::optional<PathName> records_to, bool gives_several,
             std::optional<double> tick_every, bool finishes, bool gives_last_of_source) {
            new (self)
                NodeDescription{name,
                                find_type(input),
                                find_type(output),
                                records_to ? std::optional(std::move(records_to->bytes)) : std::nullopt,
                                gives_several,
                                tick_every ? std::optional(Seconds(*tick_every)) : std::nullopt,
                                finishes,
                                gives_last_of_source,
                                output == "Packet"};
          },
          nb::arg("name"), nb::arg("input"), nb::arg("output"), nb::arg("records_to").none() = nb::none(),
          nb::arg("gives_several") = false, nb::arg("tick_every").none() = nb::none(),
          nb::arg("finishes") = false, nb::arg("gives_last_of_source") = false);
  engine.def(
      "is_on_native_thread",
      [](const Engine& self, int index) {
        const auto runner = self.core().runner(index);
        return runner && runner->place().hosting().on_native_thread;
      },
      nb::arg("index"),
      "Returns True if the node runs on a native thread, so that a Python node that replaces it needs a new "
      "thread.");
  module.def(
      "hosted",
      [](NodeDescription description, nb::handle node, bool takes_values,
         std::shared_ptr<SpoolCounters> spool) {
        return make_handle(
            std::make_unique<PythonNode>(std::move(description), node.ptr(), takes_values, std::move(spool)));
      },
      nb::arg("description"), nb::arg("node"), nb::arg("takes_values"), nb::arg("spool").none() = nb::none(),
      "Returns a handle for a Python node. The caller must keep the node alive.");
  module.def(
      "hosted_source",
      [](NodeDescription description, nb::handle node, bool live) {
        return make_handle(std::make_unique<PythonSource>(std::move(description), node.ptr(), live));
      },
      nb::arg("description"), nb::arg("node"), nb::arg("live"),
      "Returns a handle for a Python source. The caller must keep the source alive.");
  bind_stop_token(module);
  bind_spool_counters(module);
}

}  // namespace freshframe::python
