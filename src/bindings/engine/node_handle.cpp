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

namespace {

// Returns true if a signal handler raised `error` before the first line of the called function ran.
bool is_raised_before_call(const nb::python_error& error) {
  const auto trace = error.traceback();
  if (!trace.is_valid() || trace.is_none() || trace.attr("tb_next").is_none()) return false;
  const auto code = trace.attr("tb_frame").attr("f_code");
  const auto last = nb::cast<int>(trace.attr("tb_lasti"));
  // Instructions before the body set up closure cells. Each takes two bytes.
  const auto prologue = 2 * (2 + nb::len(nb::handle(nb::object(code.attr("co_cellvars")))));
  return last < static_cast<int>(prologue) && trace.attr("tb_lineno").equal(code.attr("co_firstlineno"));
}

}  // namespace

std::exception_ptr call_close(const nb::object& node) {
  std::exception_ptr cut;
  for (int attempt = 0; attempt < 3; ++attempt) {
    if (nb::steal(PyObject_CallMethod(node.ptr(), "close", nullptr)).is_valid()) return cut;
    const nb::python_error error;
    cut = std::make_exception_ptr(error);
    if (!is_raised_before_call(error)) return cut;
  }
  return cut;
}

void bind_node_handle(nb::module_& module) {
  nb::class_<NodeHandle>(module, "NodeHandle", nb::is_final(), "A native node before and after it is added.")
      .def_prop_ro(
          "added", [](const NodeHandle& self) { return self.added != nullptr; },
          "True once the node belongs to a pipeline.")
      .def_prop_ro(
          "has_place",
          [](const NodeHandle& self) {
            return self.successor ? core::has_place(*self.owner, *self.successor)
                                  : std::optional<bool>(false);
          },
          "For a node passed to replace(): True once it has replaced the old node, False if it never will, "
          "None while undecided.")
      .def_prop_ro(
          "live",
          [](const NodeHandle& self) {
            const auto& node = self.get();
            return node.is_source() && static_cast<const SourceBase&>(node).live();
          },
          "True for a live source, which cannot wait for a slow consumer.")
      .def_prop_ro(
          "gives_several", [](const NodeHandle& self) { return self.get().contract().gives_several; },
          "True if there may be any number of results per sample.")
      .def_prop_ro(
          "tick_every",
          [](const NodeHandle& self) {
            const auto period = self.get().contract().tick_every;
            return period ? std::optional(period->count()) : std::nullopt;
          },
          "Interval of on_tick() in seconds; None if the node has none.")
      .def_prop_ro(
          "finishes", [](const NodeHandle& self) { return self.get().contract().finishes; },
          "True if the node has finish().")
      .def_prop_ro(
          "default_name", [](const NodeHandle& self) { return self.get().default_name(); },
          "The name of the node if add() is called without name=.");
}

}  // namespace freshframe::python
