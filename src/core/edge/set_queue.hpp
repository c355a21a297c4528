// The sets of an inbox with a join: how the samples of its lanes become sets, which wait for the consumer.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/join.hpp"
#include "freshframe/join_node.hpp"
#include "freshframe/sample.hpp"
#include "freshframe/stats.hpp"

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "core/edge/edge.hpp"
#include "core/edge/end_of_stop.hpp"
#include "core/edge/lanes.hpp"
#include "core/edge/way_out.hpp"
#include "core/join/joiner.hpp"

namespace freshframe::core {

/// The options of a join as its graph has resolved them.
struct JoinRules {
  JoinBy by = JoinBy::Captured;
  double within = 0;                // 0 with JoinBy::Seq
  std::optional<double> wait = {};  // seconds; nullopt means without limit
  bool partial = false;
  bool one_source = false;  // the samples of a set are of the same source
};

/// The time of a sample by which a join compares: with JoinBy::Seq its number, and its part after the point.
[[nodiscard]] double load_time(const Stamp& stamp, JoinBy by) noexcept;

/// Whether it has that time: a wall time that is good enough.
[[nodiscard]] bool has_time(const Stamp& stamp, const JoinRules& rules) noexcept;
/// The reason why it has no clock, as part of a message.
[[nodiscard]] std::string why_no_clock(const std::string& parent, const Utc& utc, const JoinRules& rules);

/// The parents of a join whose edges wait for each other: one is full and blocks, the other is empty.
struct StarvedJoin {
  std::string full;
  std::string empty;
};

/// The sample of a set that was taken, whose parts are complete then.
[[nodiscard]] AnySample join_parts(Delivery& out, TimePoint at);

/// The sets of a join. It knows of no lock: the inbox's mutex guards it, and it wakes no thread.
///
/// Note [Sets]
/// The joiner decides when a sample arrives, and sets wait in `ready_`. A part of one still counts as waiting on
/// its edge, and takes up room there (Lane::in_sets), until the consumer takes the set. A consumer that is too slow
/// finds the sets of the last `wait` seconds, and the newest one in any case. So `wait` bounds the age of sets, too.
/// The older ones are dropped as `queue_full`. A blocking queue drops none.
///
/// No timer is needed for the end of a sample's wait. A consumer that waits looks again after `wait` seconds at
/// the latest, which is before the end of each sample that arrives meanwhile.
///
/// Note [The sources of a join]
/// The source of a parent may be exchanged while the join runs. A parent has ended for the joiner as long as no source
/// feeds its edge (Edge::feeds), and goes on with the next one. The edge itself ends with its parent. A source is
/// reported as gone when it has ended on all edges and none of its samples waits.
///
/// Two sources may take turns on their way through slow nodes. So once a sample of the next source has come on an edge,
/// further ones of the source before are dropped as `unmatched`: else the times of the parent would go back and forth
/// (J7). If all parents had the same source when the join was added, their samples have equal numbers only because of
/// that. So the first sample of the next source on any edge begins the join again for all parents.
class SetQueue {
 public:
  /// All edges of the lanes are parents, and the first one belongs to the reference.
  SetQueue(const JoinRules& rules, Lanes& lanes, WayOut& way_out, const EndOfStop& stop, const Clock& clock);

  /// A sample has come. Returns whether a set was made. `warning`: what is wrong with the join, said once, or nothing.
  [[nodiscard]] bool put(Lane& lane, AnySample&& sample, Aftermath& after,
                         std::optional<std::string>& warning);
  /// Takes the oldest set, or the newest one; the older ones are dropped then. Returns false if no set is ready.
  [[nodiscard]] bool take(bool newest, Delivery& out);
  /// A source on the edge, or the edge itself, has ended.
  void end_edge(const Edge& edge, Aftermath& after);
  /// A source has begun on the edge.
  void begin_edge(const Edge& edge);
  /// An edge is about to be removed: its samples are in no set any more. The sets go too, unless they may be
  /// partial.
  void forget(const Edge& edge, Aftermath& after);
  /// Drops the samples that wait for their set, and the sets.
  void drop_at_stop(bool sets_too, Aftermath& after);

  [[nodiscard]] bool any_ready() const noexcept { return !ready_.empty(); }
  /// When a consumer that waits has to look again.
  [[nodiscard]] TimePoint next_look() const;
  [[nodiscard]] std::optional<Seconds> look_within() const;
  [[nodiscard]] JoinStats stats(Span span) const;
  [[nodiscard]] std::optional<StarvedJoin> find_starved() const;

 private:
  struct Set {
    std::vector<std::optional<AnySample>> parts;
    std::array<std::uint64_t, kMostJoined> arrivals{};  // for each part, its number on its lane
    TimePoint decided{};
  };

  /// The source of the last sample, and the change that began its stream.
  struct Current {
    int source = -1;
    Change begun = 0;
  };

  [[nodiscard]] Lane& find_lane(std::size_t part) const { return *edges_[part]->lanes.front(); }
  [[nodiscard]] const std::string& get_name(std::size_t part) const {
    return edges_[part]->options.parent_name;
  }
  /// Returns false if the sample was dropped.
  [[nodiscard]] bool admit(Lane& lane, AnySample& sample, Aftermath& after);
  /// Returns false if the sample's time is not known, and it was dropped.
  [[nodiscard]] bool take_clock(Lane& lane, AnySample& sample);
  /// Returns true if another source has followed the sample's. See Note [The sources of a join].
  [[nodiscard]] bool follow_source(const Edge& edge, int source, TimePoint now);
  [[nodiscard]] bool waits(int source) const;
  /// Reports the sources that have ended and have no waiting samples.
  void retire();
  /// Whether a set was made.
  bool apply_decisions(Aftermath& after);
  void make_set(const Joiner::Decision& decision);
  void count(const Joiner::Decision& decision);
  void drop_old(Aftermath& after);
  void drop_oldest(DropCause cause, Aftermath& after);
  void drop_part(Set& set, std::size_t part, DropCause cause, Aftermath& after);
  void deliver_oldest(Delivery& out);
  /// Keeps as JoinStats::reason what is said when a parent or the join itself ends. The first text stays.
  void keep_trouble();
  /// Says that there has been no complete set for a while, and how far apart the samples are; empty means
  /// there was.
  [[nodiscard]] std::string fruitless(TimePoint now) const;
  [[nodiscard]] std::string describe_silence(std::size_t parent, TimePoint now) const;
  [[nodiscard]] std::string describe_distance(std::size_t parent) const;
  /// The queue that is full before the end of the wait, and what to do; empty if no queue is.
  [[nodiscard]] std::string too_short() const;
  /// Says once that `within` is much longer than the parents' intervals; empty means it is not, or nothing is
  /// known yet.
  [[nodiscard]] std::string too_wide();

  const JoinRules rules_;
  Lanes& lanes_;
  WayOut& way_out_;
  const EndOfStop& stop_;
  const Clock& clock_;
  const std::vector<EdgeRef> edges_;  // edges of the parents
  Joiner joiner_;
  std::deque<Set> ready_;  // sets that wait for the consumer
  std::uint64_t whole_ = 0;
  std::uint64_t partial_ = 0;
  Timings spread_;
  Timings waited_;
  std::vector<Current> current_;                   // for each parent; with one_source the first is for all
  std::vector<std::optional<Utc>> without_clock_;  // of each parent: of its last sample, if that had no clock
  std::optional<TimePoint> fruitless_since_;       // there was no whole set since then
  std::vector<bool> overflowed_;                   // for each parent: its queue was full since then
  bool reported_ = false;                          // whether it was reported that no clock exists
  bool width_known_ = false;                       // whether `within` is too long was looked at
  std::string last_trouble_;                       // at the end, as JoinStats::reason
  bool leaves_ = false;                            // a source has ended and was not reported
};

}  // namespace freshframe::core
