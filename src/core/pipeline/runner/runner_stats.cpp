// The statistics of one node: what its runner's parts have counted, and what the node itself tells.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstddef>

#include "core/pipeline/pipeline_core.hpp"
#include "core/pipeline/runner/runner.hpp"

namespace freshframe::core {

NodeStats Runner::stats(std::optional<Span> span) const {
  NodeStats result;
  const auto run = place_.run();
  result.number = facts_.index;
  result.name = facts_.name;
  result.state = outlet_.blocked() ? NodeState::Blocked : meter_.state();
  const auto uptime = core_.uptime();
  const auto now = clock_->now();
  meter_.report(result, span, now);
  result.fps = life_.finished() ? core_.average_rate(result.processed) : meter_.rate(now);
  result.errors = errors_.total();
  result.last_error = errors_.latest();
  result.ticks = intake_.ticks_called();
  result.ticks_missed = intake_.ticks_missed();
  result.workers = run->node().workers();
  const auto hands = static_cast<double>(std::max<std::size_t>(1, result.workers.size()));
  // A worker's next call is sent before its present one is back, so two of them may overlap.
  result.busy = uptime > 0 ? std::min(1.0, meter_.busy() / hands / uptime) : 0;
  result.inference = run->node().inference(span.value_or(Span::Recent));
  result.spool = run->node().spool();
  if (const auto* source = run->source(); source != nullptr && source->has_source_stats())
    // A failure of the server after the end is no outage of this source.
    result.source = run->counters().source().snapshot(life_.end_or(now));
  for (int i = 0; i < kNodeDropCauses; ++i) {
    const auto cause = static_cast<NodeDropCause>(i);
    if (const auto count = run->counters().drops(cause); count > 0) {
      result.drops[cause] = count;
      result.dropped += count;
    }
  }
  return result;
}

}  // namespace freshframe::core
