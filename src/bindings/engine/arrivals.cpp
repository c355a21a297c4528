// Lets a Python node ask how far along the samples are that will reach it.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include "core/pipeline/views/arrivals.hpp"

#include <memory>
#include <optional>

#include "bindings/engine/engine.hpp"
#include "bindings/parts.hpp"

#include <nanobind/stl/optional.h>

namespace nb = nanobind;

namespace freshframe::python {
namespace {

/// The pipeline owns the node, which owns this object, so this does not own the pipeline.
class NodeArrivals {
 public:
  NodeArrivals(const Engine& engine, int node) : core_(engine.shared_core()), node_(node), arrivals_(node) {}

  [[nodiscard]] std::optional<double> until(int source) {
    const auto core = core_.lock();
    const auto found = core ? arrivals_.until(*core, source) : std::nullopt;
    return found ? std::optional(Seconds(found->time_since_epoch()).count()) : std::nullopt;
  }
  [[nodiscard]] bool have_ended() const {
    const auto core = core_.lock();
    return core && core::has_input_ended(*core, node_);
  }
  [[nodiscard]] bool is_live(int source) const {
    const auto core = core_.lock();
    return core && core::is_live_source(*core, source);
  }

 private:
  std::weak_ptr<core::PipelineCore> core_;
  int node_;
  core::Arrivals arrivals_;
};

}  // namespace

void bind_arrivals(nb::module_& module) {
  nb::class_<NodeArrivals>(
      module, "NodeArrivals", nb::is_final(),
      "Tracks which samples of live sources have arrived at a node. Must be used on the node's thread.")
      .def(nb::init<const Engine&, int>(), nb::arg("engine"), nb::arg("node"))
      .def(
          "until", &NodeArrivals::until, nb::arg("source"),
          "Returns the capture time (time.monotonic()) up to which all samples of the source have arrived or "
          "were dropped. None while samples are in transit, or if the source is a file or was removed.")
      .def("have_ended", &NodeArrivals::have_ended,
           "Returns True if all sources upstream have ended, so that the node ends after their last samples.")
      .def("is_live", &NodeArrivals::is_live, nb::arg("source"),
           "Returns True if the source with this number is live and has not been removed.");
}

}  // namespace freshframe::python
