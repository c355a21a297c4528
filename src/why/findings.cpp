// The windows that findings are based on: which ones are judged, and how long a finding stays.
// SPDX-License-Identifier: Apache-2.0
#include "why/findings.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

namespace freshframe::core {
namespace {

using std::chrono::duration;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kApart{150};  // minimum time between two checks, since a page may ask at any time
constexpr int kFewestLooks = 15;     // per window; with fewer, the machine was too busy to judge
constexpr int kWindowsUntilShown = 2;
constexpr int kWindowsUntilGone = 3;
constexpr double kClearly = 1.2;  // a cause must explain this many times as much to become the first

// Stalls first, then losses, then causes of latency.
int get_rank(std::string_view kind) {
  constexpr std::array<std::string_view, 18> kFirst = {
      "error", "stall", "unread", "away",   "frozen",  "clock", "pace",   "setting", "decoder",
      "gil",   "join",  "spool",  "worker", "blocked", "card",  "sender", "stale",   "loss"};
  return static_cast<int>(std::ranges::find(kFirst, kind) - kFirst.begin());
}

bool is_full(const EdgeStats& edge) {
  return edge.queue.blocks() && edge.waiting > 0 &&
         edge.waiting >= static_cast<std::uint64_t>(edge.queue.depth);
}

/// For each element of `now`, its index in `before`, found by number; nullopt if it is new.
template <class Each>
std::vector<std::optional<std::size_t>> places_in(const std::vector<Each>& before,
                                                  const std::vector<Each>& now) {
  std::map<decltype(Each::number), std::size_t> places;
  for (std::size_t i = 0; i < before.size(); ++i) places.emplace(before[i].number, i);
  std::vector<std::optional<std::size_t>> out;
  for (const auto& each : now) {
    const auto found = places.find(each.number);
    out.push_back(found != places.end() ? std::optional(found->second) : std::nullopt);
  }
  return out;
}

/// Continues the window with the current nodes and edges. New ones start with their current counters; they
/// are downstream of a change, so they are not judged in this window.
void carry_over(Window& window, const Stats& now) {
  auto old = std::exchange(window.before, Stats());
  window.before.elapsed = old.elapsed;
  const auto sums = std::exchange(window.edges, {});
  const auto node_sums = std::exchange(window.nodes, {});
  const auto edges = places_in(old.edges, now.edges);
  for (std::size_t i = 0; i < edges.size(); ++i) {
    window.before.edges.push_back(edges[i] ? old.edges[*edges[i]] : now.edges[i]);
    window.edges.push_back(edges[i] ? sums[*edges[i]] : Window::EdgeSums());
  }
  const auto nodes = places_in(old.nodes, now.nodes);
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    window.before.nodes.push_back(nodes[i] ? old.nodes[*nodes[i]] : now.nodes[i]);
    window.nodes.push_back(nodes[i] ? node_sums[*nodes[i]] : Window::NodeSums());
  }
}

}  // namespace

bool Findings::Known::is_shown() const noexcept {
  return with >= kWindowsUntilShown;
}

void Findings::follow(const GraphState& seen, Time now) {
  if (seen.phase != LifePhase::Running) {
    quiet_until_.reset();
    quiet_times_ = {};
    window_.reset();
    known_.clear();
    return follow_states(seen, now);
  }
  if (!quiet_until_) quiet_until_ = now + QuietTimes::kQuiet;
  if (quiet_times_.follow(seen, now) && window_) carry_over(*window_, seen.stats);
  follow_states(seen, now);
  if (now < *quiet_until_) return;
  if (!window_) return begin_window(seen, now);
  if (now - window_->looked < kApart) return;
  window_->looked = now;
  count(seen, duration<double>(now - window_->began) / Window::kLength);
  if (now - window_->began < Window::kLength) return;
  if (window_->looks >= kFewestLooks) judge(seen, now);
  begin_window(seen, now);
}

void Findings::follow_states(const GraphState& seen, Time now) {
  const auto around = witness_.circumstances ? witness_.circumstances() : Circumstances();
  states_ = looks_.follow(seen, around, quiet_times_, now);
  choose_first();
}

void Findings::begin_window(const GraphState& seen, Time now) {
  window_ = Window{.began = now,
                   .looked = now,
                   .looks = 0,
                   .before = seen.stats,
                   .edges = std::vector<Window::EdgeSums>(seen.stats.edges.size()),
                   .nodes = std::vector<Window::NodeSums>(seen.stats.nodes.size()),
                   .run_queue = witness_.run_queue ? witness_.run_queue() : RunQueue()};
}

void Findings::count(const GraphState& seen, double share) {
  ++window_->looks;
  for (std::size_t i = 0; i < seen.stats.edges.size(); ++i) {
    const auto& edge = seen.stats.edges[i];
    window_->edges[i].waiting += static_cast<double>(edge.waiting);
    if (is_full(edge)) ++window_->edges[i].full;
  }
  for (std::size_t i = 0; i < seen.stats.nodes.size(); ++i) {
    const auto& node = seen.stats.nodes[i];
    auto& sums = window_->nodes[i];
    if (node.state == NodeState::Blocked) ++sums.blocked;
    if (is_away(node)) ++sums.away;
    if (node.source && node.source->behind) sums.note_behind(share, *node.source->behind);
  }
}

void Findings::judge(const GraphState& seen, Time now) {
  const Scene scene{
      .seen = seen,
      .window = *window_,
      .seconds = duration<double>(now - window_->began).count(),
      .ages = witness_.ages ? witness_.ages() : std::vector<Age>(),
      .run_queue = witness_.run_queue ? witness_.run_queue() : RunQueue(),
      .edge_ages = witness_.edge_ages ? witness_.edge_ages() : std::map<std::int64_t, double>(),
      .paces = witness_.paces ? witness_.paces() : std::map<std::string, Pace>(),
      .quiet = quiet_times_.find_quiet(seen, window_->began),
      .away =
          [this, now](int source) {
            const auto since = quiet_times_.away_since(source);
            return since ? duration<double>(now - *since).count() : 0;
          },
      .shown = [this](std::string_view kind,
                      const std::string& subject) { return find_shown({std::string(kind), subject}); }};
  Causes causes;
  for (const auto find :
       {&find_unread, &find_away, &find_blocked, &find_full_cards, &find_skipping_senders, &find_deep_queues,
        &find_lost_records, &find_stale, &find_workers, &find_empty_batches, &find_gil_waits,
        &find_gil_losses, &find_full_processors, &find_bursts}) {
    find(scene, causes);
  }
  remember(std::move(causes));
  choose_first();
}

void Findings::remember(Causes&& causes) {
  for (auto& [key, cause] : causes) {
    auto& known = known_[key];
    known.cause = std::move(cause);
    known.in_a_row = known.without == 0 ? known.in_a_row + 1 : 1;
    known.without = 0;
    if (!known.cause.reaches_over || known.in_a_row != 2) ++known.with;
  }
  for (auto& [key, known] : known_) {
    if (!causes.contains(key)) ++known.without;
  }
  std::erase_if(known_, [](const auto& entry) {
    const auto& known = entry.second;
    return known.without >= known.cause.lasts.value_or(known.is_shown() ? kWindowsUntilGone : 1);
  });
}

std::map<FindingKey, const Cause*> Findings::list_shown() const {
  std::map<FindingKey, const Cause*> out;
  for (const auto& [key, known] : known_) {
    if (known.is_shown()) out.emplace(key, &known.cause);
  }
  for (const auto& [key, cause] : states_) out.emplace(key, &cause);
  return out;
}

void Findings::choose_first() {
  const auto all = list_shown();
  const auto old = first_ ? all.find(*first_) : all.end();
  const auto goes_before = [](const auto& one, const auto& other, double clearly) {
    const int rank = get_rank(one.first.first);
    const int other_rank = get_rank(other.first.first);
    return rank < other_rank ||
           (rank == other_rank && one.second->explains > other.second->explains * clearly);
  };
  auto best = all.begin();
  for (auto each = all.begin(); each != all.end(); ++each) {
    if (goes_before(*each, *best, 1)) best = each;
  }
  if (old == all.end()) first_.reset();
  if (best != all.end() && (old == all.end() || goes_before(*best, *old, kClearly))) first_ = best->first;
}

std::vector<FindingKey> Findings::in_order() const {
  auto causes = list_shown();
  for (const auto& [key, known] : known_) causes.emplace(key, &known.cause);
  std::vector<FindingKey> out;
  for (const auto& [key, cause] : causes) out.push_back(key);
  const auto rank = [&](const FindingKey& key) {
    return std::tuple(key != first_, get_rank(key.first), -causes.at(key)->explains);
  };
  std::ranges::stable_sort(out, {}, rank);
  return out;
}

std::vector<Finding> Findings::present() const {
  std::vector<Finding> out;
  for (const auto& key : in_order()) {
    const auto state = states_.find(key);
    const auto known = known_.find(key);
    if (known == known_.end() || !known->second.is_shown()) {
      if (state != states_.end()) out.push_back(state->second.finding);
      continue;
    }
    out.push_back(known->second.cause.finding);
    out.back().ill = state != states_.end() && state->second.finding.ill;
  }
  return out;
}

std::optional<Findings::Time> Findings::earliest() const {
  if (!quiet_until_) return std::nullopt;
  static_assert(kUntilFirst == QuietTimes::kQuiet + kWindowsUntilShown * Window::kLength);
  return *quiet_until_ + kWindowsUntilShown * Window::kLength;
}

const Cause* Findings::find_shown(const FindingKey& key) const {
  const auto known = known_.find(key);
  return known != known_.end() && known->second.is_shown() ? &known->second.cause : nullptr;
}

}  // namespace freshframe::core
