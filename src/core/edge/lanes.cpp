// Edges and lanes that come and go while samples flow, and the end of a source.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "core/edge/inbox.hpp"

namespace freshframe::core {

EdgeRef Inbox::add_edge(EdgeOptions options) {
  auto edge = std::make_shared<Edge>(std::move(options));
  const Lock lock(mutex_);
  edges_.push_back(edge);
  ++open_edges_;
  if (edge->options.sources.empty() || edge->options.joined) {
    add_lane_locked(*edge, {});
  } else {
    for (const int source : edge->options.sources) add_lane_locked(*edge, {.source = source});
  }
  number_lanes_locked();
  return edge;
}

void Inbox::add_lane_locked(Edge& edge, const SourceStream& stream) {
  auto lane = std::make_unique<Lane>();
  const auto& queue = edge.options.queue;
  lane->edge = &edge;
  lane->source = stream.source;
  lane->begun = stream.begun;
  lane->reached = stream.reached;
  lane->queue = queue;
  if (edge.options.max_age) lane->max_age = to_duration(Seconds(*edge.options.max_age));
  if (edge.options.max_rate) lane->rate.emplace(*edge.options.max_rate);
  lane->by_pts =
      stream.by_pts || std::ranges::find(edge.options.by_pts, stream.source) != edge.options.by_pts.end();
  lane->spare = edge.options.joined ? 1 : 0;  // the newest comes in before the oldest is dropped
  lane->ring.resize(static_cast<std::size_t>(std::max(1, queue.depth)) + lane->spare);
  room_ += lane->ring.size();
  const auto place = std::lower_bound(edge.lanes.begin(), edge.lanes.end(), stream.source,
                                      [](const auto& each, int of) { return each->source < of; });
  edge.lanes.insert(place, std::move(lane));
}

void Inbox::number_lanes_locked() {
  constexpr std::size_t kBits = 64;
  lanes_.clear();
  for (const auto& edge : edges_) {
    for (const auto& lane : edge->lanes) {
      lane->index = lanes_.size();
      lanes_.push_back(lane.get());
    }
  }
  ready_bits_.assign((lanes_.size() + kBits - 1) / kBits, 0);
  ready_lanes_ = 0;
  for (const Lane* const lane : lanes_) {
    if (!lane->ready) continue;
    ++ready_lanes_;
    ready_bits_[lane->index / kBits] |= std::uint64_t{1} << (lane->index % kBits);
  }
  if (next_lane_ >= lanes_.size()) next_lane_ = 0;
}

Lane* Inbox::lane_of(const Edge& edge, const AnySample& sample) {
  const auto& lanes = edge.lanes;
  if (lanes.size() == 1 && (lanes.front()->source < 0 || lanes.front()->source == sample.stamp.source))
    return lanes.front().get();
  const auto found = std::lower_bound(lanes.begin(), lanes.end(), sample.stamp.source,
                                      [](const auto& lane, int source) { return lane->source < source; });
  return found != lanes.end() && (*found)->source == sample.stamp.source ? found->get() : nullptr;
}

void Inbox::update_ready_locked(Lane& lane) {
  constexpr std::size_t kBits = 64;
  const bool ready = lane.size > 0 || lane.owes_events();
  if (ready == lane.ready) return;
  lane.ready = ready;
  ready_bits_[lane.index / kBits] ^= std::uint64_t{1} << (lane.index % kBits);
  ready ? ++ready_lanes_ : --ready_lanes_;
  if (!ready && lane.ended) finished_.push_back(lane.source);
}

void Inbox::end_lane_locked(Lane& lane) {
  if (std::exchange(lane.ended, true)) return;
  expect_locked(lane, false);
  update_ready_locked(lane);
  if (!lane.ready) finished_.push_back(lane.source);
}

void Inbox::end_edge_locked(Edge& edge) {
  if (std::exchange(edge.ended, true)) return;
  --open_edges_;
  for (const auto& lane : edge.lanes) end_lane_locked(*lane);
}

// After close() the consumer ends, and with it all streams.
void Inbox::retire_locked() {
  for (const int source : std::exchange(finished_, {})) {
    if (!closed_ && source >= 0) retire_source_locked(source);
  }
}

void Inbox::retire_source_locked(int source) {
  const auto is_of = [source](const auto& lane) { return lane->source == source; };
  GoneSource gone{source, 0};
  bool any = false;
  for (const Lane* const lane : lanes_) {
    if (!is_of(lane)) continue;
    if (!lane->ended || lane->ready || lane->producer_waits) return;  // one that waits still puts its sample
    gone.upto = std::max(gone.upto, lane->reached);
    any = true;
  }
  if (!any) return;
  for (const auto& edge : edges_) {
    for (const auto& lane : edge->lanes) {
      if (!is_of(lane)) continue;
      edge->past.passed_in += lane->counts.passed_in;
      edge->past.delivered += lane->counts.delivered;
      edge->past.events_lost += lane->kept.lost();
      for (std::size_t i = 0; i < lane->counts.drops.size(); ++i)
        edge->past.drops[i] += lane->counts.drops[i];
    }
    std::erase_if(edge->lanes, is_of);
  }
  number_lanes_locked();
  if (reports_gone_) gone_.push_back(gone);
}

void Inbox::drop_waiting_locked(Lane& lane, DropCause cause, std::vector<AnySample>& dropped) {
  while (lane.size > 0) {
    pop_locked(lane, dropped.emplace_back());
    drop_locked(lane, cause);
  }
}

EdgeStats Inbox::remove_edge(const EdgeRef& edge) {
  std::vector<AnySample> dropped;  // destroyed without the mutex
  std::vector<EdgeRef> retired;
  std::shared_ptr<const std::function<void()>> hook;
  EdgeStats stats;
  {
    const Lock lock(mutex_);
    if (edge->gone) return {};
    if (joins_) forget_part_locked(*edge, dropped);
    end_edge_locked(*edge);
    edge->gone = true;
    std::vector<GoneSource> left;
    for (const auto& lane : edge->lanes) {
      drop_waiting_locked(*lane, DropCause::Removed, dropped);
      lane->kept.lose_all(dropped);
      update_ready_locked(*lane);
      if (lane->producer_waits) {  // it finds the edge gone, and counts nothing
        --waiting_producers_;
        ++lane->counts.passed_in;
        drop_locked(*lane, DropCause::Removed);
      }
      if (lane->source >= 0) left.push_back({lane->source, lane->reached});
    }
    edge->room.notify_all();
    if (joins_) end_part_locked(*edge, dropped);
    stats = counts_locked(*edge);
    std::erase(edges_, edge);
    number_lanes_locked();
    for (const auto& gone : left) {
      bool elsewhere = false;
      for (Lane* const lane : lanes_) {
        if (lane->source != gone.source) continue;
        lane->reached = std::max(lane->reached, gone.upto);
        elsewhere = true;
      }
      if (!elsewhere && reports_gone_ && !closed_) gone_.push_back(gone);
    }
    retire_locked();
    if (!finishing_.load(std::memory_order_acquire)) retired.swap(retired_);
    retired_.push_back(edge);
    moved();
    hook = hook_;
  }
  describe(*edge, stats, Span::WholeRun, clock_->now());
  ready_.notify_all();
  if (hook) (*hook)();
  return stats;
}

void Inbox::add_source(Edge& edge, const SourceStream& stream) {
  const int source = stream.source;
  const Lock lock(mutex_);
  if (edge.gone || edge.ended || edge.options.joined) return;
  if (edge.options.only_source >= 0 && edge.options.only_source != source) return;
  const auto found = std::find_if(edge.lanes.begin(), edge.lanes.end(),
                                  [&](const auto& lane) { return lane->source == source; });
  if (found == edge.lanes.end()) {
    add_lane_locked(edge, stream);
    number_lanes_locked();
    return;
  }
  Lane& lane = **found;
  lane.begun = std::max(lane.begun, stream.begun);
  lane.reached = std::max(lane.reached, stream.reached);
  if (!std::exchange(lane.ended, false)) return;
  expect_locked(lane, true);
  update_ready_locked(lane);
}

bool Inbox::is_over(const Edge& edge) const {
  const Lock lock(mutex_);
  return edge.ended &&
         std::ranges::none_of(edge.lanes, [](const auto& lane) { return lane->ready || lane->in_sets > 0; });
}

void Inbox::close_edge(Edge& edge) {
  const Lock lock(mutex_);
  edge.closing = true;
  moved();
  edge.room.notify_all();
}

void Inbox::drop_source(int source) {
  std::vector<AnySample> dropped;  // destroyed without the mutex
  std::shared_ptr<const std::function<void()>> hook;
  {
    const Lock lock(mutex_);
    for (Lane* const lane : lanes_) {
      if (lane->source != source) continue;
      drop_waiting_locked(*lane, DropCause::Removed, dropped);
      lane->edge->room.notify_all();
    }
    retire_locked();
    moved();
    hook = hook_;
  }
  ready_.notify_all();
  if (hook) (*hook)();
}

void Inbox::stay_open(bool stays) {
  {
    const Lock lock(mutex_);
    stays_open_ = stays;
    moved();
  }
  ready_.notify_all();
}

void Inbox::wake() {
  std::shared_ptr<const std::function<void()>> hook;
  {
    const Lock lock(mutex_);
    woken_ = true;
    moved();
    hook = hook_;
  }
  ready_.notify_all();
  if (hook) (*hook)();
}

std::vector<GoneSource> Inbox::take_gone() {
  const Lock lock(mutex_);
  woken_ = false;
  return std::exchange(gone_, {});
}

void Inbox::end(Edge& edge) {
  std::vector<AnySample> dropped;  // destroyed without the mutex
  std::shared_ptr<const std::function<void()>> hook;
  {
    const Lock lock(mutex_);
    if (edge.gone) return;
    end_edge_locked(edge);
    if (joins_) end_part_locked(edge, dropped);
    retire_locked();
    moved();
    hook = hook_;
  }
  ready_.notify_all();
  if (hook) (*hook)();
}

void Inbox::end(Edge& edge, int source, Change upto) {
  if (edge.options.joined) {  // all that comes is of one source
    if (edge.options.only_source < 0 || edge.options.only_source == source) end(edge);
    return;
  }
  std::shared_ptr<const std::function<void()>> hook;
  {
    const Lock lock(mutex_);
    const auto found = std::find_if(edge.lanes.begin(), edge.lanes.end(),
                                    [&](const auto& lane) { return lane->source == source; });
    if (edge.gone || found == edge.lanes.end() || upto < (*found)->begun) return;
    if (edge.options.only_source == source) {
      end_edge_locked(edge);  // nothing else can come on it
    } else {
      end_lane_locked(**found);
    }
    retire_locked();
    moved();
    hook = hook_;
  }
  ready_.notify_all();
  if (hook) (*hook)();
}

}  // namespace freshframe::core
