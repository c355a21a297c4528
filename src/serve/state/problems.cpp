// One function per kind of problem.
// SPDX-License-Identifier: Apache-2.0
#include "serve/state/problems.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

#include "core/unit_text.hpp"

namespace freshframe::serve {
namespace {

constexpr double kShownFor = 10;     // seconds after the newest error or loss
constexpr double kAway = 2;          // seconds: a reconnection takes less
constexpr double kClockOff = 1;      // seconds between a camera's clock and this machine's
constexpr double kLongStall = 0.25;  // seconds, of a current one
constexpr double kStalledShare = 0.1;
constexpr double kHoldShare = 0.8;       // of the last second
constexpr std::size_t kThreadName = 15;  // bytes that the kernel keeps of a thread's name

std::string percent(double share) {
  return std::to_string(std::lround(100 * std::min(1.0, share))) + " %";
}

std::string rounded_seconds(double seconds) {
  return core::number_text(seconds, std::chars_format::fixed, seconds < 10 ? 1 : 0) + " s";
}

std::string counted(std::uint64_t count, std::string_view noun) {
  return std::to_string(count) + " " + std::string(noun) + (count == 1 ? "" : "s");
}

bool is_recent(double time, const Snapshot& seen) {
  return time > 0 && seen.time - time < kShownFor;
}

std::string_view place_of(NodeDropCause cause, std::uint64_t count) {
  switch (cause) {
    case NodeDropCause::Device:
      // A camera's driver, a scene or a server went on without this program.
      return count == 1 ? " that was not read in time" : " that were not read in time";
    case NodeDropCause::Decode:
      return " in the decoder";
    case NodeDropCause::Pool:
      return " because the pool had no room";
    case NodeDropCause::Worker:
      return " with a worker process";
    case NodeDropCause::Stop:
      return " with the stop";
    case NodeDropCause::Repeated:
      return " that the server had sent before";
    case NodeDropCause::Lost:
      return " by the network";
    case NodeDropCause::NotDecoded:
    case NodeDropCause::Error:
      break;
  }
  return " by an error";
}

// All that the node has lost so far, by place. Its errors have a line of their own.
std::string lost_frames(const NodeStats& node) {
  std::string text = "lost";
  const char* separator = " ";
  for (const auto& [cause, count] : node.drops) {
    if (cause == NodeDropCause::Error || !is_lost(node, cause)) continue;
    text += separator + counted(count, "frame") + std::string(place_of(cause, count));
    separator = ", ";
  }
  return text;
}

// The card that a thread belongs to: nodes' threads have their names.
std::string node_of_thread(const std::string& thread, const Snapshot& seen) {
  for (const auto& node : seen.graph.stats.nodes) {
    if (!thread.empty() && (node.name == thread || node.name.substr(0, kThreadName) == thread))
      return node.name;
  }
  return thread;
}

void add_error(std::vector<Problem>& out, const Snapshot& seen) {
  if (seen.graph.phase != core::LifePhase::Failed) return;
  const bool known = seen.error.has_value();
  out.push_back({"error", known ? seen.error->node : seen.pipeline,
                 known ? "failed: " + seen.error->text : "the pipeline failed"});
}

void add_sources(std::vector<Problem>& out, const Snapshot& seen) {
  for (std::size_t i = 0; i < seen.away.size(); ++i) {
    if (!seen.away[i] || *seen.away[i] < kAway) continue;
    const auto& node = seen.graph.stats.nodes[i];
    auto text = "no frames for " + rounded_seconds(*seen.away[i]);
    if (!node.source->last_error.empty()) text += ": " + node.source->last_error;
    out.push_back({"source", node.name, std::move(text)});
  }
}

// "3,612 s"
std::string grouped_seconds(double seconds) {
  auto digits = std::to_string(std::llround(seconds));
  for (auto place = static_cast<std::ptrdiff_t>(digits.size()) - 3; place > 0; place -= 3) {
    digits.insert(static_cast<std::size_t>(place), ",");
  }
  return digits + " s";
}

void add_clocks(std::vector<Problem>& out, const Snapshot& seen) {
  for (const auto& node : seen.graph.stats.nodes) {
    if (seen.graph.phase != core::LifePhase::Running || !node.source || !node.source->clock_offset) continue;
    const double offset = *node.source->clock_offset;
    if (std::abs(offset) < kClockOff) continue;
    const double size = std::abs(offset);
    const auto text = size < 10 ? rounded_seconds(size) : grouped_seconds(size);
    out.push_back({"clock", node.name,
                   "its clock is " + text + (offset < 0 ? " behind" : " ahead of") +
                       " this machine's: set the camera's time (NTP), or give open() a clock_offset"});
  }
}

void add_gil(std::vector<Problem>& out, const Snapshot& seen) {
  const auto& gil = seen.gil;
  if (gil.now && gil.now->seconds >= kLongStall) {
    out.push_back({"gil", node_of_thread(gil.now->thread, seen),
                   "has held the GIL for " + rounded_seconds(gil.now->seconds) + ": " + holder_of(*gil.now)});
  } else if (seen.gil_stalled_share >= kStalledShare && !gil.recent.empty()) {
    const auto& last = gil.recent.back();
    out.push_back({"gil", node_of_thread(last.thread, seen),
                   "held the GIL while others waited for " + percent(seen.gil_stalled_share) +
                       " of the last 5 s: " + holder_of(last)});
  }
  for (std::size_t i = 0; i < seen.node_rates.size(); ++i) {
    const auto& name = seen.graph.stats.nodes[i].name;
    if (seen.graph.phase != core::LifePhase::Running || seen.node_rates[i].gil_hold < kHoldShare) continue;
    if (std::ranges::any_of(out, [&](const auto& one) { return one.kind == "gil" && one.subject == name; })) {
      continue;
    }
    out.push_back({"gil", name, "holds the GIL " + percent(seen.node_rates[i].gil_hold) + " of the time"});
  }
}

void add_node_trouble(std::vector<Problem>& out, const Snapshot& seen, const EventLog& log) {
  for (std::size_t i = 0; i < seen.trouble.size(); ++i) {
    const auto& node = seen.graph.stats.nodes[i];
    const bool ended_it = seen.error && seen.error->node == node.name;
    if (is_recent(seen.trouble[i].error, seen) && !ended_it) {
      const auto line = log.error_of(node.name);
      out.push_back(
          {"error", node.name, counted(node.errors, "error") + (line.empty() ? "" : ", the last: " + line)});
    }
    if (is_recent(seen.trouble[i].loss, seen)) {
      out.push_back({"loss", node.name, lost_frames(node)});
    }
  }
}

void add_edge_losses(std::vector<Problem>& out, const Snapshot& seen) {
  for (std::size_t i = 0; i < seen.loss_times.size(); ++i) {
    if (!is_recent(seen.loss_times[i], seen)) continue;
    const auto& edge = seen.graph.stats.edges[i];
    out.push_back({"loss", edge_name(edge),
                   counted(edge.lost, "sample") + " lost: " + edge.child +
                       " is slower than its source, and its queue " + freshframe::to_string(edge.queue) +
                       " is full"});
  }
}

void add_spools(std::vector<Problem>& out, const Snapshot& seen) {
  constexpr double kLate = 10;  // seconds: a receiver that is started again is there earlier
  for (const auto& node : seen.graph.stats.nodes) {
    if (!node.spool || node.spool->oldest_age < kLate || node.state == NodeState::Ended) continue;
    auto text = counted(node.spool->waiting, "result") + " not sent, the oldest for " +
                rounded_seconds(node.spool->oldest_age);
    if (!node.spool->last_error.empty()) text += ": " + node.spool->last_error;
    out.push_back({"spool", node.name, std::move(text)});
  }
}

void add_joins(std::vector<Problem>& out, const Snapshot& seen) {
  if (seen.graph.phase != core::LifePhase::Running) return;
  for (const auto& node : seen.graph.stats.nodes) {
    if (node.join && !node.join->trouble.empty()) out.push_back({"join", node.name, node.join->trouble});
  }
}

void add_stall(std::vector<Problem>& out, const Snapshot& seen) {
  if (seen.graph.phase != core::LifePhase::Running || seen.still < seen.still_limit) return;
  out.push_back({"stall", seen.pipeline, "no sample has moved for " + rounded_seconds(seen.still)});
}

// A source that is away, or a recorder that loses samples, has a line already, which gets the remedy.
void add_findings(std::vector<Problem>& out, const Snapshot& seen) {
  for (const auto& finding : seen.findings) {
    const auto kind = finding.kind == "away" ? "source" : finding.kind;
    const auto same = std::ranges::find_if(
        out, [&](const auto& each) { return each.kind == kind && each.subject == finding.subject; });
    if (same != out.end()) {
      same->remedy = finding.remedy;
    } else {
      out.push_back({kind, finding.subject, finding.text, finding.remedy});
    }
  }
}

}  // namespace

std::vector<Problem> problems_of(const Snapshot& seen, const EventLog& log) {
  std::vector<Problem> out;
  add_error(out, seen);
  add_stall(out, seen);
  add_sources(out, seen);
  add_clocks(out, seen);
  add_gil(out, seen);
  add_joins(out, seen);
  add_spools(out, seen);
  add_edge_losses(out, seen);
  add_node_trouble(out, seen, log);
  add_findings(out, seen);
  return out;
}

}  // namespace freshframe::serve
