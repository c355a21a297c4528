// A look at a pipeline of an agent.
// SPDX-License-Identifier: Apache-2.0
#include "fleet/pipeline_look.hpp"

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "core/pipeline/pipeline_core.hpp"

namespace freshframe::fleet {
namespace {

constexpr std::string_view kOutlet = "fleet ";  // how the names of outlets begin; _agent/outlet.py

/// Returns nullopt where it is no loss, as the edge has a max_rate.
std::optional<Loss> loss_of(DropCause cause) noexcept {
  switch (cause) {
    case DropCause::QueueFull:
      return Loss::QueueFull;
    case DropCause::NoWaiter:
      return Loss::NoWaiter;
    case DropCause::Skipped:
      return Loss::Skipped;
    case DropCause::Stale:
      return Loss::Stale;
    case DropCause::Unmatched:
      return Loss::Unmatched;
    case DropCause::Late:
      return Loss::Late;
    case DropCause::NoClock:
      return Loss::NoClock;
    case DropCause::Rate:
      return std::nullopt;
    case DropCause::Removed:  // with a part of the camera's graph, which its program took out
    case DropCause::Stop:
      break;
  }
  return Loss::Stop;
}

/// Returns nullopt where it is no loss, as the decoder was asked to leave frames out.
std::optional<Loss> loss_of(NodeDropCause cause) noexcept {
  switch (cause) {
    case NodeDropCause::Device:
      return Loss::Device;
    case NodeDropCause::Decode:
      return Loss::Decode;
    case NodeDropCause::Pool:
      return Loss::Pool;
    case NodeDropCause::Error:
      return Loss::Error;
    case NodeDropCause::Worker:
      return Loss::Worker;
    case NodeDropCause::Repeated:
      return Loss::Repeated;
    case NodeDropCause::Lost:
      return Loss::Lost;
    case NodeDropCause::NotDecoded:
      return std::nullopt;
    case NodeDropCause::Stop:
      break;
  }
  return Loss::Stop;
}

void add(PipelineLook& look, Loss loss, std::uint64_t count) {
  look.drops[static_cast<std::size_t>(loss)] += count;
}

/// A source is away from its loss until its next frame, and while it is connected and silent.
void see_source(PipelineLook& look, const core::Runner& runner) {
  const auto run = runner.place().run();
  if (!run->source()->has_source_stats() || runner.life().finished()) return;
  const auto& book = run->counters().source();
  const bool is_silent = book.state() == SourceState::Stalled;
  if (!is_silent && !book.is_lost()) return;
  look.is_away = true;
  const auto error = book.is_lost() ? book.snapshot({}).last_error : "it is connected, and nothing comes";
  if (look.why.empty()) look.why = error;
}

void see_node(PipelineLook& look, const core::Runner& runner) {
  std::uint64_t lost = 0;
  for (int i = 0; i < kNodeDropCauses; ++i) {
    const auto cause = static_cast<NodeDropCause>(i);
    const auto loss = loss_of(cause);
    if (!loss) continue;
    const auto count = runner.place().run()->counters().drops(cause);
    add(look, *loss, count);
    lost += count;
  }
  if (runner.is_source()) {
    look.frames += runner.meter().processed() + lost;
    see_source(look, runner);
    return;
  }
  for (const auto& edge : runner.inbox().stats()) {
    for (const auto& [cause, count] : edge.drops) {
      if (const auto loss = loss_of(cause)) add(look, *loss, count);
    }
  }
}

using Runners = std::vector<std::shared_ptr<core::Runner>>;

void find_on_the_way(const core::Runner& node, const Runners& all, std::set<int>& found) {
  if (!found.insert(node.index()).second) return;
  for (const auto& edge : core::edges_of(node.inbox())) {
    const auto parent =
        std::ranges::find_if(all, [&](const auto& each) { return each->index() == edge.parent; });
    if (parent != all.end()) find_on_the_way(**parent, all, found);
  }
}

/// The numbers of the nodes that the fleet's outlets add up from.
std::set<int> on_the_way(const Runners& all) {
  std::set<int> nodes;
  for (const auto& node : all) {
    if (node->name().starts_with(kOutlet)) find_on_the_way(*node, all, nodes);
  }
  return nodes;
}

}  // namespace

PipelineLook look_at(const core::PipelineCore& pipeline) {
  PipelineLook look;
  const auto all = pipeline.runners();
  const auto nodes = on_the_way(all);
  for (const auto& node : all) {
    if (nodes.contains(node->index())) see_node(look, *node);
  }
  return look;
}

}  // namespace freshframe::fleet
