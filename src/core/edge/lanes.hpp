// The lanes of all edges into one consumer: what can be taken, whose turn it is, and which sources ended.
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

struct GoneSource {
  int source = -1;
  Change upto = 0;  // ends the streams started by this change or an earlier one
};

/// All edges of an inbox and their lanes. No locking: guarded by the inbox's mutex. Does not wake threads,
/// and hands dropped samples to the caller, which destroys them without the mutex.
///
/// Note [Lanes]
/// Results of several cameras arrive at an edge in bursts, since a batch produces one sample of each at the
/// same time. In a shared queue the last camera would evict the others. So an edge that several sources can
/// reach has a lane for each of them, a queue with the edge's policy, and the consumer takes samples
/// round-robin from all lanes of all edges.
///
/// Note [The end of a source]
/// The end of a source travels through the graph behind its samples. When all of a node's lanes for that
/// source have ended and are empty, the node is notified on its own thread, after its last call. It then ends
/// the source on its outputs: immediately, or after one more tick if it emits final results of the source
/// then. So downstream of a merge a lane ends with its source rather than with the merge, no batch waits for
/// a camera that has ended, and nodes can free what they keep for it.
///
/// Lanes must exist before the first sample: if they were created by it, a node could be notified of the end
/// while samples are still on another path to it. So when a source is connected (Pipeline::connect()),
/// add_source() starts its stream on all edges downstream, those farthest downstream first, before any of its
/// samples arrive. Each stream has the number of the change to the graph that started it, and an end says up
/// to which change it applies. So if a source is disconnected and connected again, the late end of the first
/// stream does not end the second.
class Lanes {
 public:
  explicit Lanes(Room& room) noexcept : room_(room) {}

  // ---- adding and removing edges and lanes
  EdgeRef add_edge(EdgeSetup options);
  void add_source(Edge& edge, const SourceStream& stream);
  void end_edge(Edge& edge);
  /// Ends all edges except those whose parent may still put samples that pass: edges with events and, with
  /// `keep_last`, those of parents with final results. With a join, ends all.
  void end_edges(bool joins, bool keep_last);
  /// Ends a source's stream on an edge. Returns false if the edge has no stream of the source that `upto`
  /// applies to.
  bool end_source(Edge& edge, int source, Change upto);
  /// First half of a removal: ends the edge and drops its samples, including the sample of a producer that is
  /// waiting for room.
  void empty_edge(Edge& edge, std::vector<AnySample>& dropped);
  /// Second half: forgets the edge and its lanes.
  void forget_edge(const EdgeRef& edge, bool closed);
  /// Removes the lanes of sources that have ended, unless the inbox is closed: then the consumer ends anyway.
  void retire(bool closed);
  /// Sets whether the inbox stays open without any (open) edge. Returns false if the node has already been
  /// notified of the end, which is final.
  bool stay_open(bool stays) noexcept {
    stays_open_ = stays && !told_end_;
    return !told_end_;
  }
  /// False while a producer waits for room, even on an ended edge: it will still put its sample.
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

  // ---- notifying the consumer
  void report_gone() noexcept { reports_gone_ = true; }
  /// Records that a node has been notified of the end; it then accepts nothing more.
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
  /// Removes the oldest sample and counts it as dropped, but keeps its events.
  AnySample evict(Lane& lane, DropCause cause);
  void drop_waiting(Lane& lane, DropCause cause, std::vector<AnySample>& dropped);
  void drop_at_stop(const EndOfStop& stop, Closing how, std::vector<AnySample>& dropped);
  /// Call whenever what can be taken from the lane has changed.
  void update_ready(Lane& lane) {
    const bool ready = lane.size > 0 || lane.owes_events();
    if (ready != lane.ready) turn_ready(lane);
  }
  [[nodiscard]] bool any_ready() const noexcept { return ready_lanes_ > 0; }
  [[nodiscard]] bool any_finished() const noexcept { return !finished_.empty(); }
  /// Returns the next lane in turn that has something to take. There must be one.
  [[nodiscard]] Lane& next_ready() const noexcept {
    auto word = next_lane_ / kBits;
    auto bits = ready_bits_[word] & (~std::uint64_t{0} << (next_lane_ % kBits));
    while (bits == 0) {
      word = word + 1 == ready_bits_.size() ? 0 : word + 1;
      bits = ready_bits_[word];
    }
    return *lanes_[word * kBits + static_cast<std::size_t>(std::countr_zero(bits))];
  }
  /// Returns the lane with the most recently captured sample; with equal times, the next in turn. If no lane
  /// has a sample, the next one with events to deliver. At least one lane must be ready.
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
  void pass_turn(const Lane& lane) noexcept {
    const auto next = lane.index + 1 == lanes_.size() ? 0 : lane.index + 1;
    if (next_lane_ != next) next_lane_ = next;
  }
  [[nodiscard]] std::span<Lane* const> all() const noexcept { return lanes_; }
  [[nodiscard]] const std::vector<EdgeRef>& edges() const noexcept { return edges_; }

 private:
  static constexpr std::size_t kBits = 64;

  void add_lane(Edge& edge, const SourceStream& stream);
  /// Renumbers the lanes, which also forgets removed ones.
  void number_lanes();
  void end_lane(Lane& lane);
  void open_lane(Lane& lane);
  void turn_ready(Lane& lane);
  void retire_source(int source);

  // Written when a lane becomes empty or stops being empty: one cache line.
  std::vector<Lane*> lanes_;
  std::vector<std::uint64_t> ready_bits_;  // Lane::ready of each lane, one bit per lane
  std::size_t ready_lanes_ = 0;
  std::size_t next_lane_ = 0;
  // Written only by waits and changes.
  Room& room_;
  std::vector<EdgeRef> edges_;
  std::vector<int> finished_;     // sources whose lanes have ended and are empty
  std::vector<GoneSource> gone_;  // sources that have ended and are not yet reported to the consumer
  std::size_t open_edges_ = 0;
  std::size_t waiting_producers_ = 0;  // producers that wait for room, on edges that have not been removed
  bool stays_open_ = false;
  bool told_end_ = false;
  bool reports_gone_ = false;
  bool woken_ = false;
};

// Like assignment, at half the cost: `place` is usually empty.
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
