// Events. SPDX-License-Identifier: Apache-2.0
#include "serve/event_log.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

namespace freshframe::serve {
namespace {

constexpr double kLongLockStall = 0.25;     // seconds: told each time, shorter ones once per culprit
constexpr std::size_t kMaxCulprits = 1000;  // remembered as told

constexpr double kErrorsApart = 1.0;    // seconds between two events of the same node's errors
constexpr std::size_t kMaxText = 2000;  // bytes: every state carries all events

// The end of a long text: there the error itself stands.
std::string tail(const std::string& text) {
  return text.size() <= kMaxText ? text : "..." + text.substr(text.size() - kMaxText);
}

std::string seconds_text(double seconds) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.*f s", seconds < 1 ? 3 : 1, seconds);
  return text.data();
}

std::string who(const LockFindings::Stall& stall) {
  auto text = stall.native.empty() ? stall.python : stall.native;
  if (!stall.native.empty() && !stall.python.empty()) text += ", called at " + stall.python;
  if (text.empty()) text = "unknown";
  return stall.thread.empty() ? text : text + " (thread " + stall.thread + ")";
}

}  // namespace

void EventLog::add(double time, std::string kind, std::string subject, std::string text) {
  if (events_.size() == kKept) events_.pop_front();
  events_.push_back({++count_, time, std::move(kind), std::move(subject), std::move(text)});
}

void EventLog::follow(const Observation& seen, const PipelineCore& core) {
  follow_edges(seen);
  follow_sources(seen);
  follow_stall(seen);
  follow_lock(seen);
  follow_errors(core);
  follow_phase(seen);
}

void EventLog::follow_phase(const Observation& seen) {
  const auto phase = seen.overview.phase;
  if (phase == phase_) return;
  const bool first = !phase_;
  phase_ = phase;
  if (phase == LifePhase::Running) add(seen.time, "start", seen.pipeline, "the pipeline runs");
  if (phase < LifePhase::Ended) return;
  if (phase == LifePhase::Failed) {
    add(seen.time, "end", seen.pipeline, "the pipeline failed" + (seen.error ? ": " + seen.error->text : ""));
  } else {
    add(seen.time, "end", seen.pipeline,
        "the pipeline " + std::string(first ? "had " : "has ") +
            (phase == LifePhase::Stopped ? "been stopped" : "ended"));
  }
}

void EventLog::follow_errors(const PipelineCore& core) {
  for (const auto& note : core.errors().since(last_error_)) {
    last_error_ = note.id;
    // A node that fails on every sample must not push all else out of the log.
    auto& told = error_told_[note.node];
    if (!note.fatal && note.time - told < kErrorsApart) continue;
    told = note.time;
    add(note.time, "error", note.node, tail(note.traceback.empty() ? note.text : note.traceback));
  }
}

void EventLog::follow_edges(const Observation& seen) {
  const auto& edges = seen.overview.stats.edges;
  for (std::size_t i = 0; i < edges.size(); ++i) {
    for (const auto& [cause, count] : edges[i].drops) {
      if (cause == DropCause::Stop || !dropping_.emplace(i, cause).second) continue;
      add(seen.time, "drop", edge_name(edges[i]), "drops samples (" + std::string(to_string(cause)) + ")");
    }
  }
}

void EventLog::follow_sources(const Observation& seen) {
  for (const auto& node : seen.overview.stats.nodes) {
    if (!node.source) continue;
    const auto& now = *node.source;
    auto& before = sources_[node.name];
    if (now.stalls > before.stalls) add(seen.time, "stall", node.name, "connected, but nothing comes");
    if (now.outages > before.outages) {
      add(seen.time, "outage", node.name,
          now.last_error.empty() ? "the connection was lost" : "the connection was lost: " + now.last_error);
    }
    if (now.reconnects > before.reconnects) {
      const double lasted = now.outage_seconds - before.outage_seconds;
      add(seen.time, "reconnect", node.name,
          "frames come again after " + seconds_text(std::max(0.0, lasted)));
    }
    if (now.reconnects > before.reconnects || now.reconnects == now.outages) {
      before.outage_seconds = now.outage_seconds;
    }
    before.stalls = now.stalls;
    before.outages = now.outages;
    before.reconnects = now.reconnects;
  }
}

void EventLog::follow_stall(const Observation& seen) {
  const bool stalled = seen.overview.phase == LifePhase::Running && seen.still >= seen.still_limit;
  if (stalled && !stalled_) add(seen.time, "stall", seen.pipeline, health_of(seen).reason);
  stalled_ = stalled;
}

void EventLog::follow_lock(const Observation& seen) {
  for (const auto& stall : seen.lock.recent) {
    if (stall.id <= last_lock_stall_) continue;
    last_lock_stall_ = stall.id;
    if (culprits_.size() > kMaxCulprits) culprits_.clear();
    const bool first = culprits_.insert(stall.native + "\n" + stall.python).second;
    if (!first && stall.seconds < kLongLockStall) continue;
    add(seen.time, "gil", stall.thread,
        "kept the GIL for " + seconds_text(stall.seconds) + ": " + who(stall));
  }
}

}  // namespace freshframe::serve
