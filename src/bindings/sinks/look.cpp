// Look: requests about the last seconds of a stream.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include "freshframe/look.hpp"

#include <chrono>
#include <cstddef>
#include <memory>
#include <stop_token>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "bindings/border/raw_call.hpp"
#include "bindings/border/text.hpp"
#include "bindings/engine/engine.hpp"
#include "bindings/engine/node_handle.hpp"
#include "bindings/parts.hpp"
#include "core/pipeline/views/ports.hpp"
#include "media/stream/detached_call.hpp"
#include "sinks/look/look_sources.hpp"

#include <nanobind/stl/tuple.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

template <>
inline constexpr bool freshframe::gil::python_free<freshframe::media::DetachedCall> = true;

namespace nb = nanobind;

namespace freshframe::python {
namespace {

std::unique_ptr<NodeHandle> make_look(double seconds, double every, std::size_t max_bytes) {
  const LookOptions options{.seconds = seconds, .every = every, .max_bytes = max_bytes};
  return make_handle(std::make_unique<Look>(options));
}

/// Returns the constructor arguments of the Python class Snapshot from `source` to `frozen_for`, followed by
/// the number of the source.
nb::tuple make_arguments(Snapshot&& snapshot) {
  const auto& stamp = snapshot.stamp;
  const bool known = stamp.utc.from != UtcFrom::None;
  return nb::make_tuple(std::move(snapshot.frame).keep(), stamp.seq, stamp.pts,
                        std::chrono::duration<double>(stamp.captured.time_since_epoch()).count(),
                        known ? nb::cast(stamp.utc.seconds) : nb::none(), double{stamp.utc.error},
                        std::string(to_string(stamp.utc.from)), stamp.damaged, snapshot.gap, stamp.source);
}

bool has_ended(const media::DetachedCall* call) {
  const auto slice = std::chrono::duration_cast<TimePoint::duration>(Seconds(kSignalSlice));
  return call->wait(std::chrono::steady_clock::now() + slice, {});
}

// Another thread decodes, so that a signal handler can end the wait. An abandoned request ends at its next
// packet.
nb::list look_snapshots(gil::Held& held, const NodeHandle& self, const std::vector<double>& ages,
                        bool exact) {
  self.guard.check("the Look");
  auto& node = node_as<Look>(self, "a Look");
  nb::list out;
  if (self.node) return out;  // not added to a pipeline yet
  const std::shared_ptr<Look> look(self.added, &node);
  const auto found = std::make_shared<std::vector<Snapshot>>();
  const std::stop_source stop;
  const media::DetachedCall call([look, found, ages, exact, ended = stop.get_token()] {
    *found = look->snapshots({.ages = ages, .exact = exact, .stop = ended});
  });
  while (!gil::release(held, &has_ended, &call)) {
    if (PyErr_CheckSignals() == 0) continue;
    stop.request_stop();
    throw nb::python_error();
  }
  call.check();
  for (auto& snapshot : *found) out.append(make_arguments(std::move(snapshot)));
  return out;
}

using LookSource = std::tuple<std::string, std::string, std::string, double>;

/// For each source: its camera's name, state, last error, and how long it has been frozen. A number below 0
/// means the source upstream of the node `name`.
std::vector<LookSource> look_sources(const NodeHandle& self, const std::vector<int>& sources,
                                     const std::string& name) {
  if (!self.owner) return std::vector<LookSource>(sources.size());
  const media::LookSources all(*self.owner);
  std::vector<LookSource> out;
  for (const int source : sources) {
    auto at = source < 0 ? all.above(name) : all.find_source(source);
    out.emplace_back(std::move(at.camera), std::move(at.state), std::move(at.last_error), at.frozen_for);
  }
  return out;
}

/// False if the Look was removed or replaced.
bool has_look(const NodeHandle& self, const Engine& engine, const std::string& name) {
  return self.owner != nullptr && self.owner == engine.shared_core() &&
         core::node_named(*self.owner, name) == self.added;
}

}  // namespace

void bind_look(nb::module_& module) {
  module.def("make_look", &make_look, nb::arg("seconds"), nb::arg("every"), nb::arg("max_bytes"));
  module.def("look_snapshots", gil::entry<&look_snapshots>, nb::arg("look"), nb::arg("ages"),
             nb::arg("exact"), "GIL: released while waiting");
  module.def("look_is_part_of", &has_look, nb::arg("look"), nb::arg("engine"), nb::arg("name"));
  module.def("look_sources", &look_sources, nb::arg("look"), nb::arg("sources"), nb::arg("name"));
}

}  // namespace freshframe::python
