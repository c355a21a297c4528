// The decisions of a join: which samples of several parents belong together, and which find no partner.
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

/// Gets the arrivals of each parent and the time, and decides. It holds no samples: its owner keeps the samples of
/// each parent in a queue and applies the decisions in their order. Not thread-safe.
///
/// Note [Rules of the join]
///
/// J1: Parent 0 is the reference. Each of its samples has one fate: a set, a partial set or a drop.
///
/// J2: T is the greatest time among the oldest waiting samples of the parents. A sample that is older than T - within
/// can no longer be in a whole set. Without `partial` it is dropped immediately. With it, it may be in the partial set
/// of its reference: a sample goes when it is older than the reference's oldest one by more than `within`, and waits
/// when the reference has none.
///
/// J3: When all parents have a waiting sample that J2 leaves, these are a set. A later sample that waits already
/// replaces an older one if it makes the spread smaller.
///
/// J4: No sample waits longer than `wait` after its own arrival. Then its set is decided with the samples that are
/// there: a partial set if that is allowed and its reference waits, else a drop.
///
/// J5: With `partial`, a parent that has ended, or has been silent for longer than max(wait, 3 x its mean interval), is
/// not waited for until its next sample. So a partial set is made when each other parent has a sample or is not waited
/// for, and they are no whole set. Without it, all samples are dropped immediately when a parent has ended.
///
/// J6: A sample whose reference was decided before it arrived has the cause `late` when it is dropped in the end.
///
/// J7: A full queue that drops its oldest sample does so. When a parent's times go back, its waiting samples are
/// dropped, and nothing of the old times is remembered.
///
/// J8: Ties: of two samples that are equally near the earlier one, of equal times the lower parent.
///
/// Without `wait` (below files) the results must not depend on the time of arrival. There a set also waits until each
/// parent has a sample at or after the reference's time, has a full queue, or has ended. So J3 chooses among all
/// samples that can be nearest. J7 does depend on it where the times of a parent go back.
class Joiner {
 public:
  static constexpr std::size_t kMostParents = 16;

  struct Room {
    int depth = 0;             // depth of the parent's queue; 0 if unbounded
    bool drops_oldest = true;  // otherwise its owner puts nothing into a full queue
  };
  struct Options {
    double within = 0;                 // greatest difference between the times of a set
    std::optional<Seconds> wait = {};  // nullopt means without limit
    bool partial = false;
    std::vector<Room> rooms = {};  // one for each parent: 2 to kMostParents
  };

  /// Either the oldest sample of `parent` is dropped, or the oldest ones of `members` leave as a set.
  struct Decision {
    std::uint16_t members = 0;  // a bit for each parent of the set; 0 for a drop
    std::uint8_t parent = 0;    // parent of the dropped sample
    DropCause cause = DropCause::Unmatched;
    TimePoint at{};
    double spread = 0;  // of a set: from its least to its greatest time
    Seconds waited{0};  // of a set: since the arrival of its first member
  };

  explicit Joiner(Options options);

  /// A sample of `parent` with this time has arrived. `now` never goes back from call to call.
  void put(std::size_t parent, double time, TimePoint now);
  /// No more samples of `parent` will arrive.
  void end_parent(std::size_t parent, TimePoint now);
  /// Samples of a parent that has ended will arrive again, of its next source.
  void begin_parent(std::size_t parent) noexcept { inputs_[parent].ended = false; }
  /// Decides what is due until `now`.
  void advance(TimePoint now);
  /// When advance() has the next decision to make; nullopt means not before the next put() or end_parent().
  [[nodiscard]] std::optional<TimePoint> next_time() const;
  /// Drops all waiting samples. Nothing of the old times is remembered.
  void restart(TimePoint now);
  /// The waiting samples of `parent` go without a decision.
  void forget(std::size_t parent) noexcept { inputs_[parent].waiting.clear(); }
  /// All waiting samples go without a decision, as after close().
  void clear() noexcept;

  /// The decisions that were not taken yet, in their order. clear_decisions() takes them.
  [[nodiscard]] std::span<const Decision> decisions() const noexcept { return decisions_; }
  void clear_decisions() noexcept { decisions_.clear(); }

  [[nodiscard]] std::size_t parents() const noexcept { return inputs_.size(); }
  [[nodiscard]] std::size_t waiting(std::size_t parent) const { return inputs_[parent].waiting.size(); }
  [[nodiscard]] bool is_whole(const Decision& set) const noexcept {
    return set.members == (1U << inputs_.size()) - 1;
  }
  /// Median of how much later the nearest sample of `parent` was than the reference's, over the latest
  /// reference samples; negative: earlier. nullopt means that no pair was seen.
  [[nodiscard]] std::optional<double> nearest(std::size_t parent) const;
  /// When the latest sample of `parent` came; nullopt means that none has come.
  [[nodiscard]] std::optional<TimePoint> last_arrival(std::size_t parent) const noexcept {
    return inputs_[parent].last_arrival;
  }
  /// Seconds between two samples of `parent`, smoothed; 0 means not known.
  [[nodiscard]] double mean_interval(std::size_t parent) const noexcept {
    return inputs_[parent].mean_interval;
  }

 private:
  struct Item {
    double time = 0;
    TimePoint arrival{};
    bool late = false;
  };
  /// The latest of a series of numbers.
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
    double mean_interval = 0;  // seconds between arrivals, smoothed; silences count as long as patience()
    Recent nearest;

    [[nodiscard]] bool is_missing() const noexcept { return waiting.empty(); }
    [[nodiscard]] bool full() const noexcept {
      return room.depth > 0 && waiting.size() >= static_cast<std::size_t>(room.depth);
    }
  };

  void decide(TimePoint now);
  // Each returns whether anything was decided; false means wait. There is a waiting sample.
  bool decide_whole(TimePoint now);
  bool decide_partial(TimePoint now);
  bool drop_stale(TimePoint now);
  bool drop_all_after_an_end(TimePoint now);
  /// How many waiting samples of each parent J2 leaves out for a whole set with the reference's oldest one, all
  /// of them where the next one is not there yet. nullopt means there can be none.
  using Steps = std::array<std::size_t, kMostParents>;
  [[nodiscard]] std::optional<Steps> steps_to_whole() const;
  void expire(TimePoint now);
  [[nodiscard]] bool absent(const Input& input, TimePoint now) const;
  /// Seconds for which a parent may be silent without being absent.
  [[nodiscard]] double patience(const Input& input) const noexcept;
  /// Whether no nearer sample can come.
  [[nodiscard]] bool certain() const;
  [[nodiscard]] Steps choose(Steps from) const;
  void take_set(TimePoint now, const Steps& from);
  void take_partial(TimePoint now);
  void drop(std::size_t parent, TimePoint now, std::size_t count = 1);
  /// The oldest one of each parent.
  void drop_all(TimePoint now);
  void push_set(std::uint16_t members, TimePoint now);
  void note_nearest(double reference);

  const double within_;
  const std::optional<TimePoint::duration> wait_;
  const double absent_after_;  // seconds
  const bool partial_;
  std::vector<Input> inputs_;
  std::vector<Decision> decisions_;
  std::optional<TimePoint> born_;   // the first decision
  std::optional<double> given_up_;  // time of the latest reference that was decided without a whole set
};

}  // namespace freshframe::core
