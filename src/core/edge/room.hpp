// How much room the lanes of an inbox have, and for which of them a batch waits.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/batch.hpp"
#include "freshframe/clock.hpp"

#include <cstddef>
#include <span>

#include "core/edge/edge.hpp"
#include "core/edge/end_of_stop.hpp"

namespace freshframe::core {

/// Number of queued samples in all lanes, and the free slots in lanes that a batch waits for.
struct Room {
  std::size_t queued = 0;
  std::size_t left = 0;

  void add(const Lane& lane) noexcept { left += lane.ring.size(); }
  /// Call after a sample was added (count_in) or removed (count_out).
  void count_in(const Lane& lane) noexcept {
    ++queued;
    if (lane.expected) --left;
  }
  void count_out(const Lane& lane) noexcept {
    --queued;
    if (lane.expected) ++left;
  }
  void expect(Lane& lane, bool expected) noexcept {
    if (lane.expected == expected) return;
    lane.expected = expected;
    const auto room = lane.ring.size() - lane.size;
    expected ? left += room : left -= room;
  }
};

/// Decides for which lanes a batch waits. No locking: guarded by the inbox's mutex.
///
/// Note [Silent lanes]
/// A batch waits for every lane that has room. But a lane that has been silent for max(max_wait, three times
/// its mean interval) is left out until its next sample. Otherwise a disconnected camera would make every
/// batch take max_wait, and the other cameras would lose samples in the meantime. A lane that has never had a
/// sample is waited for until that would cost another lane a sample. So the first batches after a start are
/// full, and a camera that is offline from the start costs the others at most one sample each.
class Gathering {
 public:
  explicit Gathering(Room& room) noexcept : room_(room) {}

  /// Returns true if waiting longer cannot add samples to the batch.
  [[nodiscard]] bool is_complete(const Batch& batch, const EndOfStop& stop) const noexcept {
    if (stop.closed || stop.closes_soon) return stop.closed;
    return room_.queued >= static_cast<std::size_t>(batch.size) || room_.left == 0;
  }
  /// Leaves out silent lanes when the time for a batch is up. See Note [Silent lanes].
  void leave_out_silent(std::span<Lane* const> lanes, TimePoint now, const Batch& batch);
  /// Leaves out lanes that have never had a sample, if a batch is being gathered. Returns whether there were
  /// any.
  bool leave_out_unheard(std::span<Lane* const> lanes);
  /// Records that a batch has a sample from the lane.
  static void hear(Lane& lane, TimePoint now) noexcept;

  bool active = false;  // whether the consumer waits for a batch to become complete
  // Number of queued samples at which the consumer must be woken; 0 if it is not gathering.
  std::size_t size = 0;

 private:
  Room& room_;
};

}  // namespace freshframe::core
