// Edge, a connection from a parent to a consumer's inbox, and its lanes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"
#include "freshframe/mutex.hpp"
#include "freshframe/queue.hpp"
#include "freshframe/sample.hpp"
#include "freshframe/stats.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/edge/adaptive_spin.hpp"
#include "core/edge/kept_events.hpp"
#include "core/edge/rate.hpp"

namespace freshframe::core {

struct Edge;

/// Number of a change to the graph; later changes have greater numbers. See Note [The end of a source].
using Change = std::int64_t;

/// An edge that is about to be added. Its queue has been chosen, if EdgeOptions left it open.
struct EdgeSetup {
  int parent = -1;
  std::string parent_name;
  Queue queue;
  std::optional<double> max_age = {};  // this and the next two: see EdgeOptions
  std::optional<double> max_rate = {};
  std::int64_t every = 1;
  std::vector<int> by_pts = {};   // sources whose rate is measured by pts instead of `captured`
  std::vector<int> sources = {};  // sources that can reach the edge now, ascending; empty for a single lane
  std::string only = {};          // name of the only source that may pass; empty for all
  bool events = false;            // values of the parent's type can contain events
  bool finishes = false;          // the parent may emit final results after a stop
  bool recorded = false;          // whether the consumer is a recorder
  std::string way_to_be_faster = {};  // for a recorder, see NodeContract::way_to_be_faster
  int only_source = -1;
  bool joined = false;  // whether the consumer has a join: a single lane for all sources
  std::int64_t number = -1;
};

/// A stream of samples from a source on an edge. Connecting a node upstream (Pipeline::connect()) may start a
/// new one.
struct SourceStream {
  int source = -1;
  Change begun = 0;     // the change that started it; the end of an earlier stream does not apply to it
  Change reached = 0;   // the source's end applies to all streams started up to this change
  bool by_pts = false;  // `max_rate` is measured by pts
};

/// A source's stream on an edge of a join, where all sources share one lane.
struct Feed {
  int source = -1;
  Change begun = 0;  // see SourceStream
  Change reached = 0;
  bool ended = false;
};

/// Counters of a lane, or the sum of an edge's former lanes.
struct EdgeCounts {
  std::uint64_t passed_in = 0;
  std::uint64_t delivered = 0;
  std::array<std::uint64_t, kDropCauses> drops{};
  std::uint64_t events_lost = 0;
};

/// Producer and consumer threads write for every sample. Keeping that apart from data that is only read
/// avoids false sharing.
inline constexpr std::size_t kCacheLine = 64;

/// A sample in a queue. Aligned so that no two of them share a cache line.
struct alignas(kCacheLine) Queued {
  static constexpr std::uint32_t kMostUnits = (std::uint32_t{1} << 24) - 1;
  static constexpr std::uint64_t kMostArrivals = (std::uint64_t{1} << 40) - 1;

  AnySample sample;
  std::uint64_t arrival : 40 = 0;  // passed_in at the sample's arrival
  // Size of the sample's frame on arrival, in picture_units(). Stored, because a frame grows whenever another
  // consumer converts it to a new format.
  std::uint64_t units : 24 = 0;
  double seconds = 0;  // seconds since the previous sample, see Lane::seconds
};
static_assert(sizeof(Queued) == 2 * kCacheLine);

/// Returns the size of the sample's frame in units of 64 bytes, rounded up, at most 1 GiB.
inline std::uint32_t picture_units(const AnySample& sample) noexcept {
  if (!sample.frame) return 0;
  return static_cast<std::uint32_t>(
      std::min<std::size_t>((sample.frame.size_bytes() + 63) / 64, Queued::kMostUnits));
}

/// The queue of one source, or of all sources, on an edge. Guarded by the inbox's mutex.
struct Lane {
  Edge* edge = nullptr;
  int source = -1;   // -1: all sources
  Change begun = 0;  // the change that last started this source's stream
  /// The last change that started this source's stream at this consumer, even on an edge removed since.
  Change reached = 0;
  std::size_t index = 0;  // position in the inbox's list of lanes
  Queue queue;
  std::optional<TimePoint::duration> max_age;
  std::optional<Rate> rate;
  std::int64_t every = 1;       // see EdgeSetup
  std::int64_t until_next = 0;  // samples to leave out until the next one that passes
  bool by_pts = false;          // `rate` is measured by pts
  std::vector<Queued> ring;
  std::size_t spare = 0;  // slots beyond the queue's depth, which a join needs
  // Total size of the queued frames, in Queued::units. Only maintained if the queue has max_bytes.
  std::int64_t units = 0;
  // Time span of the queued samples. Only maintained if the queue has max_seconds. The time of samples
  // dropped because the queue was full is excluded; otherwise it would stay full until it was empty, and lose
  // samples in blocks.
  double seconds = 0;
  TimePoint newest{};  // `captured` of the last sample that arrived, even if it was dropped
  KeptEvents kept;

  // ---- if the consumer gathers batches
  std::optional<TimePoint> heard = {};  // time of the last batch with a sample from this lane
  TimePoint::duration interval{};       // mean time between batches with such a sample, not counting silences

  // ---- written for every sample: one cache line, including the first two counters
  alignas(kCacheLine) std::size_t head = 0;
  std::size_t size = 0;
  std::size_t in_sets = 0;  // number of queued samples that are part of a join's set
  AdaptiveSpin spin;        // of the producer
  bool ended = false;
  bool ready = false;  // whether there is a sample or an event to take
  bool producer_waits = false;
  bool producer_asleep = false;  // the producer sleeps and has not been woken yet
  bool expected = true;          // batches wait for this lane: it has not ended and is not silent
  // The lane was left out of a batch, and no batch since has a sample from it.
  bool silent = false;
  std::uint64_t dropped_since = 0;  // samples dropped since the last one that was delivered
  EdgeCounts counts;

  /// Returns true if a tick of `rate` is used up only when the consumer takes the sample, because until then
  /// a newer one may replace it. In deeper queues it is used up when the sample arrives.
  [[nodiscard]] bool ticks_when_taken() const noexcept {
    return queue.depth <= 1 && queue.when_full == WhenFull::DropOldest;
  }
  /// The stream has ended, but events of dropped samples are still to be delivered.
  [[nodiscard]] bool owes_events() const noexcept { return ended && size == 0 && !kept.empty(); }
  /// Returns the newest queued sample. There must be one.
  [[nodiscard]] const AnySample& last() const noexcept {
    const auto place = head + size - 1;
    return ring[place < ring.size() ? place : place - ring.size()].sample;
  }
  [[nodiscard]] bool full() const noexcept { return size + in_sets + spare >= ring.size(); }
  /// Like full(), but also checks the limits in seconds and bytes.
  [[nodiscard]] bool full_for(const AnySample& next) const noexcept {
    if (full()) return true;
    if (size == 0) return false;
    if (queue.max_bytes && 64 * (units + picture_units(next)) > *queue.max_bytes) return true;
    return queue.max_seconds && seconds + seconds_before(next) > *queue.max_seconds;
  }
  void drop(DropCause cause) noexcept {
    ++counts.drops[static_cast<std::size_t>(cause)];
    ++dropped_since;
  }
  /// Returns the sample's time that `rate` is measured by.
  [[nodiscard]] double rate_time(const AnySample& sample) const noexcept {
    return by_pts ? sample.stamp.pts : Seconds(sample.stamp.captured.time_since_epoch()).count();
  }
  /// Returns true if `every` and `rate` let the sample pass. Call once for each sample.
  [[nodiscard]] bool lets_pass(const AnySample& sample) noexcept {
    if (every > 1 && is_left_out()) return false;
    if (!rate) return true;
    const auto time = rate_time(sample);
    if (!rate->reach_tick(time)) return false;
    if (!ticks_when_taken()) rate->use(time);
    return true;
  }
  /// Counts the sample for `every`. Called only if `every` is set: the counter shares a cache line with data
  /// that the consumer reads, so that writing it for every sample makes a queued hop 1.2 times slower.
  [[nodiscard]] bool is_left_out() noexcept {
    if (until_next == 0) {
      until_next = every - 1;
      return false;
    }
    --until_next;
    return true;
  }
  /// Returns the drop cause for a queued sample that `next` replaces.
  [[nodiscard]] DropCause replaced_by(const AnySample& next) noexcept {
    const bool by_rate = rate && ticks_when_taken() && !rate->misses(rate_time(next));
    return by_rate ? DropCause::Rate : DropCause::QueueFull;
  }
  /// Returns the seconds between the newest sample and `next`.
  [[nodiscard]] double seconds_before(const AnySample& next) const noexcept {
    return std::max(0.0, Seconds(next.stamp.captured - newest).count());
  }
};

/// Created by Inbox::add_edge(). Shared by producer and inbox.
struct Edge {
  explicit Edge(EdgeSetup given) : options(std::move(given)) {}

  /// Returns true if any source still sends samples on this edge. For a join.
  [[nodiscard]] bool is_fed() const noexcept {
    return std::ranges::any_of(feeds, [](const Feed& each) { return !each.ended; });
  }

  const EdgeSetup options;
  Timings age;  // ages of the samples; recorded by the consumer

  // ---- guarded by the inbox's mutex
  std::vector<std::unique_ptr<Lane>> lanes;  // sorted by source
  EdgeCounts past;                           // counters of removed lanes
  bool ended = false;                        // whether the producer has sent its last sample
  bool gone = false;                         // whether the edge was removed and accepts nothing more
  bool closing = false;                      // accepts nothing more, but queued samples can still be taken
  bool reported = false;                     // whether the edge's first drop has been logged
  Condition room;                            // the producer waits here for room
  std::vector<Feed> feeds;                   // for a join
  std::size_t part = 0;                      // for a join: index of the edge's parent
};

using EdgeRef = std::shared_ptr<Edge>;

/// Reads the edge's counters. Call with the inbox's mutex held.
[[nodiscard]] EdgeStats read_counts(const Edge& edge);
/// Fills in the rest of `stats`; ages only if `span` is set. Call without the mutex.
void describe(const Edge& edge, EdgeStats& stats, std::optional<Span> span, TimePoint now);

}  // namespace freshframe::core
