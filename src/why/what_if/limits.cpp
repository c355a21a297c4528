// The limits of a prediction. Each is a case in which predictions of real graphs were wrong.
// SPDX-License-Identifier: Apache-2.0
#include "why/what_if/limits.hpp"

#include <algorithm>

#include "why/figures.hpp"
#include "why/what_if/draws.hpp"

namespace freshframe::core {
namespace {

constexpr double kGilShare = 0.05;        // share of the time: the GIL has a user
constexpr double kProcessorShare = 0.85;  // share of the processors that a graph may want
constexpr double kStarved = 0.1;          // share of its calls: a thread that waits for a processor
constexpr double kWakeUp = 0.5e-3;        // seconds per sample: such a wait is within the slack of an answer
constexpr double kEmitted = 0.01;         // share: a node that gives fewer results filters them
constexpr double kWaited = 0.01;          // share of the time: a source that waits for room

std::string quoted(const RecordedNode& node) {
  return "'" + node.name + "'";
}

std::string few_calls(const Asked& asked) {
  for (const int number : asked.involved) {
    const auto& node = asked.recording.nodes.at(number);
    if (node.is_reader) continue;
    std::size_t calls = 0;
    for (const auto& [size, times] : collect_times(node.calls, node.batch.has_value())) calls += times.size();
    if (calls >= kFewestCalls) continue;
    return "not yet: " + quoted(node) + (node.is_source ? " has given " : " has made ") +
           std::to_string(calls) + " of the " + std::to_string(kFewestCalls) +
           (node.is_source ? " samples" : " calls") + " that it takes";
  }
  return {};
}

std::string unknown_streams(const Asked& asked) {
  for (const int number : asked.involved) {
    const auto& node = asked.recording.nodes.at(number);
    if (node.joins) return quoted(node) + " is a join: how its parents meet would change";
    if (node.has_own_stream)
      return quoted(node) +
             " gives results of its own (on_tick() or finish()), of which there are no records";
    if (node.gives_several)
      return quoted(node) + " gives several results per sample: how many of which is not recorded";
    if (node.is_source && !node.is_live)
      return quoted(node) + " is a file: it gives its samples as fast as they are taken";
    if (node.is_source && static_cast<double>(node.waited) * 1e-9 > kWaited * asked.recording.uptime)
      return quoted(node) +
             " waits for room at its children: when it would give its samples without that is not "
             "recorded";
  }
  return {};
}

// A filter: which samples it passes on is not recorded.
std::string filters(const Asked& asked) {
  for (const int number : asked.involved) {
    const auto& child = asked.recording.nodes.at(number);
    for (std::size_t i = 0; i < child.edges.size(); ++i) {
      const auto parent = asked.recording.nodes.find(child.edges[i].parent);
      if (parent == asked.recording.nodes.end() || child.edges[i].only_source >= 0) continue;
      const auto given = static_cast<double>(parent->second.processed);
      const double missing = given - static_cast<double>(child.passed[i]);
      // Samples that are on their way do not count as filtered.
      if (missing <= std::max(10.0, kEmitted * given)) continue;
      return quoted(parent->second) + " has given " + quoted(child) + " results for " +
             std::to_string(child.passed[i]) + " of " + std::to_string(parent->second.processed) +
             " samples: for which ones is not recorded";
    }
  }
  return {};
}

// Readers that block and that their program did not keep empty.
std::string slow_readers(const Asked& asked) {
  for (const int number : asked.involved) {
    const auto& node = asked.recording.nodes.at(number);
    if (!node.is_reader) continue;
    for (const auto& edge : node.edges) {
      const auto parent = asked.recording.nodes.find(edge.parent);
      if (!edge.queue.blocks() || parent == asked.recording.nodes.end()) continue;
      if (static_cast<double>(parent->second.waited) * 1e-9 <= kWaited * asked.recording.uptime) continue;
      return "reader " + quoted(node) + " blocks, and " + quoted(parent->second) +
             " waits for it: how fast it would be read is not recorded";
    }
  }
  return {};
}

// The GIL has users whose waits would change with the node.
std::string gil_users(const Asked& asked) {
  const auto affected = asked.recording.below(asked.node);
  const bool uses =
      std::ranges::any_of(affected, [&](int number) { return asked.recording.nodes.at(number).is_outside; });
  if (!uses || asked.recording.uptime <= 0) return {};
  for (const auto& [number, node] : asked.recording.nodes) {
    if (!node.is_outside) continue;
    const double holds = node.gil_hold / asked.recording.uptime;
    const double waits = node.gil_wait / asked.recording.uptime;
    if (holds <= kGilShare && waits <= kGilShare) continue;
    return holds > kGilShare ? quoted(node) + " holds the GIL " + percent_text(holds) +
                                   " of the time: how Python's threads would share it then is not recorded"
                             : quoted(node) + " waits for the GIL " + percent_text(waits) +
                                   " of the time: what else holds it would not change as the graph does";
  }
  return {};
}

std::string faster_source(const Asked& asked) {
  if (!asked.change.rate) return {};
  constexpr std::size_t kFewest = 30;  // samples that show a rate
  const auto& source = asked.recording.nodes.at(asked.node);
  if (source.calls.size() < kFewest) return {};
  const auto rate = compute_rate(source.calls);
  constexpr double kSame = 1.02;
  if (!rate || *asked.change.rate <= kSame * *rate) return {};
  return quoted(source) + " gives " + fixed_text(*rate, 1) +
         " samples per second: the calls for those of a faster one are not recorded";
}

// The run itself lacks processors, so its calls took longer than they had to. The kernel counts the waits of the whole
// thread: those before a call, when a sample has woken it, as well as those within.
std::string explain_starved(const Asked& asked) {
  for (const int number : asked.involved) {
    const auto& node = asked.recording.nodes.at(number);
    if (node.is_reader || node.is_source) continue;
    if (!node.computed) return "the kernel does not count the processor time of threads here";
    double time = 0;
    for (const auto& call : node.calls) time += Seconds(call.done - call.taken).count();
    if (node.calls.empty() || node.processed == 0) continue;
    const double mean = time / static_cast<double>(node.calls.size());
    const double delay = node.starved / static_cast<double>(node.processed);
    if (delay <= std::max(kWakeUp, kStarved * mean)) continue;
    return quoted(node) + " waits for a processor for " + time_text(delay) +
           " per sample, before its calls and within them, and these take " + time_text(mean) +
           ": what other threads leave it is not recorded";
  }
  return {};
}

}  // namespace

// "Not yet" is said only where more calls would help.
std::string explain_limits(const Asked& asked) {
  if (!asked.recording.runs) return "the pipeline does not run";
  for (const auto check : {&unknown_streams, &faster_source, &filters, &slow_readers, &few_calls, &gil_users,
                           &explain_starved}) {
    if (auto reason = check(asked); !reason.empty()) return reason;
  }
  return {};
}

std::string explain_processors(const Asked& asked, const std::map<int, double>& rates) {
  double wanted = 0;
  double present = 0;
  for (const auto& [number, node] : asked.recording.nodes) {
    if (node.is_reader || !node.computed || asked.recording.uptime <= 0) continue;
    const double share = *node.computed / asked.recording.uptime;
    present += share;
    const auto predicted = rates.find(number);
    const double rate = static_cast<double>(node.processed) / asked.recording.uptime;
    const double factor = predicted != rates.end() && rate > 0 ? predicted->second / rate : 1;
    const double speed = number == asked.node ? asked.change.speed.value_or(1) : 1;
    wanted += share * factor / speed;
  }
  const double most = kProcessorShare * asked.recording.processors;
  if (std::max(wanted, present) <= most) return {};
  return "its nodes would compute for " + fixed_text(wanted, 1) + " s per second, now " +
         fixed_text(present, 1) + ", on " + std::to_string(asked.recording.processors) +
         " processors: how threads share full ones is not recorded";
}

}  // namespace freshframe::core
