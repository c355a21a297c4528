// Snapshots for Python: plain lists and tuples, which the package turns into its dataclasses.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/stats_fields.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "bindings/engine.hpp"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>

namespace nb = nanobind;

namespace freshframe::python {
namespace {

template <class Map>
nb::dict drops_of(const Map& drops) {
  nb::dict result;
  for (const auto& [cause, count] : drops) result[nb::str(to_string(cause).data())] = count;
  return result;
}

// The given ones, then the fields in the order of their table, then the rest.
template <class Fields, class Stats, class... First>
nb::list fields_of(const Fields& fields, const Stats& stats, First&&... first) {
  nb::list result;
  (result.append(std::forward<First>(first)), ...);
  for_each_field(fields, [&](const auto& field) { result.append(stats.*field.member); });
  return result;
}

nb::object source_fields(const std::optional<SourceStats>& source) {
  if (!source) return nb::none();
  return fields_of(kSourceFields, *source, std::string(to_string(source->state)));
}

nb::list worker_fields(const std::vector<WorkerStats>& workers) {
  nb::list result;
  for (const auto& worker : workers) {
    result.append(nb::make_tuple(worker.pid, std::string(to_string(worker.state)), worker.samples,
                                 worker.restarts, worker.rss_bytes, worker.cpu));
  }
  return result;
}

nb::object inference_fields(const std::optional<InferenceStats>& inference) {
  if (!inference) return nb::none();
  const auto& of = *inference;
  return nb::make_tuple(of.provider, of.threads, of.runs, of.p50, of.p99);
}

nb::list node_fields(const NodeStats& node) {
  auto fields = fields_of(kNodeFields, node, std::string(to_string(node.state)));
  fields.append(drops_of(node.drops));
  fields.append(source_fields(node.source));
  fields.append(node.last_error);
  fields.append(node.in_flight);
  fields.append(worker_fields(node.workers));
  nb::dict batches;
  for (const auto& [size, calls] : node.batches) batches[nb::int_(size)] = calls;
  fields.append(batches);
  fields.append(inference_fields(node.inference));
  return fields;
}

nb::list edge_fields(const EdgeStats& edge) {
  const auto& queue = edge.queue;
  auto fields = fields_of(kEdgeFields, edge, edge.parent, edge.child,
                          nb::make_tuple(queue.depth, std::string(to_string(queue.when_full)),
                                         queue.max_seconds, queue.max_bytes));
  fields.append(drops_of(edge.drops));
  fields.append(edge.sources);
  fields.append(edge.only.empty() ? nb::object(nb::none()) : nb::object(nb::str(edge.only.c_str())));
  return fields;
}

nb::tuple pool_tuple(const PoolStats& pool) {
  return nb::make_tuple(pool.bound, pool.published, pool.memory.allocated, pool.memory.reused,
                        pool.memory.idle_bytes);
}

nb::tuple stats_tuple(const Stats& stats) {
  nb::dict nodes;
  for (const auto& node : stats.nodes) nodes[nb::str(node.name.c_str())] = node_fields(node);
  nb::list edges;
  for (const auto& edge : stats.edges) edges.append(edge_fields(edge));
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
  engine.def("stats", [](const Engine& self) { return stats_tuple(self.core().stats()); })
      .def("report", &report_tuple)
      .def("progress", &progress_tuple);
}

}  // namespace freshframe::python
