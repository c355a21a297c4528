// One function per rule. Each has a threshold that separated planted programs from healthy ones.
// SPDX-License-Identifier: Apache-2.0
#include "serve/state/findings.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>

#include "core/unit_text.hpp"

namespace freshframe::serve {
namespace {

using std::chrono::duration;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kWindow{5};
constexpr seconds kQuiet{10};        // after a start, a change of the graph or an outage
constexpr milliseconds kApart{150};  // between two looks: a page may ask at any time
constexpr int kFewestLooks = 15;     // of a window; with fewer the machine was too busy to judge
constexpr int kWindowsUntilShown = 2;
constexpr int kWindowsUntilGone = 3;
constexpr double kStays = 0.7;  // of a threshold: as long as it is above, a finding stays
constexpr std::uint64_t kFewestSamples = 30;
constexpr double kWaiting = 2;          // samples that wait on average in a queue that drops
constexpr double kShortestWait = 0.05;  // seconds
constexpr double kShareOfAge = 1.0 / 3;
constexpr double kBlocked = 0.5;  // of the time

std::uint64_t grown(std::uint64_t now, std::uint64_t before) {
  return now - std::min(now, before);
}

std::uint64_t drops_of(const EdgeStats& edge, DropCause cause) {
  const auto found = edge.drops.find(cause);
  return found == edge.drops.end() ? 0 : found->second;
}

std::uint64_t grown(const EdgeStats& now, const EdgeStats& before, DropCause cause) {
  return grown(drops_of(now, cause), drops_of(before, cause));
}

bool is_full(const EdgeStats& edge) {
  return edge.queue.blocks() && edge.waiting > 0 &&
         edge.waiting >= static_cast<std::uint64_t>(edge.queue.depth);
}

std::string fixed(double value, int digits = 0) {
  return core::number_text(value, std::chars_format::fixed, digits);
}

std::string milliseconds_text(double value) {
  return value < 1 ? fixed(value * 1e3) + " ms" : fixed(value, 1) + " s";
}

std::string percent_text(double share) {
  return fixed(100 * std::min(1.0, share)) + " %";
}

bool same_graph(const Stats& a, const Stats& b) {
  const auto same_node = [](const NodeStats& x, const NodeStats& y) { return x.name == y.name; };
  const auto same_edge = [](const EdgeStats& x, const EdgeStats& y) {
    return x.parent == y.parent && x.child == y.child && x.queue == y.queue;
  };
  return std::ranges::equal(a.nodes, b.nodes, same_node) && std::ranges::equal(a.edges, b.edges, same_edge);
}

bool has_outage(const Stats& now, const Stats& before) {
  for (std::size_t i = 0; i < now.nodes.size(); ++i) {
    const auto& source = now.nodes[i].source;
    if (!source) continue;
    const auto& old = before.nodes[i].source;
    if (old && source->outages != old->outages) return true;
    if (source->state == SourceState::BackingOff || source->state == SourceState::Stalled) return true;
  }
  return false;
}

}  // namespace

void Findings::follow(const core::GraphState& seen, Time now) {
  if (seen.phase != core::LifePhase::Running) {
    quiet_until_.reset();
    window_.reset();
    known_.clear();
    return;
  }
  if (!quiet_until_) quiet_until_ = now + kQuiet;
  if (window_ && !same_graph(window_->before, seen.stats)) {
    window_.reset();
    quiet_until_ = now + kQuiet;
  } else if (window_ && has_outage(seen.stats, window_->before)) {
    window_.reset();
    quiet_until_ = now + kQuiet;
  }
  if (now < *quiet_until_) return;
  if (!window_) return begin(seen, now);
  if (now - window_->looked < kApart) return;
  window_->looked = now;
  count(seen);
  if (now - window_->began < kWindow) return;
  if (window_->looks >= kFewestLooks) judge(seen, duration<double>(now - window_->began).count());
  begin(seen, now);
}

void Findings::begin(const core::GraphState& seen, Time now) {
  window_ = Window{.began = now,
                   .looked = now,
                   .looks = 0,
                   .before = seen.stats,
                   .edges = std::vector<EdgeSums>(seen.stats.edges.size()),
                   .blocked = std::vector<int>(seen.stats.nodes.size())};
}

void Findings::count(const core::GraphState& seen) {
  ++window_->looks;
  for (std::size_t i = 0; i < seen.stats.edges.size(); ++i) {
    const auto& edge = seen.stats.edges[i];
    window_->edges[i].waiting += static_cast<double>(edge.waiting);
    if (is_full(edge)) ++window_->edges[i].full;
  }
  for (std::size_t i = 0; i < seen.stats.nodes.size(); ++i) {
    if (seen.stats.nodes[i].state == NodeState::Blocked) ++window_->blocked[i];
  }
}

void Findings::judge(const core::GraphState& seen, double seconds) {
  const Judged judged{seen, *window_, seconds};
  Found found;
  find_unread(judged, found);
  find_blocked(judged, found);
  find_deep_queues(judged, found);
  find_stale(judged, found);
  find_workers(judged, found);
  for (auto& [key, text] : found) {
    auto& known = known_[key];
    known.text = std::move(text);
    known.without = 0;
    ++known.with;
  }
  for (auto& [key, known] : known_) {
    if (!found.contains(key)) ++known.without;
  }
  std::erase_if(known_, [](const auto& entry) {
    const auto& known = entry.second;
    return known.without >= (known.with < kWindowsUntilShown ? 1 : kWindowsUntilGone);
  });
}

std::vector<Problem> Findings::present() const {
  constexpr std::array<std::string_view, 5> kOrder = {"unread", "blocked", "queue", "stale", "worker"};
  std::vector<Problem> out;
  for (const auto kind : kOrder) {
    for (const auto& [key, known] : known_) {
      if (key.first == kind && known.with >= kWindowsUntilShown)
        out.push_back({key.first, key.second, known.text});
    }
  }
  return out;
}

bool Findings::shows(std::string_view kind, const std::string& subject) const {
  const auto known = known_.find({std::string(kind), subject});
  return known != known_.end() && known->second.with >= kWindowsUntilShown;
}

double Findings::bar(double threshold, std::string_view kind, const std::string& subject) const {
  return shows(kind, subject) ? kStays * threshold : threshold;
}

// A reader that blocks, was full at every look, and took nothing.
void Findings::find_unread(const Judged& judged, Found& out) const {
  const auto& edges = judged.seen.stats.edges;
  for (std::size_t i = 0; i < edges.size(); ++i) {
    const auto& edge = edges[i];
    if (judged.window.edges[i].full < judged.window.looks) continue;
    if (edge.delivered != judged.window.before.edges[i].delivered) continue;
    if (std::ranges::find(judged.seen.readers, edge.child) == judged.seen.readers.end()) continue;
    out[{"unread", edge.child}] = "is not read: " + std::to_string(edge.waiting) + " samples wait, and " +
                                  edge.parent + " waits for room. Read it, close it, or give it queue=LATEST";
  }
}

// A node below a live source that waits for room most of the time. The cause is the child whose queue is full.
void Findings::find_blocked(const Judged& judged, Found& out) const {
  const auto& stats = judged.seen.stats;
  for (std::size_t n = 0; n < stats.nodes.size(); ++n) {
    const auto& name = stats.nodes[n].name;
    const double share = static_cast<double>(judged.window.blocked[n]) / judged.window.looks;
    if (!judged.seen.nodes[n].live || share < bar(kBlocked, "blocked", name)) continue;
    const EdgeStats* fullest = nullptr;
    int most = 0;
    for (std::size_t i = 0; i < stats.edges.size(); ++i) {
      if (stats.edges[i].parent != name || judged.window.edges[i].full <= most) continue;
      fullest = &stats.edges[i];
      most = judged.window.edges[i].full;
    }
    if (!fullest || out.contains({"unread", fullest->child})) continue;
    out[{"blocked", name}] = "waits " + percent_text(share) + " of the time until " + fullest->child +
                             " has room, below a live source. Give " + fullest->child +
                             " queue=LATEST, or make it faster: workers=, process=";
  }
}

// Little's law: the mean of the waiting samples, divided by the rate at which they leave, is their mean wait.
void Findings::find_deep_queues(const Judged& judged, Found& out) const {
  const auto& edges = judged.seen.stats.edges;
  for (std::size_t i = 0; i < edges.size(); ++i) {
    const auto& edge = edges[i];
    const auto& before = judged.window.before.edges[i];
    if (edge.queue.blocks() || edge.queue.depth < 2 || edge.queue == kRecording || edge.joined) continue;
    const auto dropped = grown(edge, before, DropCause::QueueFull);
    const auto delivered = grown(edge.delivered, before.delivered);
    const auto left = delivered + (edge.queue.when_full == WhenFull::DropOldest ? dropped : 0);
    if (dropped == 0 || left == 0 || grown(edge.passed_in, before.passed_in) < kFewestSamples) continue;
    const double waiting = judged.window.edges[i].waiting / judged.window.looks;
    const double wait = waiting * judged.seconds / static_cast<double>(left);
    const auto subject = edge_name(edge);
    if (waiting < bar(kWaiting, "queue", subject) || wait < bar(kShortestWait, "queue", subject)) continue;
    if (wait < bar(kShareOfAge, "queue", subject) * edge.age_p50) continue;
    const double rate = static_cast<double>(grown(edge.passed_in, before.passed_in)) / judged.seconds;
    out[{"queue", subject}] = "samples wait for " + milliseconds_text(wait) +
                              " on average: " + fixed(waiting, 1) + " of " +
                              std::to_string(edge.queue.depth) + " wait, since " + edge.child + " takes " +
                              fixed(static_cast<double>(delivered) / judged.seconds, 1) + " per second of " +
                              fixed(rate, 1) + ". queue=LATEST has the same rate without this wait";
  }
}

void Findings::find_stale(const Judged& judged, Found& out) const {
  const auto& edges = judged.seen.stats.edges;
  for (std::size_t i = 0; i < edges.size(); ++i) {
    const auto& before = judged.window.before.edges[i];
    const auto stale = grown(edges[i], before, DropCause::Stale);
    const auto delivered = grown(edges[i].delivered, before.delivered);
    const auto subject = edge_name(edges[i]);
    if (stale + delivered < kFewestSamples) continue;
    const double share = static_cast<double>(stale) / static_cast<double>(stale + delivered);
    if (share <= bar(0.5, "stale", subject)) continue;
    out[{"stale", subject}] =
        percent_text(share) + " of the samples are older than max_age when " + edges[i].child +
        " could take them. A longer max_age lets them through; faster nodes before it make "
        "them younger";
  }
}

void Findings::find_workers(const Judged& judged, Found& out) {
  const auto restarts = [](const NodeStats& node) {
    std::uint64_t sum = 0;
    for (const auto& worker : node.workers) sum += worker.restarts;
    return sum;
  };
  const auto& nodes = judged.seen.stats.nodes;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const auto count = grown(restarts(nodes[i]), restarts(judged.window.before.nodes[i]));
    if (count == 0) continue;
    out[{"worker", nodes[i].name}] =
        "its worker processes die again and again: " + std::to_string(restarts(nodes[i])) +
        " starts in place of dead ones so far. The log has the cause of each";
  }
}

}  // namespace freshframe::serve
