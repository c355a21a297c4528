// Joins: turns the samples of an inbox's lanes into sets, and queues the sets for the consumer.
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

/// Join options as resolved by the graph.
struct JoinRules {
  JoinBy by = JoinBy::Captured;
  double within = 0;                // 0 with JoinBy::Seq
  std::optional<double> wait = {};  // seconds; nullopt for no limit
  bool partial = false;
  bool one_source = false;  // all samples of a set come from the same source
};

/// Returns the time that a join compares. With JoinBy::Seq that is seq, plus the part as a fraction.
[[nodiscard]] double load_time(const Stamp& stamp, JoinBy by) noexcept;

/// Returns true if the sample has a usable time: with JoinBy::Utc, a wall time that is accurate enough.
[[nodiscard]] bool has_time(const Stamp& stamp, const JoinRules& rules) noexcept;
/// Explains, as part of a message, why the sample has no usable time.
[[nodiscard]] std::string why_no_clock(const std::string& parent, const Utc& utc, const JoinRules& rules);

/// Two parents of a join that block each other: one edge is full and blocking while the other is empty.
struct StarvedJoin {
  std::string full;
  std::string empty;
};

/// Builds the sample for a set that was taken, and completes its parts.
[[nodiscard]] AnySample join_parts(Delivery& out, TimePoint at);

/// The sets of a join. No locking: guarded by the inbox's mutex. Does not wake threads.
///
/// Note [Sets]
/// The joiner decides whenever a sample arrives, and finished sets wait in `ready_`. Until the consumer takes
/// a set, its samples count as waiting on their edges and take up room there (Lane::in_sets). A slow consumer
/// finds the sets of the last `wait` seconds, and at least the newest, so `wait` limits the age of sets as
/// well. Older sets are dropped as `queue_full`, except with a blocking queue.
///
/// No timer is needed for samples that have waited too long: a waiting consumer looks again after at most
/// `wait` seconds, before the time is up for any sample that arrives in between.
///
/// Note [The sources of a join]
/// The source of a parent may be replaced while the join runs. For the joiner a parent has ended as long as
/// no source feeds its edge (Edge::feeds), and it continues with the next source. The edge itself ends with
/// its parent. A source is reported as gone when it has ended on all edges and none of its samples is
/// waiting.
///
/// Slow nodes upstream can mix the samples of two sources. So once a sample of the next source has arrived on
/// an edge, further ones of the previous source are dropped as `unmatched`; otherwise the parent's times
/// would jump back and forth (J7). If all parents had the same source when the join was added, their sequence
/// numbers match only for that reason. In that case the first sample of the next source, on any edge,
/// restarts the join for all parents.
class SetQueue {
 public:
  /// The parents are all edges of `lanes`; the first one is the reference.
  SetQueue(const JoinRules& rules, Lanes& lanes, WayOut& way_out, const EndOfStop& stop, const Clock& clock);

  /// Adds a sample. Returns whether a set was made. Sets `warning` if something is wrong with the join; each
  /// problem is reported only once.
  [[nodiscard]] bool put(Lane& lane, AnySample&& sample, Aftermath& after,
                         std::optional<std::string>& warning);
  /// Takes the oldest set, or the newest one, dropping those before it. Returns false if none is ready.
  [[nodiscard]] bool take(bool newest, Delivery& out);
  /// Call when a source on the edge, or the edge itself, has ended.
  void end_edge(const Edge& edge, Aftermath& after);
  /// Call when a source has started on the edge.
  void begin_edge(const Edge& edge);
  /// Call before removing an edge: its samples no longer become part of sets. Existing sets are dropped too,
  /// unless partial sets are allowed.
  void forget(const Edge& edge, Aftermath& after);
  /// Drops the samples that wait for a set and, with `sets_too`, the sets.
  void drop_at_stop(bool sets_too, Aftermath& after);

  [[nodiscard]] bool any_ready() const noexcept { return !ready_.empty(); }
  [[nodiscard]] TimePoint next_look() const;
  [[nodiscard]] std::optional<Seconds> look_within() const;
  [[nodiscard]] JoinStats stats(Span span) const;
  [[nodiscard]] std::optional<StarvedJoin> find_starved() const;

 private:
  struct Set {
    std::vector<std::optional<AnySample>> parts;
    std::array<std::uint64_t, kMostJoined> arrivals{};  // for each part: its arrival number on its lane
    TimePoint decided{};
  };

  /// The source of the last sample, and the change that started its stream.
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
  /// Returns false if the sample was dropped because its time is unknown.
  [[nodiscard]] bool take_clock(Lane& lane, AnySample& sample);
  /// Returns true if the sample must be dropped because a later source has already taken over from this one.
  /// See Note [The sources of a join].
  [[nodiscard]] bool follow_source(const Edge& edge, int source, TimePoint now);
  [[nodiscard]] bool waits(int source) const;
  /// Reports the sources that have ended and have no waiting samples.
  void retire();
  /// Returns whether a set was made.
  bool apply_decisions(Aftermath& after);
  void make_set(const Joiner::Decision& decision);
  void count(const Joiner::Decision& decision);
  void drop_old(Aftermath& after);
  void drop_oldest(DropCause cause, Aftermath& after);
  void drop_part(Set& set, std::size_t part, DropCause cause, Aftermath& after);
  void deliver_oldest(Delivery& out);
  /// Called when a parent or the join ends: keeps the explanation for JoinStats::reason, unless there is one
  /// already.
  void keep_trouble();
  /// Explains why there has been no complete set for a while. Returns an empty string if there was one.
  [[nodiscard]] std::string fruitless(TimePoint now) const;
  [[nodiscard]] std::string describe_silence(std::size_t parent, TimePoint now) const;
  [[nodiscard]] std::string describe_distance(std::size_t parent) const;
  /// Explains which queue is too short for `wait`, and what to do; empty if none is.
  [[nodiscard]] std::string too_short() const;
  /// Explains that `within` is much longer than the parents' intervals. Returns an empty string if it is not,
  /// if the intervals are not known yet, or if this was already reported.
  [[nodiscard]] std::string too_wide();

  const JoinRules rules_;
  Lanes& lanes_;
  WayOut& way_out_;
  const EndOfStop& stop_;
  const Clock& clock_;
  const std::vector<EdgeRef> edges_;
  Joiner joiner_;
  std::deque<Set> ready_;
  std::uint64_t whole_ = 0;
  std::uint64_t partial_ = 0;
  Timings spread_;
  Timings waited_;
  std::vector<Current> current_;  // per parent; with one_source only the first is used
  /// Per parent: wall time of the parent's last sample, if that time was unusable.
  std::vector<std::optional<Utc>> without_clock_;
  std::optional<TimePoint> fruitless_since_;  // time since which there has been no complete set
  std::vector<bool> overflowed_;              // per parent: whether its queue was full since fruitless_since_
  bool reported_ = false;                     // whether fruitless() has been reported
  bool width_known_ = false;                  // whether too_wide() has been checked
  std::string last_trouble_;                  // JoinStats::reason after the join has ended
  bool leaves_ = false;                       // whether a source has ended and has not been reported yet
};

}  // namespace freshframe::core
