// Detects stalls of a pipeline, and explains them.
// SPDX-License-Identifier: Apache-2.0
#include "core/pipeline/views/stalls.hpp"

#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "core/pipeline/graph/graph_facts.hpp"
#include "core/pipeline/graph/lossy_edges.hpp"
#include "core/pipeline/views/silent_nodes.hpp"
#include "core/unit_text.hpp"
#include "core/watch/outage_text.hpp"

namespace freshframe::core {

void report_lossy_edges(const PipelineParts& core) {
  std::vector<std::string> lines;
  {
    const auto& guarded = core.guard_graph();
    const Lock building(guarded.building);
    const auto& graph = guarded.graph;
    for (const auto& edge : lossy_edges(graph)) {
      const auto& child = std::as_const(graph.runner(edge.child));
      const auto options = list_edges(child.inbox()).at(edge.index);
      lines.push_back("'" + child.name() + "' has " + freshframe::to_string(options.queue) +
                      " downstream of '" + options.parent_name + "', and may drop events that '" +
                      edge.recorder +
                      "' should record: pass a queue such as RECORDING, and leave out max_age and max_rate");
    }
  }
  for (const auto& line : lines) log(LogLevel::Warning, line);
}

namespace {

bool anyone_busy(const PipelineParts& core) {
  const bool failed = core.failure().has_failed();
  return std::ranges::any_of(core.runners(), [failed](const auto& runner) {
    // After a failure, a source's current read delivers nothing.
    if (failed && runner->is_source()) return false;
    const auto state = runner->meter().state();
    const bool in_call =
        state == NodeState::Opening || state == NodeState::Working || state == NodeState::WaitingGil;
    return in_call && !runner->outlet().is_blocked();
  });
}

// Returns true if nothing has moved for stall_timeout.
bool stands_still(PipelineParts& core) {
  constexpr double kLimitAfterFailure = 5;  // seconds, for pipelines without a stall_timeout
  const auto& timeout = core.options().stall_timeout;
  if (!timeout && !core.failure().has_failed()) return false;
  const auto moved = delivered_by(core);
  const auto limit = to_duration(Seconds{timeout.value_or(kLimitAfterFailure)});
  return core.life().stands_still(moved, anyone_busy(core), limit);
}

[[noreturn]] void throw_stalled(const PipelineParts& core, const std::string& why) {
  throw StalledError("pipeline '" + core.options().name + "' has made no progress for " +
                     seconds_text(*core.options().stall_timeout) + ": " + why);
}

void check_budget_stalled(const PipelineParts& core) {
  const auto& budget = *core.budget();
  if (budget.has_room(true)) return;
  if (budget.is_device_full()) {
    throw_stalled(core, "its nodes hold all the frames that may stay on a GPU, " +
                            mebibytes_rounded_down(budget.device_limit()) +
                            ". Release frames, or raise max_device_bytes");
  }
  throw_stalled(core, "its nodes hold all " + std::to_string(budget.bound()) +
                          " frames that the engine may hold. Release frames, or store the handles of "
                          "Frame::keep()");
}

}  // namespace

std::uint64_t delivered_by(const PipelineParts& core) {
  const auto& guarded = core.guard_graph();
  const Lock building(guarded.building);
  return count_delivered(guarded.graph);
}

void check_stalled(PipelineParts& core) {
  if (!stands_still(core)) return;
  core.failure().rethrow_if_failed();
  const auto [join, edge, merge] = [&core] {
    const auto& guarded = core.guard_graph();
    const Lock building(guarded.building);
    const auto& graph = guarded.graph;
    return std::tuple(starved_join(graph), full_edge(graph), forgotten_merge(graph));
  }();
  if (join) throw_stalled(core, *join);
  if (edge) {
    throw_stalled(core, *edge + ", and its queue blocks. Read it, close() it, or give it another queue");
  }
  check_budget_stalled(core);
  if (merge && !core.options().keep_running) throw_stalled(core, *merge);
}

void check_stalled_for(PipelineParts& core, const ReaderCore& waiting) {
  if (!stands_still(core)) return;
  core.failure().rethrow_if_failed();
  const auto [readers, join] = [&core] {
    const auto& guarded = core.guard_graph();
    const Lock building(guarded.building);
    return std::pair(guarded.graph.readers().all(), starved_join(guarded.graph));
  }();
  for (const auto& entry : readers) {
    const auto& reader = *entry.reader;
    if (&reader == &waiting || !full_blocking_parent(reader.inbox())) continue;
    const auto text = "the queue of reader '" + reader.name() + "' is full and blocks";
    if (!reader.was_read() || reader.read_by_this_thread()) {
      throw_stalled(core, text + ", and its samples are not read while reader '" + waiting.name() +
                              "' waits. Read both in turn or on two threads, close() one, or give it another "
                              "queue");
    }
    if (entry.reader->warn_unread()) {
      log(LogLevel::Warning, "pipeline '" + core.options().name + "' has made no progress for " +
                                 seconds_text(*core.options().stall_timeout) + " while reader '" +
                                 waiting.name() + "' waits: " + text + " until its thread reads again");
    }
    return;
  }
  if (join) throw_stalled(core, *join);
  check_budget_stalled(core);
}

std::string describe_trouble_upstream(const PipelineParts& core, const ReaderCore& reader) {
  std::string text;
  const auto ancestors = [&] {
    const auto& guarded = core.guard_graph();
    const Lock building(guarded.building);
    return list_ancestors(guarded.graph, reader);
  }();
  for (const int node : ancestors) {
    const auto upstream = core.runner(node);
    if (!upstream) continue;
    if (const auto silent = find_silence(*upstream, kFewSamples))
      text += "; node '" + silent->name + "' " + silent->text();
    const auto stats = upstream->stats(Span::Recent);
    if (!stats.source || stats.source->state == SourceState::Reading) continue;
    text += (text.empty() ? "; source '" : ", source '") + stats.name + "' is " +
            std::string(freshframe::to_string(stats.source->state));
    if (const auto reason = outage_reason(*stats.source); !reason.empty()) text += ": " + std::string(reason);
  }
  return text;
}

}  // namespace freshframe::core
