// Adding and removing edges and lanes, the end of sources, and when a batch is complete.
// SPDX-License-Identifier: Apache-2.0
#include "core/edge/lanes.hpp"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <utility>

namespace freshframe::core {
namespace {

auto find_lane(const Edge& edge, int source) {
  return std::ranges::find_if(edge.lanes, [source](const auto& lane) { return lane->source == source; });
}

void add_feed(Edge& edge, const SourceStream& stream) {
  const auto found = std::ranges::find(edge.feeds, stream.source, &Feed::source);
  auto& feed = found != edge.feeds.end() ? *found : edge.feeds.emplace_back(Feed{.source = stream.source});
  feed.begun = std::max(feed.begun, stream.begun);
  feed.reached = std::max(feed.reached, stream.reached);
  feed.ended = false;
}

// Returns false if the edge has no stream of the source that this change ends.
bool end_feed(Edge& edge, int source, Change upto) {
  const auto found = std::ranges::find(edge.feeds, source, &Feed::source);
  if (found == edge.feeds.end() || found->ended || upto < found->begun) return false;
  found->ended = true;
  return true;
}

}  // namespace

EdgeRef Lanes::add_edge(EdgeSetup options) {
  auto edge = std::make_shared<Edge>(std::move(options));
  edges_.push_back(edge);
  ++open_edges_;
  if (edge->options.sources.empty() || edge->options.joined) {
    add_lane(*edge, {});
  } else {
    for (const int source : edge->options.sources) add_lane(*edge, {.source = source});
  }
  number_lanes();
  return edge;
}

void Lanes::add_lane(Edge& edge, const SourceStream& stream) {
  auto lane = std::make_unique<Lane>();
  const auto& queue = edge.options.queue;
  lane->edge = &edge;
  lane->source = stream.source;
  lane->begun = stream.begun;
  lane->reached = stream.reached;
  lane->queue = queue;
  if (edge.options.max_age) lane->max_age = to_duration(Seconds(*edge.options.max_age));
  if (edge.options.max_rate) lane->rate.emplace(*edge.options.max_rate);
  lane->every = edge.options.every;
  lane->by_pts =
      stream.by_pts || std::ranges::find(edge.options.by_pts, stream.source) != edge.options.by_pts.end();
  lane->spare = edge.options.joined ? 1 : 0;  // a join adds the newest before it drops the oldest
  lane->ring.resize(static_cast<std::size_t>(std::max(1, queue.depth)) + lane->spare);
  room_.add(*lane);
  const auto place = std::lower_bound(edge.lanes.begin(), edge.lanes.end(), stream.source,
                                      [](const auto& each, int number) { return each->source < number; });
  edge.lanes.insert(place, std::move(lane));
}

void Lanes::number_lanes() {
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

void Lanes::add_source(Edge& edge, const SourceStream& stream) {
  const int source = stream.source;
  if (edge.gone) return;
  if (edge.options.only_source >= 0 && edge.options.only_source != source) return;
  if (edge.ended) {
    // The edge's only source was disconnected upstream and is back. A consumer without another edge has
    // already ended.
    if (edge.options.only_source < 0 || edge.closing || all_ended(false)) return;
    edge.ended = false;
    ++open_edges_;
  }
  if (edge.options.joined) {
    add_feed(edge, stream);
    open_lane(*edge.lanes.front());
    return;
  }
  const auto found = find_lane(edge, source);
  if (found == edge.lanes.end()) {
    add_lane(edge, stream);
    number_lanes();
    return;
  }
  Lane& lane = **found;
  lane.begun = std::max(lane.begun, stream.begun);
  lane.reached = std::max(lane.reached, stream.reached);
  open_lane(lane);
}

void Lanes::open_lane(Lane& lane) {
  if (!std::exchange(lane.ended, false)) return;
  room_.expect(lane, true);
  update_ready(lane);
}

void Lanes::end_lane(Lane& lane) {
  if (std::exchange(lane.ended, true)) return;
  room_.expect(lane, false);
  update_ready(lane);
  if (!lane.ready) finished_.push_back(lane.source);
}

void Lanes::end_edge(Edge& edge) {
  if (std::exchange(edge.ended, true)) return;
  --open_edges_;
  for (const auto& lane : edge.lanes) end_lane(*lane);
  for (auto& feed : edge.feeds) feed.ended = true;
}

void Lanes::end_edges(bool joins, bool keep_last) {
  for (const auto& edge : edges_) {
    const auto& options = edge->options;
    if (joins || (!options.events && !(keep_last && options.finishes))) end_edge(*edge);
  }
}

bool Lanes::end_source(Edge& edge, int source, Change upto) {
  if (edge.gone) return false;
  const auto found = find_lane(edge, source);
  if (edge.options.joined) {
    if (!end_feed(edge, source, upto)) return false;
  } else if (found == edge.lanes.end() || upto < (*found)->begun) {
    return false;
  }
  if (edge.options.only_source == source) {
    end_edge(edge);  // nothing else can arrive on it
  } else if (!edge.options.joined) {
    end_lane(**found);
  }
  return true;
}

void Lanes::empty_edge(Edge& edge, std::vector<AnySample>& dropped) {
  end_edge(edge);
  edge.gone = true;
  for (const auto& lane : edge.lanes) {
    drop_waiting(*lane, DropCause::Removed, dropped);
    lane->kept.lose_all(dropped);
    update_ready(*lane);
    if (lane->producer_waits) {  // the producer will find the edge removed and count nothing
      --waiting_producers_;
      ++lane->counts.passed_in;
      lane->drop(DropCause::Removed);
    }
  }
}

void Lanes::forget_edge(const EdgeRef& edge, bool closed) {
  std::erase(edges_, edge);
  number_lanes();
  for (const auto& left : edge->lanes) {
    if (left->source < 0) continue;
    bool elsewhere = false;
    for (Lane* const lane : lanes_) {
      if (lane->source != left->source) continue;
      lane->reached = std::max(lane->reached, left->reached);
      elsewhere = true;
    }
    if (!elsewhere && reports_gone_ && !closed) gone_.push_back({left->source, left->reached});
  }
  retire(closed);
}

void Lanes::retire(bool closed) {
  for (const int source : std::exchange(finished_, {})) {
    if (!closed && source >= 0) retire_source(source);
  }
}

void Lanes::retire_source(int source) {
  const auto is_of = [source](const auto& lane) { return lane->source == source; };
  GoneSource gone{source, 0};
  bool any = false;
  for (const Lane* const lane : lanes_) {
    if (!is_of(lane)) continue;
    // A producer that is waiting for room will still put its sample.
    if (!lane->ended || lane->ready || lane->producer_waits) return;
    gone.upto = std::max(gone.upto, lane->reached);
    any = true;
  }
  if (!any) return;
  for (const auto& edge : edges_) {
    for (const auto& lane : edge->lanes) {
      if (!is_of(lane)) continue;
      edge->past.passed_in += lane->counts.passed_in;
      edge->past.delivered += lane->counts.delivered;
      edge->past.events_lost += lane->kept.lost_count();
      for (std::size_t i = 0; i < lane->counts.drops.size(); ++i)
        edge->past.drops[i] += lane->counts.drops[i];
    }
    std::erase_if(edge->lanes, is_of);
  }
  number_lanes();
  add_gone(gone);
}

Lane* Lanes::choose_lane(const Edge& edge, const AnySample& sample) {
  const auto& lanes = edge.lanes;
  if (lanes.size() == 1 && (lanes.front()->source < 0 || lanes.front()->source == sample.stamp.source))
    return lanes.front().get();
  const auto found = std::lower_bound(lanes.begin(), lanes.end(), sample.stamp.source,
                                      [](const auto& lane, int source) { return lane->source < source; });
  return found != lanes.end() && (*found)->source == sample.stamp.source ? found->get() : nullptr;
}

void Lanes::turn_ready(Lane& lane) {
  lane.ready = !lane.ready;
  ready_bits_[lane.index / kBits] ^= std::uint64_t{1} << (lane.index % kBits);
  lane.ready ? ++ready_lanes_ : --ready_lanes_;
  if (!lane.ready && lane.ended) finished_.push_back(lane.source);
}

AnySample Lanes::evict(Lane& lane, DropCause cause) {
  const auto arrival = lane.ring[lane.head].arrival;
  AnySample sample;
  pop(lane, sample);
  lane.drop(cause);
  lane.kept.keep(arrival, sample);
  if (lane.size == 0) update_ready(lane);
  return sample;
}

void Lanes::drop_waiting(Lane& lane, DropCause cause, std::vector<AnySample>& dropped) {
  while (lane.size > 0) {
    pop(lane, dropped.emplace_back());
    lane.drop(cause);
  }
}

void Lanes::drop_at_stop(const EndOfStop& stop, Closing how, std::vector<AnySample>& dropped) {
  if (how == Closing::ForNew) return;
  for (Lane* const lane : lanes_) {
    if (how == Closing::ForEvents) {
      while (lane->size > 0) dropped.push_back(evict(*lane, stop.cause));
      continue;
    }
    drop_waiting(*lane, stop.cause, dropped);
    stop.hands_over ? lane->kept.lose_all(dropped) : lane->kept.clear(dropped);
    update_ready(*lane);
  }
}

void Gathering::hear(Lane& lane, TimePoint now) noexcept {
  constexpr int kWeight = 8;  // memory of the mean, in batches
  if (lane.heard && !lane.silent && now > *lane.heard) {
    const auto gap = now - *lane.heard;
    lane.interval =
        lane.interval == TimePoint::duration{} ? gap : lane.interval + (gap - lane.interval) / kWeight;
  }
  lane.silent = false;
  lane.heard = now;
}

void Gathering::leave_out_silent(std::span<Lane* const> lanes, TimePoint now, const Batch& batch) {
  constexpr int kIntervals = 3;
  const auto wait = to_duration(Seconds(batch.max_wait));
  if (wait <= TimePoint::duration{}) return;
  for (Lane* const lane : lanes) {
    if (!lane->expected || lane->size > 0) continue;
    if (lane->heard && now - *lane->heard < std::max(wait, kIntervals * lane->interval)) continue;
    lane->silent = true;
    room_.expect(*lane, false);
  }
}

bool Gathering::leave_out_unheard(std::span<Lane* const> lanes) {
  if (!active) return false;
  bool any = false;
  for (Lane* const lane : lanes) {
    if (!lane->expected || lane->size > 0 || lane->heard) continue;
    lane->silent = any = true;
    room_.expect(*lane, false);
  }
  return any;
}

}  // namespace freshframe::core
