// Decides which samples of several parents form a set, and which are dropped unmatched.
// SPDX-License-Identifier: Apache-2.0
//
// An exact greedy matching without look-ahead: each set is made as soon as its last member arrives. By an
// exchange argument (replace any first set of an optimum by the earliest possible one) it finds as many sets
// as an offline optimum that sees all samples, as long as no member comes later than `wait`. ROS's
// ApproximateTime (message_filters) instead waits until no nearer sample can come, which adds up to two
// intervals to the age of a set.
#pragma once

#include "freshframe/clock.hpp"
#include "freshframe/queue.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <vector>

namespace freshframe::core {

/// Receives the arrivals of each parent and the time, and returns decisions. It stores no samples: its owner
/// keeps those in one queue per parent, and applies the decisions in order. Not thread-safe.
///
/// Note [Rules of the join]
///
/// J1: Parent 0 is the reference. Each of its samples ends up in a set, in a partial set, or dropped.
///
/// J2: T is the greatest time among the parents' oldest waiting samples. A sample older than T - within can
/// no longer be in a complete set. Without `partial` it is dropped immediately. With `partial` it may still
/// be in the partial set of its reference: it is dropped once it is older than the oldest reference sample by
/// more than `within`, and waits while there is no reference sample.
///
/// J3: When all parents have a waiting sample after J2, these form a set. A later sample that is already
/// waiting replaces an older one if that makes the spread smaller.
///
/// J4: No sample waits longer than `wait` after it arrived. Then its set is decided with the samples that are
/// there: a partial set if that is allowed and its reference is waiting, otherwise a drop.
///
/// J5: With `partial`, a parent that has ended, or was silent for longer than max(wait, 3 x its mean
/// interval), is not waited for until its next sample. A partial set is made when each other parent has a
/// sample or is not waited for, and the samples are not a complete set. Without `partial`, all samples are
/// dropped immediately when a parent has ended.
///
/// J6: A dropped sample whose reference was decided before the sample arrived has the cause `late`.
///
/// J7: If a full queue drops its oldest sample, so does the join. If a parent's times go back, its waiting
/// samples are dropped, and its earlier times are forgotten.
///
/// J8: Of two samples equally near, the earlier one is used; of equal times, the parent with the lower
/// number.
///
/// Without `wait` (for files) the results must not depend on arrival times. Then a set also waits until each
/// parent has a sample at or after the reference's time, has a full queue, or has ended, so that J3 can
/// choose among all candidates. Only J7 depends on arrival times, if a parent's times go back.
class Joiner {
 public:
  static constexpr std::size_t kMostParents = 16;

  struct Room {
    int depth = 0;             // depth of the parent's queue; 0 for no limit
    bool drops_oldest = true;  // false if the joiner's owner never puts a sample into a full queue
  };
  struct Options {
    double within = 0;                 // maximum difference between the times in a set
    std::optional<Seconds> wait = {};  // nullopt for no limit
    bool partial = false;
    std::vector<Room> rooms = {};  // one per parent: 2 to kMostParents
  };

  /// Either drop the oldest sample of `parent`, or make a set of the oldest samples of `members`.
  struct Decision {
    std::uint16_t members = 0;  // one bit per parent in the set; 0 for a drop
    std::uint8_t parent = 0;    // parent of the dropped sample
    DropCause cause = DropCause::Unmatched;
    TimePoint at{};
    double spread = 0;  // for a set: maximum minus minimum time
    Seconds waited{0};  // for a set: time since its first member arrived
  };

  explicit Joiner(Options options);

  /// Adds a sample of `parent`. `now` must never decrease between calls.
  void put(std::size_t parent, double time, TimePoint now);
  /// Call when no more samples of `parent` will arrive.
  void end_parent(std::size_t parent, TimePoint now);
  /// Call when samples of a parent that has ended will arrive again, from its next source.
  void begin_parent(std::size_t parent) noexcept { inputs_[parent].ended = false; }
  /// Makes the decisions that are due at `now`.
  void advance(TimePoint now);
  /// Returns when advance() has the next decision to make; nullopt: not before the next put() or
  /// end_parent().
  [[nodiscard]] std::optional<TimePoint> next_time() const;
  /// Drops all waiting samples and forgets their times.
  void restart(TimePoint now);
  /// Removes the waiting samples of `parent` without a decision.
  void forget(std::size_t parent) noexcept { inputs_[parent].waiting.clear(); }
  /// Removes all waiting samples without a decision, for close().
  void clear() noexcept;

  /// Returns the pending decisions, in order. clear_decisions() removes them.
  [[nodiscard]] std::span<const Decision> decisions() const noexcept { return decisions_; }
  void clear_decisions() noexcept { decisions_.clear(); }

  [[nodiscard]] std::size_t parents() const noexcept { return inputs_.size(); }
  [[nodiscard]] std::size_t waiting(std::size_t parent) const { return inputs_[parent].waiting.size(); }
  [[nodiscard]] bool is_whole(const Decision& set) const noexcept {
    return set.members == (1U << inputs_.size()) - 1;
  }
  /// Returns the median time from a reference sample to the nearest sample of `parent`, over the latest
  /// reference samples; negative: earlier. nullopt: there was no pair.
  [[nodiscard]] std::optional<double> nearest(std::size_t parent) const;
  /// Returns when the latest sample of `parent` arrived, or nullopt if none has.
  [[nodiscard]] std::optional<TimePoint> last_arrival(std::size_t parent) const noexcept {
    return inputs_[parent].last_arrival;
  }
  /// Smoothed seconds between samples of `parent`; 0 if unknown.
  [[nodiscard]] double mean_interval(std::size_t parent) const noexcept {
    return inputs_[parent].mean_interval;
  }

 private:
  struct Item {
    double time = 0;
    TimePoint arrival{};
    bool late = false;
  };
  /// The latest values of a series.
  struct Recent {
    static constexpr std::size_t kMost = 64;
    std::array<double, kMost> values{};
    std::size_t count = 0;

    void add(double value) noexcept { values[count++ % kMost] = value; }
  };
  struct Input {
    Room room;
    std::deque<Item> waiting;
    bool ended = false;
    std::optional<TimePoint> last_arrival;
    std::optional<double> last_time;
    double mean_interval = 0;  // smoothed seconds between arrivals; silence counts up to patience()
    Recent nearest;

    [[nodiscard]] bool is_missing() const noexcept { return waiting.empty(); }
    [[nodiscard]] bool full() const noexcept {
      return room.depth > 0 && waiting.size() >= static_cast<std::size_t>(room.depth);
    }
  };

  void decide(TimePoint now);
  // Each function returns whether it made a decision. At least one sample must be waiting.
  bool decide_whole(TimePoint now);
  bool decide_partial(TimePoint now);
  bool drop_stale(TimePoint now);
  bool drop_all_after_an_end(TimePoint now);
  /// The number of waiting samples per parent that J2 skips for a complete set with the oldest reference
  /// sample; all of them if the next one has not arrived. nullopt: there can be no such set.
  using Steps = std::array<std::size_t, kMostParents>;
  [[nodiscard]] std::optional<Steps> steps_to_whole() const;
  void expire(TimePoint now);
  [[nodiscard]] bool absent(const Input& input, TimePoint now) const;
  /// Seconds of silence after which a parent counts as absent.
  [[nodiscard]] double patience(const Input& input) const noexcept;
  /// Returns true if no nearer sample can arrive.
  [[nodiscard]] bool certain() const;
  [[nodiscard]] Steps choose(Steps from) const;
  void take_set(TimePoint now, const Steps& from);
  void take_partial(TimePoint now);
  void drop(std::size_t parent, TimePoint now, std::size_t count = 1);
  /// Drops the oldest sample of each parent.
  void drop_all(TimePoint now);
  void push_set(std::uint16_t members, TimePoint now);
  void note_nearest(double reference);

  const double within_;
  const std::optional<TimePoint::duration> wait_;
  const double absent_after_;  // seconds
  const bool partial_;
  std::vector<Input> inputs_;
  std::vector<Decision> decisions_;
  std::optional<TimePoint> born_;   // time of the first decision
  std::optional<double> given_up_;  // time of the latest reference sample decided without a complete set
};

}  // namespace freshframe::core
