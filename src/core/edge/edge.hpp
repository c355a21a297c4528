// An edge between a parent and the consumer of an inbox, and its lanes.
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

/// The number of a change of the graph, greater than the number of every change before. See Note [The end of a
/// source].
using Change = std::int64_t;

struct EdgeOptions {
  int parent = -1;
  std::string parent_name;
  Queue queue;
  std::optional<double> max_age = {};   // seconds
  std::optional<double> max_rate = {};  // samples per second, of each source
  std::vector<int> by_pts = {};         // the sources whose rate goes by pts, not by `captured`
  std::vector<int> sources = {};        // sources that can reach the edge now, rising; empty for one lane
  std::string only = {};                // the source that the edge is limited to; empty means none
  bool events = false;                  // the parent's type has events
  bool finishes = false;                // the parent may give last results after a stop
  bool recorded = false;                // its consumer is a recorder
  std::string way_to_be_faster = {};    // for a recorder; "" if not known
  int only_source = -1;                 // the number of `only`
  bool joined = false;                  // a join: one lane for all that comes
  std::int64_t number = -1;             // number of the edge in its graph
};

/// The stream of a source on an edge, or its next one.
struct SourceStream {
  int source = -1;
  Change begun = 0;     // ends from this change on end it
  Change reached = 0;   // its own end holds for streams that this change or an earlier one began
  bool by_pts = false;  // the time of its rate
};

/// The stream of a source on an edge of a join, where one lane takes the samples of all sources.
struct Feed {
  int source = -1;
  Change begun = 0;  // see SourceStream
  Change reached = 0;
  bool ended = false;  // nothing more comes of it
};

/// The counters of a lane, or of the lanes that an edge had before.
struct EdgeCounts {
  std::uint64_t passed_in = 0;
  std::uint64_t delivered = 0;
  std::array<std::uint64_t, kDropCauses> drops{};
  std::uint64_t events_lost = 0;
};

/// The threads of both sides write with each sample: what they write lies apart from what they only read.
inline constexpr std::size_t kCacheLine = 64;

/// A sample in a queue. A whole number of cache lines: no two of them share one.
struct alignas(kCacheLine) Queued {
  static constexpr std::uint32_t kMostUnits = (std::uint32_t{1} << 24) - 1;
  static constexpr std::uint64_t kMostArrivals = (std::uint64_t{1} << 40) - 1;

  AnySample sample;
  std::uint64_t arrival : 40 = 0;  // passed_in when it came
  // The size of its picture when it came, as picture_units(). The picture itself grows by each format to which another
  // consumer converts it.
  std::uint64_t units : 24 = 0;
  double seconds = 0;  // as Lane::seconds: since the sample before it
};
static_assert(sizeof(Queued) == 2 * kCacheLine);

/// The size of its picture in units of 64 bytes, rounded up; 1 GiB at most.
inline std::uint32_t picture_units(const AnySample& sample) noexcept {
  if (!sample.frame) return 0;
  return static_cast<std::uint32_t>(
      std::min<std::size_t>((sample.frame.size_bytes() + 63) / 64, Queued::kMostUnits));
}

/// The samples of one source, or of all, on one edge. Guarded by the inbox's mutex.
struct Lane {
  Edge* edge = nullptr;   // the edge that it is a part of
  int source = -1;        // -1: all that come
  Change begun = 0;       // the change that began its stream, or began it again
  Change reached = 0;     // the latest one that began the source's stream here, also on an edge that has gone
  std::size_t index = 0;  // among the inbox's lanes
  Queue queue;
  std::optional<TimePoint::duration> max_age;
  std::optional<Rate> rate;
  bool by_pts = false;  // the rate's time
  std::vector<Queued> ring;
  std::size_t spare = 0;  // for a join: places of the ring beyond the queue's depth
  // Of the waiting pictures, as Queued::units; counted only if the queue has a bound in bytes.
  std::int64_t units = 0;
  // From the oldest waiting sample to the newest, as the next only if the queue has such a bound. The time of samples
  // that found no room is left out: with it a queue would stay full until it is empty, and lose in blocks.
  double seconds = 0;
  TimePoint newest{};  // `captured` of the last sample that came, with room or without
  KeptEvents kept;

  // ---- of a consumer that gathers
  std::optional<TimePoint> heard = {};  // the last batch that had a sample of it
  TimePoint::duration interval{};       // mean time between two such batches, without silences

  // ---- written with each sample: one cache line with the first two counts
  alignas(kCacheLine) std::size_t head = 0;
  std::size_t size = 0;
  std::size_t in_sets = 0;  // for a join: samples that wait in a set
  AdaptiveSpin spin;        // the producer's
  bool ended = false;
  bool ready = false;  // something can be taken
  bool producer_waits = false;
  bool producer_asleep = false;     // and nobody has woken it
  bool expected = true;             // by a consumer that gathers: the lane has not ended and is not silent
  bool silent = false;              // it was left out, and no batch had a sample of it since
  std::uint64_t dropped_since = 0;  // since the last delivered sample
  EdgeCounts counts;

  /// A tick of the rate is used up when the consumer takes the sample, which a newer one may replace before; in a
  /// deeper queue when the sample comes.
  [[nodiscard]] bool ticks_when_taken() const noexcept {
    return queue.depth <= 1 && queue.when_full == WhenFull::DropOldest;
  }
  /// The stream has ended, but events have not passed.
  [[nodiscard]] bool owes_events() const noexcept { return ended && size == 0 && !kept.empty(); }
  /// The sample that came last; one must wait.
  [[nodiscard]] const AnySample& last() const noexcept {
    const auto place = head + size - 1;
    return ring[place < ring.size() ? place : place - ring.size()].sample;
  }
  [[nodiscard]] bool full() const noexcept { return size + in_sets + spare >= ring.size(); }
  /// Returns full(), also by the queue's bounds in seconds and bytes.
  [[nodiscard]] bool full_for(const AnySample& next) const noexcept {
    if (full()) return true;
    if (size == 0) return false;
    if (queue.max_bytes && 64 * (units + picture_units(next)) > *queue.max_bytes) return true;
    return queue.max_seconds && seconds + seconds_before(next) > *queue.max_seconds;
  }
  /// Counts the drop of a sample.
  void drop(DropCause cause) noexcept {
    ++counts.drops[static_cast<std::size_t>(cause)];
    ++dropped_since;
  }
  /// The time of a sample by which the rate goes.
  [[nodiscard]] double rate_time(const AnySample& sample) const noexcept {
    return by_pts ? sample.stamp.pts : Seconds(sample.stamp.captured.time_since_epoch()).count();
  }
  /// The cause of the drop of a waiting sample that `next` replaces.
  [[nodiscard]] DropCause replaced_by(const AnySample& next) noexcept {
    const bool by_rate = rate && ticks_when_taken() && !rate->misses(rate_time(next));
    return by_rate ? DropCause::Rate : DropCause::QueueFull;
  }
  /// The seconds between the newest sample and a sample that comes now.
  [[nodiscard]] double seconds_before(const AnySample& next) const noexcept {
    return std::max(0.0, Seconds(next.stamp.captured - newest).count());
  }
};

/// Made by Inbox::add_edge(). Producer and inbox keep it.
struct Edge {
  explicit Edge(EdgeOptions given) : options(std::move(given)) {}

  /// Whether samples of a source may still come on an edge of a join.
  [[nodiscard]] bool is_fed() const noexcept {
    return std::ranges::any_of(feeds, [](const Feed& each) { return !each.ended; });
  }

  const EdgeOptions options;
  Timings age;  // written by the consumer

  // ---- guarded by the inbox's mutex
  std::vector<std::unique_ptr<Lane>> lanes;  // by source
  EdgeCounts past;                           // counts of lanes that have gone
  bool ended = false;                        // its producer puts nothing more
  bool gone = false;                         // removed: it takes nothing more
  bool closing = false;                      // waiting samples can be taken, and nothing more comes in
  bool reported = false;                     // its first drop was logged
  Condition room;                            // its producer waits there
  std::vector<Feed> feeds;                   // for a join
  std::size_t part = 0;                      // for a join: its place among the parents
};

using EdgeRef = std::shared_ptr<Edge>;

/// The edge's counters, with the inbox's mutex.
[[nodiscard]] EdgeStats read_counts(const Edge& edge);
/// Adds what does not change, and the ages, unless `span` is empty; without the mutex.
void describe(const Edge& edge, EdgeStats& stats, std::optional<Span> span, TimePoint now);

}  // namespace freshframe::core
