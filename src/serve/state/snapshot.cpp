// Names of states and phases.
// SPDX-License-Identifier: Apache-2.0
#include "serve/state/snapshot.hpp"

#include <charconv>
#include <string>
#include <string_view>

#include "core/unit_text.hpp"

namespace freshframe::serve {

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

std::string phase_text(core::LifePhase phase) {
  return std::string("the pipeline ") + (phase == core::LifePhase::Failed ? "has " : "is ") +
         std::string(to_string(phase));
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

Health judge_health(const Snapshot& seen) {
  std::string reason;
  for (const auto& finding : seen.findings) {
    if (!finding.ill) continue;
    reason += (reason.empty() ? "" : " ") + finding.subject + ": " + finding.text;
    if (const auto limit = finding.evidence.find("away_after"); limit != finding.evidence.end())
      reason +=
          " The limit is away_after=" + core::number_text(limit->second, std::chars_format::general, 6) + ".";
  }
  if (reason.empty() && seen.graph.phase != core::LifePhase::Running)
    reason = "no frames flow: " + phase_text(seen.graph.phase);
  return {reason.empty(), reason.empty() ? "ok" : reason};
}

}  // namespace freshframe::serve
