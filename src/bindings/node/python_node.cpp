// Adding Python nodes and sources to a pipeline.
// SPDX-License-Identifier: Apache-2.0
#include "bindings/node/python_node.hpp"

#include "freshframe/pipeline.hpp"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "bindings/engine/engine.hpp"
#include "bindings/engine/node_handle.hpp"
#include "bindings/node/stop_token.hpp"
#include "bindings/parts.hpp"
#include "bindings/results/value.hpp"
#include "core/pipeline/changes/changes.hpp"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

namespace nb = nanobind;

namespace freshframe::python {
namespace {

using process::NodeDescription;

int add_python(Engine& self, NodeDescription description, nb::handle node, bool takes_values,
               const Parents& parents, const AddOptions& options, std::shared_ptr<SpoolCounters> spool) {
  return core::add_node(
      self.core(),
      std::make_unique<PythonNode>(std::move(description), node.ptr(), takes_values, std::move(spool)),
      any_ports(parents), options);
}

int add_python_source(Engine& self, const NodeDescription& description, nb::handle node, bool live,
                      const Parents& parents, const AddOptions& options) {
  return core::add_node(
      self.core(), std::make_unique<PythonSource>(description.name, node.ptr(), live, description.output),
      any_ports(parents), options);
}

}  // namespace

void bind_python_nodes(nb::module_& module, nb::class_<Engine>& engine) {
  nb::class_<NodeDescription>(module, "NodeDescription", nb::is_final(),
                              "A Python node's name, the kinds of its values, the file that it writes, and "
                              "what it gives besides one result per sample.")
      .def(
          "__init__",
          [](NodeDescription* self, const std::string& name, const std::string& input,
             const std::string& output, std::optional<std::string> records_to, bool gives_several,
             std::optional<double> wake_every, bool finishes) {
            new (self) NodeDescription{name,
                                       type_of_kind(input),
                                       type_of_kind(output),
                                       std::move(records_to),
                                       gives_several,
                                       wake_every ? std::optional(Seconds(*wake_every)) : std::nullopt,
                                       finishes};
          },
          nb::arg("name"), nb::arg("input"), nb::arg("output"), nb::arg("records_to").none() = nb::none(),
          nb::arg("gives_several") = false, nb::arg("wake_every").none() = nb::none(),
          nb::arg("finishes") = false);
  engine
      .def("add_python", &add_python, nb::lock_self(), nb::arg("description"), nb::arg("node"),
           nb::arg("takes_values"), nb::arg("parents"), nb::arg("options"),
           nb::arg("spool").none() = nb::none(), "Adds a place for a Python node; returns its index.")
      .def("add_python_source", &add_python_source, nb::lock_self(), nb::arg("description"), nb::arg("node"),
           nb::arg("live"), nb::arg("parents"), nb::arg("options"),
           "Adds a place for a Python source; returns its index.");
  module.def(
      "hosted",
      [](NodeDescription description, nb::handle node, bool takes_values) {
        return handle_of(
            std::make_unique<PythonNode>(std::move(description), node.ptr(), takes_values, nullptr));
      },
      nb::arg("description"), nb::arg("node"), nb::arg("takes_values"),
      "The handle of a Python node that takes the place of another one. The caller keeps the node.");
  bind_stop_token(module);
  bind_spool_counters(module);
  bind_node_thread(module);
}

}  // namespace freshframe::python
