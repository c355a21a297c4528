// Snapshots for Python: plain tuples, which the package turns into its dataclasses.
// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <optional>
#include <string>

#include "python/python_engine.hpp"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>

namespace nb = nanobind;

namespace freshframe::python {
namespace {

std::string state_name(NodeState state) {
  return state == NodeState::WaitingLock ? "waiting_gil" : std::string(to_string(state));
}

template <class Map>
nb::dict drops_of(const Map& drops) {
  nb::dict result;
  for (const auto& [cause, count] : drops) result[nb::str(to_string(cause).data())] = count;
  return result;
}

nb::object source_tuple(const std::optional<SourceStats>& source) {
  if (!source) return nb::none();
  return nb::make_tuple(std::string(to_string(source->state)), source->outages, source->outage_seconds,
                        source->reconnects, source->stalls, source->size_changes, source->decoder_delay,
                        source->wall_clock, source->last_error);
}

nb::tuple node_tuple(const NodeStats& node) {
  return nb::make_tuple(state_name(node.state), node.processed, node.fps, node.busy, node.p50, node.p99,
                        node.lock_wait, node.lock_hold, node.errors, node.dropped, drops_of(node.drops),
                        source_tuple(node.source));
}

nb::tuple edge_tuple(const EdgeStats& edge) {
  return nb::make_tuple(edge.parent, edge.child, edge.queue.depth,
                        std::string(to_string(edge.queue.when_full)), edge.passed_in, edge.delivered,
                        edge.waiting, edge.dropped, drops_of(edge.drops), edge.age_p50, edge.age_p99);
}

nb::tuple pool_tuple(const PoolStats& pool) {
  return nb::make_tuple(pool.bound, pool.published, pool.memory.allocated, pool.memory.reused,
                        pool.memory.idle_bytes);
}

nb::tuple stats_tuple(const Stats& stats) {
  nb::dict nodes;
  for (const auto& node : stats.nodes) nodes[nb::str(node.name.c_str())] = node_tuple(node);
  nb::list edges;
  for (const auto& edge : stats.edges) edges.append(edge_tuple(edge));
  return nb::make_tuple(nodes, edges, stats.uptime, stats.held_bytes, pool_tuple(stats.pool));
}

nb::tuple report_tuple(const Engine& self) {
  const auto report = self.core().report();
  return nb::make_tuple(stats_tuple(report.stats), report.complete, report.elapsed, report.frames);
}

// (done, total or None, dropped): cheap enough for every tick of a progress bar.
nb::tuple progress_tuple(const Engine& self) {
  const auto& core = self.core();
  std::uint64_t done = 0;
  for (int i = 0; i < core.node_count(); ++i) {
    if (core.worker(i).is_source()) done += core.worker(i).processed();
  }
  std::uint64_t dropped = 0;
  for (const auto& edge : core.stats().edges) dropped += edge.dropped;
  return nb::make_tuple(done, core.total(), dropped);
}

}  // namespace

void bind_engine_stats(nb::class_<Engine>& engine) {
  engine.def(
            "stats", [](const Engine& self) { return stats_tuple(self.core().stats()); }, "GIL: held")
      .def("report", &report_tuple, "GIL: held")
      .def("progress", &progress_tuple, "GIL: held");
}

}  // namespace freshframe::python
