// Rates over the last second, computed once for all viewers. SPDX-License-Identifier: Apache-2.0
#include "serve/observer.hpp"

#include <algorithm>
#include <utility>

namespace freshframe::serve {
namespace {

using std::chrono::duration;
using std::chrono::seconds;

double unix_time() {
  return duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

template <class Map>
auto rates_of(const Map& now, const Map& before, double span) {
  std::map<typename Map::key_type, double> rates;
  for (const auto& [cause, count] : now) {
    const auto known = before.find(cause);
    const auto old = known != before.end() ? known->second : 0;
    rates[cause] = static_cast<double>(count - std::min(old, count)) / span;
  }
  return rates;
}

// The newest point; what was not there from the beginning has none before.
void extend(Series& series, std::optional<double> point, std::size_t points) {
  while (series.size() + 1 < points) series.emplace_back();
  series.push_back(point);
  while (series.size() > points) series.pop_front();
}

}  // namespace

Observer::Observer(std::shared_ptr<PipelineCore> core, std::function<LockFindings()> lock_findings)
    : core_(std::move(core)), lock_findings_(std::move(lock_findings)) {
  constexpr double kDefaultLimit = 5.0;  // seconds, where stalls are not looked for
  seen_.pipeline = core_->options().name;
  seen_.still_limit = core_->options().stall_timeout.value_or(kDefaultLimit);
}

void Observer::look(Time now) {
  seen_.time = unix_time();
  seen_.overview = core_->overview();
  seen_.error = core_->errors().first_fatal();
  if (lock_findings_) seen_.lock = lock_findings_();
  compute_rates(now);
  follow_movement(now);
  extend_history(now);
  events_.follow(seen_, *core_);
}

void Observer::compute_rates(Time now) {
  const auto& stats = seen_.overview.stats;
  if (!looks_.empty() && (looks_.back().stats.edges.size() != stats.edges.size() ||
                          looks_.back().stats.nodes.size() != stats.nodes.size())) {
    looks_.clear();  // the graph grew, or it was started
  }
  constexpr auto kApart = std::chrono::milliseconds(50);  // however often somebody asks
  if (looks_.empty() || now - looks_.back().at >= kApart) looks_.push_back({now, stats});
  while (looks_.size() > 2 && now - looks_[1].at >= seconds(1)) looks_.pop_front();
  const auto& before = looks_.front().stats;
  const double span = duration<double>(now - looks_.front().at).count();
  seen_.node_rates.assign(stats.nodes.size(), {});
  seen_.edge_rates.assign(stats.edges.size(), {});
  if (span <= 0) return;
  for (std::size_t i = 0; i < stats.nodes.size(); ++i) {
    const auto& node = stats.nodes[i];
    const auto& old = before.nodes[i];
    seen_.node_rates[i] = {rates_of(node.drops, old.drops, span), (node.lock_wait - old.lock_wait) / span,
                           (node.lock_hold - old.lock_hold) / span};
  }
  for (std::size_t i = 0; i < stats.edges.size(); ++i) {
    const auto& edge = stats.edges[i];
    seen_.edge_rates[i].delivered = static_cast<double>(edge.delivered - before.edges[i].delivered) / span;
    seen_.edge_rates[i].drops = rates_of(edge.drops, before.edges[i].drops, span);
  }
}

void Observer::follow_movement(Time now) {
  std::uint64_t moved = 0;
  for (const auto& node : seen_.overview.stats.nodes) moved += node.processed;
  for (const auto& edge : seen_.overview.stats.edges) moved += edge.delivered;
  if (!moved_at_ || moved != moved_ || seen_.overview.phase != LifePhase::Running) moved_at_ = now;
  moved_ = moved;
  seen_.still = duration<double>(now - *moved_at_).count();
}

void Observer::extend_history(Time now) {
  if (history_at_ && now - *history_at_ < seconds(1)) return;
  // On a grid of seconds, unless looks were missed.
  history_at_ = history_at_ && now - *history_at_ < seconds(2) ? *history_at_ + seconds(1) : now;
  history_.time = seen_.time;
  history_.points = std::min(history_.points + 1, History::kPoints);
  const auto points = history_.points;
  const auto& stats = seen_.overview.stats;
  history_.edges.resize(stats.edges.size());
  history_.node_fps.resize(stats.nodes.size());
  for (std::size_t i = 0; i < stats.edges.size(); ++i) {
    auto& series = history_.edges[i];
    double dropped = 0;
    for (const auto& [cause, rate] : seen_.edge_rates[i].drops) dropped += rate;
    extend(series.rate, seen_.edge_rates[i].delivered, points);
    extend(series.dropped, dropped, points);
    extend(series.waiting, static_cast<double>(stats.edges[i].waiting), points);
    extend(series.age_p50, measured(stats.edges[i].age_p50), points);
  }
  const bool runs = seen_.overview.phase == LifePhase::Running;
  for (std::size_t i = 0; i < stats.nodes.size(); ++i) {
    extend(history_.node_fps[i], runs ? std::optional(stats.nodes[i].fps) : std::nullopt, points);
  }
}

}  // namespace freshframe::serve
