// Rates over the last second, computed once for all viewers.
// SPDX-License-Identifier: Apache-2.0
#include "serve/state/sampler.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "core/pipeline/pipeline_core.hpp"
#include "core/pipeline/views/statistics.hpp"
#include "why/observer.hpp"

namespace freshframe::serve {
namespace {

using std::chrono::duration;

std::uint64_t count_undecoded(const NodeStats& node) {
  return node.source ? node.source->undecoded : 0;
}

double grown_per_second(std::uint64_t now, std::uint64_t before, double span) {
  return static_cast<double>(now - std::min(now, before)) / span;
}

template <class Map>
auto divide_counts(const Map& now, const Map& before, double span) {
  std::map<typename Map::key_type, double> rates;
  for (const auto& [cause, count] : now) {
    const auto known = before.find(cause);
    const auto old = known != before.end() ? known->second : 0;
    rates[cause] = grown_per_second(count, old, span);
  }
  return rates;
}

template <class Item>
std::vector<std::int64_t> list_numbers(const std::vector<Item>& items) {
  std::vector<std::int64_t> numbers;
  for (const auto& item : items) numbers.push_back(item.number);
  return numbers;
}

// Reorders the remembered data of each item to match the current items: nodes and edges may have been added
// or removed.
template <class Item>
void realign(std::vector<Item>& kept, const std::vector<std::int64_t>& before,
             const std::vector<std::int64_t>& now) {
  std::map<std::int64_t, Item> old;
  for (std::size_t i = 0; i < std::min(kept.size(), before.size()); ++i)
    old.emplace(before[i], std::move(kept[i]));
  kept.clear();
  for (const auto number : now) {
    const auto found = old.find(number);
    kept.push_back(found != old.end() ? std::move(found->second) : Item{});
  }
}

// Returns the item with this number, or null if it did not exist.
template <class Item>
const Item* same(const std::vector<Item>& items, const Item& item, std::size_t likely) {
  if (likely < items.size() && items[likely].number == item.number) return &items[likely];
  const auto found = std::ranges::find(items, item.number, &Item::number);
  return found != items.end() ? &*found : nullptr;
}

// Appends the newest point. Series of nodes that were added later start with empty points.
void extend(Series& series, std::optional<double> point, std::size_t points) {
  while (series.size() + 1 < points) series.emplace_back();
  series.push_back(point);
  while (series.size() > points) series.pop_front();
}

}  // namespace

double unix_now() {
  return duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

Sampler::Sampler(std::shared_ptr<core::PipelineCore> core, std::optional<double> away_after)
    : core_(std::move(core)) {
  seen_.pipeline = core_->options().name;
  if (away_after) core::get_observer(*core_).limit_away(*away_after);
}

Why Sampler::why() const {
  return core::get_observer(*core_).why();
}

void Sampler::sample(Time now, GilFindings gil) {
  seen_.time = unix_now();
  seen_.graph = core::graph_state(*core_);
  seen_.error = core_->errors().first_fatal();
  seen_.gil = std::move(gil);
  follow_changes();
  compute_rates(now);
  extend_history(now);
  judge(seen_.gil);
  events_.follow(seen_, *core_);
}

void Sampler::follow_changes() {
  auto nodes = list_numbers(seen_.graph.stats.nodes);
  auto edges = list_numbers(seen_.graph.stats.edges);
  if (nodes != nodes_) {
    realign(history_.node_rates, nodes_, nodes);
    nodes_ = std::move(nodes);
  }
  if (edges != edges_) {
    realign(history_.edges, edges_, edges);
    edges_ = std::move(edges);
  }
  history_.node_numbers = nodes_;
  history_.edge_numbers = edges_;
}

void Sampler::compute_rates(Time now) {
  const auto& stats = seen_.graph.stats;
  constexpr auto kApart = std::chrono::milliseconds(50);  // minimum interval, whatever the number of requests
  if (moments_.empty() || now - moments_.back().at >= kApart) moments_.push_back({now, stats});
  while (moments_.size() > 2 && now - moments_[1].at >= std::chrono::seconds(1)) moments_.pop_front();
  const auto& before = moments_.front().stats;
  const double span = duration<double>(now - moments_.front().at).count();
  seen_.node_rates.assign(stats.nodes.size(), {});
  seen_.edge_rates.assign(stats.edges.size(), {});
  if (span <= 0) return;
  for (std::size_t i = 0; i < stats.nodes.size(); ++i) {
    const auto& node = stats.nodes[i];
    const auto* const found = same(before.nodes, node, i);
    if (found == nullptr) continue;  // it is new
    const auto& old = *found;
    seen_.node_rates[i] = {
        .processed = static_cast<double>(node.processed - old.processed) / span,
        .undecoded = static_cast<double>(count_undecoded(node) - count_undecoded(old)) / span,
        .drops = divide_counts(node.drops, old.drops, span),
        .lost = grown_per_second(node.lost, old.lost, span),
        .gil_wait = (node.gil_wait - old.gil_wait) / span,
        .gil_hold = (node.gil_hold - old.gil_hold) / span};
  }
  for (std::size_t i = 0; i < stats.edges.size(); ++i) {
    const auto& edge = stats.edges[i];
    const auto* const old = same(before.edges, edge, i);
    if (old == nullptr) continue;
    seen_.edge_rates[i].delivered = static_cast<double>(edge.delivered - old->delivered) / span;
    seen_.edge_rates[i].drops = divide_counts(edge.drops, old->drops, span);
    seen_.edge_rates[i].lost = grown_per_second(edge.lost, old->lost, span);
  }
}

void Sampler::judge(GilFindings gil) {
  auto& observer = core::get_observer(*core_);
  observer.follow(seen_.graph, std::move(gil));
  seen_.findings = observer.findings();
  const auto away = observer.away();
  seen_.away.clear();
  for (const auto& node : seen_.graph.stats.nodes) {
    const auto found = away.find(node.number);
    seen_.away.push_back(found != away.end() ? std::optional(found->second) : std::nullopt);
  }
}

void Sampler::extend_history(Time now) {
  constexpr std::chrono::seconds kStep(1);
  if (history_at_ && now - *history_at_ < kStep) return;
  // Stays on a one-second grid, unless samples were missed.
  history_at_ = history_at_ && now - *history_at_ < 2 * kStep ? *history_at_ + kStep : now;
  history_.time = seen_.time;
  history_.points = std::min(history_.points + 1, History::kPoints);
  const auto points = history_.points;
  const auto& stats = seen_.graph.stats;
  history_.edges.resize(stats.edges.size());
  history_.node_rates.resize(stats.nodes.size());
  for (std::size_t i = 0; i < stats.edges.size(); ++i) {
    auto& series = history_.edges[i];
    double dropped = 0;
    for (const auto& [cause, rate] : seen_.edge_rates[i].drops) dropped += rate;
    extend(series.rate, seen_.edge_rates[i].delivered, points);
    extend(series.dropped, dropped, points);
    extend(series.waiting, static_cast<double>(stats.edges[i].waiting), points);
    extend(series.age_p50, drop_unmeasured(stats.edges[i].age_p50), points);
  }
  const bool runs = seen_.graph.phase == core::LifePhase::Running;
  for (std::size_t i = 0; i < stats.nodes.size(); ++i) {
    const auto& rates = seen_.node_rates[i];
    extend(history_.node_rates[i], runs ? std::optional(rates.processed + rates.undecoded) : std::nullopt,
           points);
  }
}

}  // namespace freshframe::serve
