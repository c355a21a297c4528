// Derives events from two successive snapshots.
// SPDX-License-Identifier: Apache-2.0
#include "serve/state/event_log.hpp"

#include <algorithm>
#include <utility>

#include "core/unit_text.hpp"
#include "core/watch/frozen_text.hpp"
#include "why/states.hpp"

namespace freshframe::serve {
namespace {

constexpr std::size_t kMaxText = 2000;  // bytes; every state message contains all events

// Returns the end of a long string: the last lines of a traceback hold the error itself.
std::string tail(const std::string& text) {
  return text.size() <= kMaxText ? text : "..." + text.substr(text.size() - kMaxText);
}

}  // namespace

void EventLog::add(double time, std::string_view kind, const std::string& subject, std::string text) {
  add(time, kind, subject, std::move(text), Repeated());
}

void EventLog::add(double time, std::string_view kind, const std::string& subject, std::string text,
                   const Repeated& repeated) {
  const auto found = std::ranges::find_if(entries_, [&](const Entry& entry) {
    return entry.event.kind == kind && entry.event.subject == subject && entry.detail == repeated.detail;
  });
  Entry entry;
  if (found != entries_.end()) {
    entry = std::move(*found);
    entries_.erase(found);
  } else {
    entry.event.first = time;
    entry.event.kind = kind;
    entry.event.subject = subject;
    entry.detail = repeated.detail;
    make_room();
  }
  entry.event.id = ++count_;
  entry.event.time = time;
  entry.event.count += repeated.count;
  entry.event.text = std::move(text);
  entries_.push_back(std::move(entry));
}

void EventLog::make_room() {
  if (entries_.size() < kKept) return;
  const auto found = std::ranges::find_if(entries_, [](const Entry& entry) {
    return entry.event.kind != "outage" && entry.event.kind != "drop" && entry.event.kind != "loss";
  });
  entries_.erase(found != entries_.end() ? found : entries_.begin());
}

std::vector<Event> EventLog::events() const {
  std::vector<Event> result;
  for (const auto& entry : entries_) result.push_back(entry.event);
  return result;
}

// A name can be reused by a node with another number. Nodes that existed before the start are not reported.
void EventLog::follow_changes(const Snapshot& seen) {
  const bool runs = phase_ == core::LifePhase::Running;
  std::map<std::string, int> numbers;
  for (const auto& node : seen.graph.stats.nodes) numbers[node.name] = node.number;
  for (const auto& [name, number] : numbers_) {
    const auto now = numbers.find(name);
    if (now != numbers.end() && now->second == number) continue;
    errors_.erase(name);
    sources_.erase(name);
    if (runs && now == numbers.end()) add(seen.time, "change", name, "the node was removed");
  }
  for (const auto& [name, number] : numbers) {
    const auto before = numbers_.find(name);
    if (!runs || (before != numbers_.end() && before->second == number)) continue;
    const bool is_other = before != numbers_.end();
    add(seen.time, "change", name, is_other ? "another node of this name was added" : "the node was added");
  }
  // A node that failed while it was added may not be in any snapshot.
  std::erase_if(errors_, [&](const auto& each) { return !numbers.contains(each.first); });
  numbers_ = std::move(numbers);
  std::erase_if(drops_, [&](const auto& each) {
    return std::ranges::find(seen.graph.stats.edges, each.first.first, &EdgeStats::number) ==
           seen.graph.stats.edges.end();
  });
}

void EventLog::follow(const Snapshot& seen, const core::PipelineCore& core) {
  follow_changes(seen);
  follow_edges(seen);
  follow_sources(seen);
  follow_stall(seen);
  follow_gil(seen);
  follow_errors(seen, core);
  follow_phase(seen);
}

void EventLog::follow_phase(const Snapshot& seen) {
  const auto phase = seen.graph.phase;
  if (phase == phase_) return;
  const bool first = !phase_;
  phase_ = phase;
  if (phase == core::LifePhase::Running) add(seen.time, "start", seen.pipeline, "the pipeline is running");
  if (phase < core::LifePhase::Ended) return;
  if (phase == core::LifePhase::Failed) {
    add(seen.time, "end", seen.pipeline, "the pipeline failed" + (seen.error ? ": " + seen.error->text : ""));
  } else {
    add(seen.time, "end", seen.pipeline,
        "the pipeline " + std::string(first ? "had " : "has ") +
            (phase == core::LifePhase::Stopped ? "been stopped" : "ended"));
  }
}

// The error log keeps only the newest messages. The number of errors comes from the node's counters.
void EventLog::follow_errors(const Snapshot& seen, const core::PipelineCore& core) {
  for (const auto& note : core.errors().since(last_error_)) {
    last_error_ = note.id;
    if (!note.counted) {
      const auto dump = note.traceback.empty() ? "" : note.traceback + "\n";
      add(note.time, "error", note.node, tail(dump + note.text), {.count = 1});
      continue;
    }
    auto& errors = errors_[note.node];
    errors.text = tail(note.traceback.empty() ? note.text : note.traceback);
    if (!note.fatal) continue;
    const auto node = std::ranges::find(seen.graph.stats.nodes, note.node, &NodeStats::name);
    const auto counted = node != seen.graph.stats.nodes.end() ? node->errors : 0;
    const auto more = std::max<std::uint64_t>(1, counted - std::min(counted, errors.counted));
    errors.counted += more;
    add(note.time, "error", note.node, errors.text, {.count = more});
  }
  for (const auto& node : seen.graph.stats.nodes) {
    auto& errors = errors_[node.name];
    if (node.errors <= errors.counted || errors.text.empty()) continue;  // the message will follow
    const auto more = node.errors - std::exchange(errors.counted, node.errors);
    add(seen.time, "error", node.name, errors.text, {.count = more});
  }
}

// Queues that drop by design are reported once. Drops of other queues are reported as losses with their
// count.
void EventLog::follow_edges(const Snapshot& seen) {
  const auto& edges = seen.graph.stats.edges;
  for (std::size_t i = 0; i < edges.size(); ++i) {
    for (const auto& [cause, count] : edges[i].drops) {
      if (cause == DropCause::Stop || cause == DropCause::Removed) continue;
      if (describe_cause(cause).meaning == DropMeaning::ByDesign) continue;
      auto& told = drops_[{edges[i].number, cause}];
      if (count <= told) continue;
      const auto more = count - std::exchange(told, count);
      const std::string name(to_string(cause));
      if (is_lost(edges[i], cause)) {
        add(seen.time, "loss", edge_name(edges[i]), "loses samples (" + name + ")", {name, more});
      } else if (more == count) {
        add(seen.time, "drop", edge_name(edges[i]), "drops samples (" + name + ")", {name, 1});
      }
    }
  }
}

void EventLog::follow_sources(const Snapshot& seen) {
  for (const auto& node : seen.graph.stats.nodes) {
    if (!node.source) continue;
    const auto& now = *node.source;
    auto& before = sources_[node.name];
    if (now.stalls > before.stalls) add(seen.time, "stall", node.name, "connected, but no data arrives");
    if (now.outages > before.outages) {
      const std::string what = node.processed > 0 ? "the connection was lost" : "there is no connection";
      add(seen.time, "outage", node.name, now.last_error.empty() ? what : what + ": " + now.last_error);
    }
    if (now.reconnects > before.reconnects) {
      const double lasted = now.away_total - before.away_total;
      add(seen.time, "reconnect", node.name,
          "frames arrive again after " + core::measured_seconds_text(std::max(0.0, lasted)));
    }
    if (now.reconnects > before.reconnects || now.reconnects == now.outages) {
      before.away_total = now.away_total;
    }
    if (now.clock_steps > before.clock_steps)
      add(seen.time, "clock", node.name, "the camera's clock was set");
    if (now.frozen != before.frozen) add(seen.time, "frozen", node.name, core::frozen_text(now));
    before.frozen = now.frozen;
    if (now.decoder_changes > before.decoder_changes || now.decoder_reason != before.decoder_reason) {
      add(seen.time, "decoder", node.name,
          now.decoder_reason.empty() ? "is decoded on " + now.decoder
                                     : "is decoded by the CPU: " + now.decoder_reason);
    }
    before.decoder_changes = now.decoder_changes;
    before.decoder_reason = now.decoder_reason;
    before.clock_steps = now.clock_steps;
    before.stalls = now.stalls;
    before.outages = now.outages;
    before.reconnects = now.reconnects;
  }
}

void EventLog::follow_stall(const Snapshot& seen) {
  const auto stall = std::ranges::find(seen.findings, "stall", &Finding::kind);
  const bool stalled = stall != seen.findings.end();
  if (stalled && !stalled_) add(seen.time, "stall", seen.pipeline, stall->text);
  stalled_ = stalled;
}

void EventLog::follow_gil(const Snapshot& seen) {
  if (!last_gil_stall_) {  // stalls before the first sample are not reported
    last_gil_stall_ = seen.gil.recent.empty() ? 0 : seen.gil.recent.back().id;
    return;
  }
  for (const auto& stall : seen.gil.recent) {
    if (stall.id <= *last_gil_stall_) continue;
    last_gil_stall_ = stall.id;
    add(seen.time, "gil", stall.thread,
        "held the GIL for " + core::measured_seconds_text(stall.seconds) + ": " +
            core::describe_holder(stall),
        {.detail = stall.native + "\n" + stall.python});
  }
}

}  // namespace freshframe::serve
