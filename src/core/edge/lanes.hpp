// The lanes of all edges into one consumer: what can be taken, whose turn it is, which sources have gone.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/queue.hpp"
#include "freshframe/sample.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "core/edge/edge.hpp"
#include "core/edge/end_of_stop.hpp"
#include "core/edge/room.hpp"

namespace freshframe::core {

/// A source that has ended.
struct GoneSource {
  int source = -1;
  Change upto = 0;  // the end holds for streams that this change or an earlier one began
};

/// All edges of an inbox with their lanes. It knows of no lock: the inbox's mutex guards it. Samples that it drops
/// are handed to the caller, who destroys them without the mutex, and it wakes no thread.
///
/// Note [Lanes]
/// Results of several cameras arrive at an edge in bursts: one batch puts one sample of each. A queue for all
/// of them would let the last camera evict the others. So an edge that several sources can reach has a lane
/// for each, a queue with the edge's policy, and the consumer takes from all lanes of all edges in turn.
///
/// Note [The end of a source]
/// The end of a source travels through the graph after its samples. A node whose lanes of that source have all
/// ended and are empty is notified on its own thread, after its last call, and then ends the source on its outputs:
/// at once, or after one more tick of a node that gives its last results of the source then. So below a merge a lane
/// ends with its source and not with the merge, a batch waits for no camera that has ended, and nodes can drop what
/// they keep for one. Lanes do not appear with the first sample, or a node would learn of the end while samples are
/// still on another way to it: add_source() begins the streams of all edges below a new connection, beginning with
/// the edges of the last nodes, before its first sample. Each has the number of the change, and an end says up to
/// which change it holds: the late end of an earlier connection does not end the stream of a later one.
class Lanes {
 public:
  explicit Lanes(Room& room) noexcept : room_(room) {}

  // ---- edges and lanes come and go
  EdgeRef add_edge(EdgeOptions options);
  /// Begins the stream of a source on an edge, or begins it again.
  void add_source(Edge& edge, const SourceStream& stream);
  void end_edge(Edge& edge);
  /// The edges whose parent may still put samples that pass stay open until it ends: edges with events and, with
  /// `keep_last`, with last results. A join has no such edges.
  void end_edges(bool joins, bool keep_last);
  /// Ends the stream of a source on the edge; false means it has none that this change ends.
  bool end_source(Edge& edge, int source, Change upto);
  /// The first half of a removal: the edge ends, its samples are dropped, and so is the one of a producer that
  /// waits for room there.
  void empty_edge(Edge& edge, std::vector<AnySample>& dropped);
  /// The second half: the edge goes with its lanes.
  void forget_edge(const EdgeRef& edge, bool closed);
  /// Removes the lanes of sources that have ended. After a close the consumer ends, and with it all streams.
  void retire(bool closed);
  /// Whether there is no end as long as there are no edges, or none that is open. Returns false when a node has been
  /// told of the end, which stays.
  bool stay_open(bool stays) noexcept {
    stays_open_ = stays && !told_end_;
    return !told_end_;
  }
  /// A producer that waits for room on an edge that was ended meanwhile still puts its sample.
  [[nodiscard]] bool all_ended(bool closed) const noexcept {
    return open_edges_ == 0 && (closed || (!stays_open_ && waiting_producers_ == 0));
  }
  void begin_wait(Lane& lane) noexcept {
    lane.producer_waits = true;
    ++waiting_producers_;
  }
  void end_wait(Lane& lane) noexcept {
    lane.producer_waits = false;
    if (!lane.edge->gone) --waiting_producers_;
  }

  // ---- what the consumer learns
  void report_gone() noexcept { reports_gone_ = true; }
  /// The consumer knows that all has ended: a node takes nothing more.
  void tell_end() noexcept { told_end_ = reports_gone_; }
  void add_gone(const GoneSource& gone) {
    if (reports_gone_) gone_.push_back(gone);
  }
  void wake() noexcept { woken_ = true; }
  [[nodiscard]] bool has_news() const noexcept { return woken_ || !gone_.empty(); }
  [[nodiscard]] std::vector<GoneSource> take_gone() noexcept {
    woken_ = false;
    return std::exchange(gone_, {});
  }

  // ---- samples
  /// Returns null if the edge has no lane for the sample.
  [[nodiscard]] static Lane* choose_lane(const Edge& edge, const AnySample& sample);
  void push(Lane& lane, AnySample&& sample);
  void pop(Lane& lane, AnySample& sample);
  /// Pops the oldest sample and counts its drop; its events stay.
  AnySample evict(Lane& lane, DropCause cause);
  void drop_waiting(Lane& lane, DropCause cause, std::vector<AnySample>& dropped);
  void drop_at_stop(const EndOfStop& stop, Closing how, std::vector<AnySample>& dropped);
  /// After each change of what can be taken from the lane.
  void update_ready(Lane& lane) {
    const bool ready = lane.size > 0 || lane.owes_events();
    if (ready != lane.ready) turn_ready(lane);
  }
  [[nodiscard]] bool any_ready() const noexcept { return ready_lanes_ > 0; }
  [[nodiscard]] bool any_finished() const noexcept { return !finished_.empty(); }
  /// The next lane in turn from which something can be taken; there must be one.
  [[nodiscard]] Lane& next_ready() const noexcept {
    auto word = next_lane_ / kBits;
    auto bits = ready_bits_[word] & (~std::uint64_t{0} << (next_lane_ % kBits));
    while (bits == 0) {
      word = word + 1 == ready_bits_.size() ? 0 : word + 1;
      bits = ready_bits_[word];
    }
    return *lanes_[word * kBits + static_cast<std::size_t>(std::countr_zero(bits))];
  }
  /// The lane with the newest sample by its capture, of equal ones the next in turn. Without a waiting sample, the next
  /// lane that owes events. One of them must be ready.
  [[nodiscard]] Lane& newest_ready() const noexcept {
    Lane* newest = nullptr;
    for (std::size_t i = 0; ready_lanes_ > 1 && i < lanes_.size(); ++i) {
      const auto index = next_lane_ + i;
      Lane* const lane = lanes_[index < lanes_.size() ? index : index - lanes_.size()];
      if (lane->size == 0) continue;
      if (newest == nullptr || lane->last().stamp.captured > newest->last().stamp.captured) newest = lane;
    }
    return newest != nullptr ? *newest : next_ready();
  }
  /// The turn goes on after the lane.
  void pass_turn(const Lane& lane) noexcept {
    const auto next = lane.index + 1 == lanes_.size() ? 0 : lane.index + 1;
    if (next_lane_ != next) next_lane_ = next;
  }
  [[nodiscard]] std::span<Lane* const> all() const noexcept { return lanes_; }
  [[nodiscard]] const std::vector<EdgeRef>& edges() const noexcept { return edges_; }

 private:
  static constexpr std::size_t kBits = 64;

  void add_lane(Edge& edge, const SourceStream& stream);
  /// Forgets lanes that their edge no longer has, or that belong to an edge that goes.
  void number_lanes();
  void end_lane(Lane& lane);
  void open_lane(Lane& lane);
  void turn_ready(Lane& lane);
  void retire_source(int source);

  // Written when a lane becomes empty, and when it no longer is: one cache line.
  std::vector<Lane*> lanes_;               // lanes of all edges
  std::vector<std::uint64_t> ready_bits_;  // a bit for each lane: Lane::ready
  std::size_t ready_lanes_ = 0;
  std::size_t next_lane_ = 0;  // the next lane of the round-robin
  // Written by waits and changes only.
  Room& room_;
  std::vector<EdgeRef> edges_;
  std::vector<int> finished_;          // sources of lanes that ended and are empty
  std::vector<GoneSource> gone_;       // to be reported to the consumer
  std::size_t open_edges_ = 0;         // edges that have not ended
  std::size_t waiting_producers_ = 0;  // for room, on edges that are not gone
  bool stays_open_ = false;
  bool told_end_ = false;
  bool reports_gone_ = false;
  bool woken_ = false;  // by wake()
};

// Does what an assignment does at half the cost: `place` usually holds nothing.
inline void move_to(AnySample& place, AnySample&& sample) noexcept {
  std::destroy_at(&place);
  std::construct_at(&place, std::move(sample));
}

inline void Lanes::pop(Lane& lane, AnySample& sample) {
  move_to(sample, std::move(lane.ring[lane.head].sample));
  if (lane.queue.max_bytes) lane.units -= static_cast<std::int64_t>(lane.ring[lane.head].units);
  lane.head = lane.head + 1 == lane.ring.size() ? 0 : lane.head + 1;
  --lane.size;
  if (lane.queue.max_seconds) lane.seconds = lane.size > 0 ? lane.seconds - lane.ring[lane.head].seconds : 0;
  room_.count_out(lane);
  if (lane.size == 0) update_ready(lane);
}

inline void Lanes::push(Lane& lane, AnySample&& sample) {
  auto slot = lane.head + lane.size;
  if (slot >= lane.ring.size()) slot -= lane.ring.size();
  auto& place = lane.ring[slot];
  if (lane.queue.max_bytes) {
    const auto units = picture_units(sample);
    place.units = units & Queued::kMostUnits;
    lane.units += units;
  }
  if (lane.queue.max_seconds) {
    place.seconds = lane.size > 0 ? lane.seconds_before(sample) : 0;
    lane.seconds += place.seconds;
    lane.newest = sample.stamp.captured;
  }
  move_to(place.sample, std::move(sample));
  place.arrival = lane.counts.passed_in & Queued::kMostArrivals;
  if (!lane.expected && !lane.ended) room_.expect(lane, true);
  ++lane.size;
  room_.count_in(lane);
  update_ready(lane);
}

}  // namespace freshframe::core
