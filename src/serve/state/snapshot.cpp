// Text names of states and phases.
// SPDX-License-Identifier: Apache-2.0
#include "serve/state/snapshot.hpp"

#include <charconv>
#include <cstddef>
#include <utility>

#include "core/look/frozen_text.hpp"
#include "core/unit_text.hpp"

namespace freshframe::serve {
namespace {

std::string one_digit(double seconds) {
  return core::number_text(seconds, std::chars_format::fixed, 1) + " s";
}

std::string stalled_text(const Snapshot& seen) {
  auto text = "stalled: no sample has moved for " + one_digit(seen.still);
  for (const auto& node : seen.graph.stats.nodes) {
    if (!node.source || node.source->state == SourceState::Reading) continue;
    text += "; source '" + node.name + "' is " + std::string(freshframe::to_string(node.source->state));
    if (!node.source->last_error.empty()) text += " (" + node.source->last_error + ")";
  }
  return text;
}

// The sources that are ill for the same reason, each with what `fault` says of it; "" when there is none.
template <class F>
std::string ill_sources(const Snapshot& seen, const F& fault) {
  std::string text;
  for (std::size_t i = 0; i < seen.graph.stats.nodes.size(); ++i) {
    const auto& node = seen.graph.stats.nodes[i];
    const std::string said = node.source ? fault(i, *node.source) : std::string();
    if (said.empty()) continue;
    if (!text.empty()) text += "; ";
    text += "source '" + node.name + "' " + said;
  }
  return text;
}

// Every source beyond the limit.
std::string too_long_away(const Snapshot& seen) {
  return ill_sources(seen, [&](std::size_t i, const SourceStats& source) -> std::string {
    if (!seen.away_limit || i >= seen.away.size() || !seen.away[i] || *seen.away[i] <= *seen.away_limit)
      return {};
    auto text =
        "has been away for " + one_digit(*seen.away[i]) + ", its limit is " + one_digit(*seen.away_limit);
    if (!source.last_error.empty()) text += " (" + source.last_error + ")";
    return text;
  });
}

// Every source that was opened with a time for it.
std::string too_long_still(const Snapshot& seen) {
  return ill_sources(seen, [](std::size_t /*i*/, const SourceStats& source) {
    return source.frozen_is_ill && !source.frozen.empty() ? core::frozen_text(source) : std::string();
  });
}

}  // namespace

std::string_view to_string(core::LifePhase phase) noexcept {
  switch (phase) {
    case core::LifePhase::Created:
      return "created";
    case core::LifePhase::Starting:
      return "starting";
    case core::LifePhase::Running:
      return "running";
    case core::LifePhase::Ended:
      return "ended";
    case core::LifePhase::Stopped:
      return "stopped";
    case core::LifePhase::Failed:
      return "failed";
  }
  return "?";
}

std::string_view to_string(core::NodeKind kind) noexcept {
  switch (kind) {
    case core::NodeKind::Source:
      return "source";
    case core::NodeKind::Node:
      return "node";
    case core::NodeKind::Sink:
      return "sink";
  }
  return "?";
}

Health health_of(const Snapshot& seen) {
  switch (seen.graph.phase) {
    case core::LifePhase::Failed:
      return {false, "failed: " + (seen.error ? seen.error->node + ": " + seen.error->text : "unknown")};
    case core::LifePhase::Running:
      break;
    default:
      return {false, "no frames flow: the pipeline is " + std::string(to_string(seen.graph.phase))};
  }
  if (seen.still >= seen.still_limit) return {false, stalled_text(seen)};
  if (auto away = too_long_away(seen); !away.empty()) return {false, std::move(away)};
  if (auto still = too_long_still(seen); !still.empty()) return {false, std::move(still)};
  return {true, "ok"};
}

std::string holder_of(const GilFindings::Stall& stall) {
  auto text = stall.native.empty() ? stall.python : stall.native;
  if (!stall.native.empty() && !stall.python.empty()) text += ", called at " + stall.python;
  if (text.empty()) text = "unknown";
  if (!stall.program.empty() && stall.program != stall.python) text += ", from " + stall.program;
  return stall.thread.empty() ? text : text + " (thread " + stall.thread + ")";
}

}  // namespace freshframe::serve
