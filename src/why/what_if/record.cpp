// The records that a pipeline keeps about itself.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/what_if.hpp"

#include <algorithm>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "core/pipeline/onlookers.hpp"
#include "core/pipeline/pipeline_access.hpp"
#include "platform/machine.hpp"
#include "platform/thread.hpp"
#include "why/rules.hpp"
#include "why/what_if/recording.hpp"

namespace freshframe::core {
namespace {

constexpr Seconds kPresent{60};

void add_edges(RecordedNode& to, const Inbox& inbox) {
  std::map<std::int64_t, std::uint64_t> passed;
  for (const auto& edge : inbox.stats(std::nullopt)) passed[edge.number] = edge.passed_in;
  for (auto& options : list_edges(inbox)) {
    to.passed.push_back(passed[options.number]);
    to.edges.push_back(std::move(options));
  }
}

RecordedNode recorded_node(const Runner& runner) {
  const auto stats = runner.stats(std::nullopt);
  RecordedNode out{.name = runner.name(),
                   .is_source = runner.is_source(),
                   .is_outside = runner.facts().runs_outside,
                   .joins = runner.inbox().joins(),
                   .has_own_stream = runner.facts().has_own_stream(),
                   .gives_several = runner.facts().gives_several,
                   .takes_batches = runner.node()->contract().takes_batches,
                   .workers = static_cast<int>(stats.workers.size()),
                   .batch = runner.facts().batch ? std::optional(runner.intake().next_batch()) : std::nullopt,
                   .calls = latest_calls(runner.meter().calls().calls()),
                   .gil_hold = stats.gil_hold,
                   .gil_wait = stats.gil_wait,
                   .processed = stats.processed};
  if (!out.calls.empty()) out.waited = static_cast<std::uint64_t>(out.calls.back().waited);
  if (const auto times = platform::thread_times(runner.life().thread_id())) {
    out.computed = times->computed;
    out.starved = times->waited;
    for (const auto& worker : stats.workers) *out.computed += worker.cpu;
  }
  add_edges(out, runner.inbox());
  return out;
}

// Adds consumers whose inbox a node knows, and that are not nodes.
void add_readers(Recording& to, const std::vector<std::shared_ptr<Runner>>& runners) {
  std::set<const Inbox*> known;
  for (const auto& runner : runners) known.insert(&runner->inbox());
  int number = 0;
  for (const auto& runner : runners) {
    const auto outputs = runner->outlet().outputs().newest();  // kept while the loop reads it
    for (const auto& output : outputs->edges) {
      if (!known.insert(output.inbox.get()).second) continue;
      RecordedNode reader{
          .name = output.inbox->consumer(), .is_reader = true, .joins = output.inbox->joins()};
      add_edges(reader, *output.inbox);
      to.nodes.emplace(--number, std::move(reader));
    }
  }
}

// Cameras come and go: an edge has a lane for each source above it now.
void find_sources(Recording& in) {
  for (auto& [number, node] : in.nodes) {
    for (auto& edge : node.edges) {
      if (edge.joined) continue;
      edge.sources.clear();
      for (const auto& [source, other] : in.nodes) {
        if (!other.is_source || (edge.only_source >= 0 && edge.only_source != source)) continue;
        const auto below = in.below(source);
        if (std::ranges::find(below, edge.parent) != below.end()) edge.sources.push_back(source);
      }
    }
  }
}

}  // namespace

Recording make_recording(const PipelineCore& core) {
  const auto state = graph_state(core, false);
  Recording out{.runs = state.phase == LifePhase::Running,
                .uptime = core.life().uptime(),
                .processors = platform::usable_processors(),
                .present = collect_ages(core, kPresent)};
  const auto runners = core.runners();
  for (const auto& runner : runners) out.nodes.emplace(runner->index(), recorded_node(*runner));
  for (std::size_t i = 0; i < state.nodes.size(); ++i) {
    const auto found = out.nodes.find(state.stats.nodes[i].number);
    if (found != out.nodes.end()) found->second.is_live = state.nodes[i].live;
  }
  add_readers(out, runners);
  find_sources(out);
  return out;
}

}  // namespace freshframe::core

freshframe::WhatIf freshframe::what_if(const Pipeline& pipeline, const std::string& node,
                                       const NodeChange& change) {
  return core::what_if(core::make_recording(*core::PipelineAccess::core(pipeline)), node, change);
}

freshframe::WhatIf freshframe::what_if(const Pipeline& pipeline, std::string_view question) {
  const auto [node, change] = Question::parse(question);
  return what_if(pipeline, node, change);
}
