// Binds snapshots of a pipeline's counters, and the answer of why(), as structs that the package turns into
// dataclasses.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/stats_fields.hpp"
#include "freshframe/why.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "bindings/border/python_free_types.hpp"
#include "bindings/border/raw_call.hpp"
#include "bindings/border/text.hpp"
#include "bindings/engine/engine.hpp"
#include "bindings/parts.hpp"
#include "core/pipeline/pipeline_core.hpp"
#include "core/pipeline/views/statistics.hpp"
#include "why/observer.hpp"

#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/vector.h>

namespace nb = nanobind;

template <>
inline constexpr bool freshframe::gil::python_free<freshframe::Why> = true;

namespace freshframe::python {
namespace {

/// A snapshot of a run's progress, cheap enough for a progress bar.
struct ProgressTick {
  std::uint64_t samples = 0;          // samples that sources delivered
  std::optional<std::int64_t> total;  // nullopt if the sources do not know it
  std::uint64_t dropped = 0;          // on all edges
};

// Returns nullopt for an empty string, which becomes None.
std::optional<std::string> text_or_none(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional(text);
}

template <class Stats>
nb::class_<Stats>& add_text(nb::class_<Stats>& binding, const char* name, std::string Stats::* member) {
  return binding.def_prop_ro(name, [member](const Stats& self) { return text_or_none(self.*member); });
}

// Binds the fields of a table as attributes. The names are string literals.
template <class Stats, class Fields>
void add_fields(nb::class_<Stats>& binding, const Fields& fields) {
  for_each_field(fields, [&](const auto& field) {
    const char* const name = field.name.data();  // NOLINT(bugprone-suspicious-stringview-data-usage)
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(field.member)>, std::string Stats::*>) {
      add_text(binding, name, field.member);
    } else {
      binding.def_ro(name, field.member);
    }
  });
}

template <class Stats>
nb::typed<nb::dict, nb::str, int> make_drops(const Stats& stats) {
  nb::typed<nb::dict, nb::str, int> result;
  for (const auto& [cause, count] : stats.drops) result[nb::cast(to_string(cause))] = count;
  return result;
}

template <class Stats>
std::string_view get_state_name(const Stats& stats) {
  return to_string(stats.state);
}

void bind_node_stats(nb::module_& module) {
  nb::class_<SourceStats> source(module, "SourceStats", nb::is_final());
  source.def_prop_ro("state", &get_state_name<SourceStats>).def_ro("away_for", &SourceStats::away_for);
  add_fields(source, kSourceFields);
  source.def_ro("sender", &SourceStats::sender);
  nb::class_<SenderStats> sender(module, "SenderStats", nb::is_final());
  add_fields(sender, kSenderFields);
  sender.def_ro("failures", &SenderStats::failures);
  nb::class_<WorkerStats>(module, "WorkerStats", nb::is_final())
      .def_prop_ro(
          "pid",
          [](const WorkerStats& self) { return self.pid > 0 ? std::optional(self.pid) : std::nullopt; })
      .def_prop_ro("state", &get_state_name<WorkerStats>)
      .def_ro("processed", &WorkerStats::processed)
      .def_ro("restarts", &WorkerStats::restarts)
      .def_ro("rss_bytes", &WorkerStats::rss_bytes)
      .def_ro("cpu", &WorkerStats::cpu);
  nb::class_<InferenceStats>(module, "InferenceStats", nb::is_final())
      .def_ro("provider", &InferenceStats::provider)
      .def_ro("threads", &InferenceStats::threads)
      .def_ro("runs", &InferenceStats::runs)
      .def_ro("duration_p50", &InferenceStats::duration_p50)
      .def_ro("duration_p99", &InferenceStats::duration_p99);
  nb::class_<SpoolStats> spool(module, "SpoolStats", nb::is_final());
  add_fields(spool, kSpoolFields);
  nb::class_<PublishStats> publish(module, "PublishStats", nb::is_final());
  publish.def_prop_ro("state", &get_state_name<PublishStats>);
  add_fields(publish, kPublishFields);
  nb::class_<JoinParentStats>(module, "JoinParentStats", nb::is_final())
      .def_ro("parent", &JoinParentStats::parent)
      .def_ro("unmatched", &JoinParentStats::unmatched)
      .def_ro("late", &JoinParentStats::late)
      .def_ro("nearest", &JoinParentStats::nearest);
  nb::class_<JoinStats> join(module, "JoinStats", nb::is_final());
  join.def_prop_ro("by", [](const JoinStats& self) { return to_string(self.by); });
  add_fields(join, kJoinFields);
  add_text(join.def_ro("parents", &JoinStats::parents), "reason", &JoinStats::reason);
  nb::class_<NodeStats> node(module, "NodeStats", nb::is_final());
  node.def_ro("number", &NodeStats::number)
      .def_ro("name", &NodeStats::name)
      .def_prop_ro("state", &get_state_name<NodeStats>);
  add_fields(node, kNodeFields);
  node.def_prop_ro("drops", &make_drops<NodeStats>)
      .def_ro("batches", &NodeStats::batches)
      .def_ro("in_flight", &NodeStats::in_flight)
      .def_ro("workers", &NodeStats::workers)
      .def_ro("inference", &NodeStats::inference)
      .def_ro("spool", &NodeStats::spool)
      .def_ro("publish", &NodeStats::publish)
      .def_ro("join", &NodeStats::join)
      .def_ro("source", &NodeStats::source);
  add_text(node, "last_error", &NodeStats::last_error);
}

void bind_edge_stats(nb::module_& module) {
  nb::class_<EdgeStats> edge(module, "EdgeStats", nb::is_final());
  edge.def_ro("parent", &EdgeStats::parent)
      .def_ro("child", &EdgeStats::child)
      .def_ro("queue", &EdgeStats::queue)
      .def_ro("source_count", &EdgeStats::source_count)
      .def_ro("max_rate", &EdgeStats::max_rate)
      .def_ro("every", &EdgeStats::every);
  add_text(edge, "of", &EdgeStats::of);
  add_fields(edge, kEdgeFields);
  edge.def_prop_ro("drops", &make_drops<EdgeStats>);
}

void bind_whole(nb::module_& module) {
  nb::class_<PoolStats>(module, "PoolStats", nb::is_final())
      .def_ro("bound", &PoolStats::bound)
      .def_ro("in_use", &PoolStats::in_use)
      .def_prop_ro("allocated", [](const PoolStats& self) { return self.memory.allocated; })
      .def_prop_ro("reused", [](const PoolStats& self) { return self.memory.reused; })
      .def_prop_ro("idle_bytes", [](const PoolStats& self) { return self.memory.idle_bytes; });
  nb::class_<RemovedStats>(module, "RemovedStats", nb::is_final())
      .def_ro("node_count", &RemovedStats::node_count)
      .def_ro("samples", &RemovedStats::samples)
      .def_ro("processed", &RemovedStats::processed)
      .def_ro("errors", &RemovedStats::errors)
      .def_ro("edge_count", &RemovedStats::edge_count)
      .def_ro("passed_in", &RemovedStats::passed_in)
      .def_ro("delivered", &RemovedStats::delivered)
      .def_ro("dropped", &RemovedStats::dropped)
      .def_prop_ro("drops", &make_drops<RemovedStats>)
      .def_prop_ro("node_drops", [](const RemovedStats& self) {
        nb::typed<nb::dict, nb::str, int> result;
        for (const auto& [cause, count] : self.node_drops) result[nb::cast(to_string(cause))] = count;
        return result;
      });
  nb::class_<Stats>(module, "Stats", nb::is_final())
      .def_ro("nodes", &Stats::nodes)
      .def_ro("edges", &Stats::edges)
      .def_ro("removed", &Stats::removed)
      .def_ro("elapsed", &Stats::elapsed)
      .def_ro("held_bytes", &Stats::held_bytes)
      .def_ro("device_bytes", &Stats::device_bytes)
      .def_ro("pool", &Stats::pool);
  nb::class_<Report>(module, "Report", nb::is_final())
      .def_ro("stats", &Report::stats)
      .def_ro("complete", &Report::complete)
      .def_ro("samples", &Report::samples)
      .def_ro("failures", &Report::failures)
      .def_ro("silent", &Report::silent);
  nb::class_<ProgressTick>(module, "ProgressTick", nb::is_final())
      .def_ro("samples", &ProgressTick::samples)
      .def_ro("total", &ProgressTick::total)
      .def_ro("dropped", &ProgressTick::dropped);
}

ProgressTick progress(const Engine& self) {
  const auto& core = self.core();
  ProgressTick tick;
  tick.total = core::find_total(core);
  for (const auto& runner : core.runners()) {
    if (runner->is_source()) tick.samples += runner->meter().processed_count();
  }
  for (const auto& edge : core::collect_stats(core).edges) tick.dropped += edge.dropped;
  return tick;
}

}  // namespace

// Returns the drop causes expected in normal operation.
nb::typed<nb::frozenset, nb::str> causes_by_design() {
  nb::set names;
  const auto add = [&](const auto& kinds) {
    for (const auto& kind : kinds) {
      if (kind.meaning == DropMeaning::ByDesign) names.add(nb::cast(kind.name));
    }
  };
  add(kDropKinds);
  add(kNodeDropKinds);
  return nb::frozenset(names);
}

void bind_stats(nb::module_& module, nb::class_<Engine>& engine) {
  module.attr("BY_DESIGN") = causes_by_design();
  bind_node_stats(module);
  bind_edge_stats(module);
  bind_whole(module);
  engine.def("stats", [](const Engine& self) { return core::collect_stats(self.core()); })
      .def("report", [](const Engine& self) { return core::make_report(self.core()); })
      .def("progress", &progress);
}

PyObject* engine_why(gil::Held& held, PyObject* self, PyObject* /*no_arguments*/) {
  return raw_call(held, [&]() -> PyObject* {
    Why answer;
    gil::release(
        held, [](core::PipelineCore* core, Why* into) { *into = core::get_observer(*core).why(); },
        &nb::inst_ptr<Engine>(self)->core(), &answer);
    return nb::cast(std::move(answer)).release().ptr();
  });
}

void bind_why(nb::module_& module) {
  nb::class_<AgePart>(module, "AgePart", nb::is_final())
      .def_prop_ro("kind", [](const AgePart& self) { return to_string(self.kind); })
      .def_ro("node", &AgePart::node)
      .def_ro("mean", &AgePart::mean)
      .def_ro("oldest_mean", &AgePart::oldest_mean);
  nb::class_<Age>(module, "Age", nb::is_final())
      .def_ro("consumer", &Age::consumer)
      .def_ro("sources", &Age::sources)
      .def_ro("is_reader", &Age::is_reader)
      .def_ro("samples", &Age::samples)
      .def_ro("unknown", &Age::unknown)
      .def_ro("duration", &Age::duration)
      .def_ro("interval", &Age::interval)
      .def_ro("mean", &Age::mean)
      .def_ro("oldest_mean", &Age::oldest_mean)
      .def_ro("parts", &Age::parts);
  nb::class_<Finding>(module, "Finding", nb::is_final())
      .def_ro("kind", &Finding::kind)
      .def_ro("subject", &Finding::subject)
      .def_ro("text", &Finding::text)
      .def_ro("remedy", &Finding::remedy)
      .def_ro("evidence", &Finding::evidence);
  nb::class_<Why>(module, "Why", nb::is_final())
      .def_ro("findings", &Why::findings)
      .def_ro("ages", &Why::ages)
      .def_ro("is_running", &Why::is_running)
      .def_ro("watched_for", &Why::watched_for)
      .def_ro("needed", &Why::needed)
      .def_ro("unsettled", &Why::unsettled)
      .def_prop_ro("text", [](const Why& self) { return to_string(self); });
}

}  // namespace freshframe::python
