// Snapshots of the counters for Python: the engine's structs with their fields, which the package turns into its
// dataclasses.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/stats_fields.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "bindings/engine/engine.hpp"
#include "bindings/parts.hpp"
#include "core/pipeline/onlookers.hpp"

#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

namespace nb = nanobind;

namespace freshframe::python {
namespace {

/// One tick of a run's progress, cheap enough for a bar.
struct ProgressTick {
  std::uint64_t done = 0;             // samples that sources delivered
  std::optional<std::int64_t> total;  // if the sources know it
  std::uint64_t dropped = 0;          // on all edges
};

// The attributes of a table of fields. Its names are string literals.
template <class Class, class Fields>
void add_fields(Class& of, const Fields& fields) {
  for_each_field(fields, [&](const auto& field) {
    of.def_ro(field.name.data(), field.member);  // NOLINT(bugprone-suspicious-stringview-data-usage)
  });
}

template <class Stats>
nb::typed<nb::dict, nb::str, int> drops_of(const Stats& stats) {
  nb::typed<nb::dict, nb::str, int> result;
  for (const auto& [cause, count] : stats.drops) result[nb::cast(to_string(cause))] = count;
  return result;
}

template <class Stats>
std::string_view state_of(const Stats& stats) {
  return to_string(stats.state);
}

void bind_node_stats(nb::module_& module) {
  nb::class_<SourceStats> source(module, "SourceStats", nb::is_final());
  source.def_prop_ro("state", &state_of<SourceStats>);
  add_fields(source, kSourceFields);
  nb::class_<WorkerStats>(module, "WorkerStats", nb::is_final())
      .def_ro("pid", &WorkerStats::pid)
      .def_prop_ro("state", &state_of<WorkerStats>)
      .def_ro("samples", &WorkerStats::samples)
      .def_ro("restarts", &WorkerStats::restarts)
      .def_ro("rss_bytes", &WorkerStats::rss_bytes)
      .def_ro("cpu", &WorkerStats::cpu);
  nb::class_<InferenceStats>(module, "InferenceStats", nb::is_final())
      .def_ro("provider", &InferenceStats::provider)
      .def_ro("threads", &InferenceStats::threads)
      .def_ro("runs", &InferenceStats::runs)
      .def_ro("p50", &InferenceStats::p50)
      .def_ro("p99", &InferenceStats::p99);
  nb::class_<SpoolStats> spool(module, "SpoolStats", nb::is_final());
  add_fields(spool, kSpoolFields);
  nb::class_<JoinParentStats>(module, "JoinParentStats", nb::is_final())
      .def_ro("parent", &JoinParentStats::parent)
      .def_ro("unmatched", &JoinParentStats::unmatched)
      .def_ro("late", &JoinParentStats::late)
      .def_ro("nearest", &JoinParentStats::nearest);
  nb::class_<JoinStats> join(module, "JoinStats", nb::is_final());
  join.def_prop_ro("by", [](const JoinStats& self) { return to_string(self.by); });
  add_fields(join, kJoinFields);
  join.def_ro("parents", &JoinStats::parents).def_ro("trouble", &JoinStats::trouble);
  nb::class_<NodeStats> node(module, "NodeStats", nb::is_final());
  node.def_ro("number", &NodeStats::number)
      .def_ro("name", &NodeStats::name)
      .def_prop_ro("state", &state_of<NodeStats>);
  add_fields(node, kNodeFields);
  node.def_prop_ro("drops", &drops_of<NodeStats>)
      .def_ro("batches", &NodeStats::batches)
      .def_ro("in_flight", &NodeStats::in_flight)
      .def_ro("workers", &NodeStats::workers)
      .def_ro("inference", &NodeStats::inference)
      .def_ro("spool", &NodeStats::spool)
      .def_ro("join", &NodeStats::join)
      .def_ro("source", &NodeStats::source)
      .def_ro("last_error", &NodeStats::last_error);
}

void bind_edge_stats(nb::module_& module) {
  nb::class_<EdgeStats> edge(module, "EdgeStats", nb::is_final());
  edge.def_ro("parent", &EdgeStats::parent)
      .def_ro("child", &EdgeStats::child)
      .def_ro("queue", &EdgeStats::queue)
      .def_ro("sources", &EdgeStats::sources)
      .def_ro("only", &EdgeStats::only, "The source that the edge is limited to; empty: no limit.")
      .def_ro("max_rate", &EdgeStats::max_rate);
  add_fields(edge, kEdgeFields);
  edge.def_prop_ro("drops", &drops_of<EdgeStats>);
}

void bind_whole(nb::module_& module) {
  nb::class_<PoolStats>(module, "PoolStats", nb::is_final())
      .def_ro("bound", &PoolStats::bound)
      .def_ro("published", &PoolStats::published)
      .def_prop_ro("allocated", [](const PoolStats& self) { return self.memory.allocated; })
      .def_prop_ro("reused", [](const PoolStats& self) { return self.memory.reused; })
      .def_prop_ro("idle_bytes", [](const PoolStats& self) { return self.memory.idle_bytes; });
  nb::class_<RemovedStats>(module, "RemovedStats", nb::is_final())
      .def_ro("nodes", &RemovedStats::nodes)
      .def_ro("frames", &RemovedStats::frames)
      .def_ro("processed", &RemovedStats::processed)
      .def_ro("errors", &RemovedStats::errors)
      .def_ro("edges", &RemovedStats::edges)
      .def_ro("passed_in", &RemovedStats::passed_in)
      .def_ro("delivered", &RemovedStats::delivered)
      .def_ro("dropped", &RemovedStats::dropped)
      .def_prop_ro("drops", &drops_of<RemovedStats>)
      .def_prop_ro("node_drops", [](const RemovedStats& self) {
        nb::typed<nb::dict, nb::str, int> result;
        for (const auto& [cause, count] : self.node_drops) result[nb::cast(to_string(cause))] = count;
        return result;
      });
  nb::class_<Stats>(module, "Stats", nb::is_final())
      .def_ro("nodes", &Stats::nodes)
      .def_ro("edges", &Stats::edges)
      .def_ro("removed", &Stats::removed)
      .def_ro("uptime", &Stats::uptime)
      .def_ro("held_bytes", &Stats::held_bytes)
      .def_ro("pool", &Stats::pool);
  nb::class_<Report>(module, "Report", nb::is_final())
      .def_ro("stats", &Report::stats)
      .def_ro("complete", &Report::complete)
      .def_ro("elapsed", &Report::elapsed)
      .def_ro("frames", &Report::frames)
      .def_ro("failures", &Report::failures);
  nb::class_<ProgressTick>(module, "ProgressTick", nb::is_final())
      .def_ro("done", &ProgressTick::done)
      .def_ro("total", &ProgressTick::total)
      .def_ro("dropped", &ProgressTick::dropped);
}

ProgressTick progress(const Engine& self) {
  const auto& core = self.core();
  ProgressTick tick;
  tick.total = core::total_of(core);
  for (const auto& runner : core.runners()) {
    if (runner->is_source()) tick.done += runner->meter().processed();
  }
  for (const auto& edge : core::stats_of(core).edges) tick.dropped += edge.dropped;
  return tick;
}

}  // namespace

void bind_stats(nb::module_& module, nb::class_<Engine>& engine) {
  bind_node_stats(module);
  bind_edge_stats(module);
  bind_whole(module);
  engine.def("stats", [](const Engine& self) { return core::stats_of(self.core()); })
      .def("report", [](const Engine& self) { return core::report_of(self.core()); })
      .def("progress", &progress);
}

}  // namespace freshframe::python
