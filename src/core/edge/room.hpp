// The room in the lanes of an inbox, and a consumer that gathers: for which lanes its batch waits.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/batch.hpp"
#include "freshframe/clock.hpp"

#include <cstddef>
#include <span>

#include "core/edge/edge.hpp"
#include "core/edge/end_of_stop.hpp"

namespace freshframe::core {

/// How much waits in all lanes, and how much more finds room in the lanes that a batch waits for.
struct Room {
  std::size_t queued = 0;
  std::size_t left = 0;

  void add(const Lane& lane) noexcept { left += lane.ring.size(); }
  /// After a sample has come in, or has gone.
  void count_in(const Lane& lane) noexcept {
    ++queued;
    if (lane.expected) --left;
  }
  void count_out(const Lane& lane) noexcept {
    --queued;
    if (lane.expected) ++left;
  }
  /// Whether a batch waits for the lane.
  void expect(Lane& lane, bool expected) noexcept {
    if (lane.expected == expected) return;
    lane.expected = expected;
    const auto room = lane.ring.size() - lane.size;
    expected ? left += room : left -= room;
  }
};

/// The knowledge of a consumer that gathers batches about its lanes. It knows of no lock: the inbox's mutex guards
/// it.
///
/// Note [Silent lanes]
/// A batch waits for lanes that are not full. A lane that has been silent for max(max_wait, three times its mean
/// interval) is not waited for until its next sample: else a camera that is away would make every batch last
/// max_wait, and the others would lose their samples meanwhile. A lane that has never had a sample is waited for
/// until the wait would cost a sample of another: so the first batches after a start are full ones, and a camera that
/// is away when it is connected costs the others at most one sample each.
class Gathering {
 public:
  explicit Gathering(Room& room) noexcept : room_(room) {}

  /// Whether the batch cannot grow by a further wait.
  [[nodiscard]] bool is_complete(const Batch& batch, const EndOfStop& stop) const noexcept {
    if (stop.closed || stop.closes_soon) return stop.closed;
    return room_.queued >= static_cast<std::size_t>(batch.size) || room_.left == 0;
  }
  /// See Note [Silent lanes]. The time of the batch is over.
  void leave_out_silent(std::span<Lane* const> lanes, TimePoint now, const Batch& batch);
  /// Leaves out the lanes that have never had a sample, if a batch is being gathered. True means there was
  /// one.
  bool leave_out_unheard(std::span<Lane* const> lanes);
  /// A batch has a sample of the lane.
  static void hear(Lane& lane, TimePoint now) noexcept;

  bool active = false;   // samples wait until a batch is complete
  std::size_t size = 0;  // samples for which the consumer sleeps; 0 if it has no batch

 private:
  Room& room_;
};

}  // namespace freshframe::core
