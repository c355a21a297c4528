// Collects recent records of a pipeline: ages, intervals of its sources, and waits for a CPU.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/median.hpp"
#include "core/pipeline/pipeline_core.hpp"
#include "platform/thread.hpp"
#include "why/age_parts.hpp"
#include "why/rules.hpp"

namespace freshframe::core {
namespace {

// Only nodes with workers are asked for their report, because other reports may be slow: a model's includes
// quantiles.
std::vector<WorkerStats> list_workers(const Runner& runner) {
  const auto node = runner.node();
  if (node->abilities().workers == nullptr) return {};
  return node->report(Span::Recent).workers;
}

// The records of all nodes and readers, by number (negative for readers).
struct Rings {
  Stops stops;
  std::map<const Inbox*, int> numbers;
  std::vector<std::shared_ptr<Runner>> runners;
  std::vector<std::shared_ptr<ReaderCore>> readers;

  void add(std::shared_ptr<Runner> runner) {
    Stop stop;
    stop.name = runner->name();
    stop.is_source = runner->is_source();
    stop.is_end = !stop.is_source && runner->outlet().outputs().newest()->edges.empty();
    stop.has_workers = !list_workers(*runner).empty();
    stop.gathers = runner->facts().batch.has_value();
    stop.joins = runner->inbox().joins();
    numbers[&runner->inbox()] = runner->index();
    stops.emplace(runner->index(), std::move(stop));
    runners.push_back(std::move(runner));
  }

  void add(const std::shared_ptr<ReaderCore>& reader) {
    readers.push_back(reader);
    const int number = -static_cast<int>(readers.size());
    numbers[&reader->inbox()] = number;
    stops.emplace(
        number,
        Stop{.name = reader->name(), .is_reader = true, .is_end = true, .joins = reader->inbox().joins()});
  }

  // Finds the edges that block nodes. A node puts a sample on its edges one after the other, and waits where
  // one blocks.
  void find_blocking_edges() {
    for (const auto& runner : runners) {
      bool blocks = false;
      const auto outputs = runner->outlet().outputs().newest();  // keeps it alive during the loop
      for (const auto& output : outputs->edges) {
        blocks = blocks || output.edge->options.queue.blocks();
        const auto child = numbers.find(output.inbox.get());
        if (blocks && child != numbers.end()) stops.at(child->second).after_room.insert(runner->index());
      }
    }
  }

  void copy_calls(TimePoint since) {
    for (const auto& runner : runners) stops.at(runner->index()).calls = runner->meter().calls().calls(since);
    for (std::size_t i = 0; i < readers.size(); ++i)
      stops.at(-static_cast<int>(i) - 1).calls = readers[i]->calls().calls(since);
  }
};

Pace compute_pace(const std::vector<Call>& calls) {
  Pace pace{.samples = calls.size()};
  if (calls.size() < 2) return pace;
  std::vector<double> intervals;
  for (std::size_t i = 1; i < calls.size(); ++i)
    intervals.push_back(Seconds(calls[i].done - calls[i - 1].done).count());
  pace.mean = Seconds(calls.back().done - calls.front().done).count() / static_cast<double>(intervals.size());
  pace.median = core::find_median(intervals);
  return pace;
}

}  // namespace

std::map<std::string, Pace> collect_paces(const PipelineCore& core, Seconds latest) {
  const auto since = core.clock()->now() - to_duration(latest);
  std::map<std::string, Pace> out;
  for (const auto& runner : core.runners()) {
    if (runner->is_source()) out[runner->name()] = compute_pace(runner->meter().calls().calls(since));
  }
  return out;
}

double RunQueue::compute_node_load(const RunQueue& before, int node) const {
  const auto thread = node_threads.find(node);
  if (thread == node_threads.end()) return 0;
  const auto now = waited.find(thread->second);
  const auto then = before.waited.find(thread->second);
  return now != waited.end() && then != before.waited.end() ? now->second - then->second : 0;
}

double RunQueue::compute_load(const RunQueue& before) const {
  double sum = 0;
  for (const auto& [thread, now] : waited) {
    if (const auto then = before.waited.find(thread); then != before.waited.end()) sum += now - then->second;
  }
  return sum;
}

RunQueue read_run_queue(const PipelineCore& core) {
  std::vector<int> processes;
  std::map<int, int> threads;
  for (const auto& runner : core.runners()) {
    threads[runner->index()] = runner->life().thread_id();
    for (const auto& worker : list_workers(*runner)) processes.push_back(worker.pid);
  }
  RunQueue out;
  for (const auto& [thread, times] : platform::all_thread_times(processes)) out.waited[thread] = times.waited;
  out.node_threads = std::move(threads);
  return out;
}

// Most records in a ring are older than the latest samples need. The whole ring is only read if a sample's
// way is incomplete without it.
std::vector<Age> collect_ages(const PipelineCore& core, Seconds latest) {
  constexpr Seconds kUsualWay{10};
  Rings rings;
  {
    const auto& guarded = core.guard_graph();
    const Lock building(guarded.building);
    for (auto& runner : guarded.graph.runners()) rings.add(std::move(runner));
    for (const auto& entry : guarded.graph.readers().all()) rings.add(entry.reader);
  }
  rings.find_blocking_edges();
  std::vector<Age> out;
  const auto until = [&core] { return core.life().ended_at().value_or(core.clock()->now()); };
  for (const auto since : {until() - to_duration(latest + kUsualWay), TimePoint::min()}) {
    rings.copy_calls(since);
    const auto now = until();
    out = collect_ages(rings.stops, now - to_duration(latest), now);
    if (std::ranges::none_of(out, [](const auto& age) { return age.unknown > 0; })) break;
  }
  return out;
}

}  // namespace freshframe::core
