// The class NodeHandle.
// SPDX-License-Identifier: Apache-2.0
#include "bindings/engine/node_handle.hpp"

#include <optional>

#include "bindings/border/text.hpp"
#include "bindings/parts.hpp"
#include "core/pipeline/changes/changes.hpp"

#include <nanobind/stl/optional.h>

namespace nb = nanobind;

namespace freshframe::python {

void bind_node_handle(nb::module_& module) {
  nb::class_<NodeHandle>(module, "NodeHandle", nb::is_final(), "A native node before and after it is added.")
      .def_prop_ro(
          "added", [](const NodeHandle& self) { return self.added != nullptr; },
          "True once it belongs to a pipeline.")
      .def_prop_ro(
          "has_place",
          [](const NodeHandle& self) {
            return self.successor ? core::has_place(*self.owner, *self.successor)
                                  : std::optional<bool>(false);
          },
          "Whether a node that came by replace() has got its place; None means it is not decided yet.")
      .def_prop_ro(
          "live",
          [](const NodeHandle& self) {
            const auto& node = self.get();
            return node.is_source() && static_cast<const SourceBase&>(node).live();
          },
          "True for a source that cannot wait.")
      .def_prop_ro(
          "gives_several", [](const NodeHandle& self) { return self.get().contract().gives_several; },
          "True if one sample may have any number of results.")
      .def_prop_ro(
          "tick_every",
          [](const NodeHandle& self) {
            const auto period = self.get().contract().tick_every;
            return period ? std::optional(period->count()) : std::nullopt;
          },
          "Seconds between two calls of its on_tick(); None means it has none.")
      .def_prop_ro(
          "finishes", [](const NodeHandle& self) { return self.get().contract().finishes; },
          "True if it has finish().")
      .def_prop_ro(
          "default_name", [](const NodeHandle& self) { return self.get().default_name(); },
          "The node's name if add(name=) is not given.");
}

}  // namespace freshframe::python
