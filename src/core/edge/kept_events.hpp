// The events of the samples that a lane has dropped, until a sample takes them along.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/sample.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

namespace freshframe::core {

/// Note [Events pass]
/// A sample may be dropped when there is a newer one, because that has the newer state. But there is no newer
/// version of its events. So a lane keeps dropped samples that have events, and the next newer sample that is
/// delivered absorbs them, on its consumer's thread. If the stream ends first, the newest of the kept samples
/// is delivered after all; it is the only one that keeps its frame. Guarded by the inbox's mutex.
///
/// A stop ends streams in the same way: queued samples are dropped, and once the parent, which may still be
/// working or waiting for room, has ended, the last sample is delivered with their events. This is only done
/// if the consumer's call is likely to finish in time; otherwise the stop would time out because of it.
class KeptEvents {
 public:
  static constexpr std::size_t kMost = 10'000;  // if there are more, the oldest are lost

  [[nodiscard]] bool empty() const noexcept { return kept_.empty(); }
  /// Takes over `dropped` if it has events. In return `dropped` may receive a frame that is no longer needed,
  /// to be destroyed without the mutex. If out of memory, the sample counts as lost. `arrival` is its number
  /// on the lane.
  void keep(std::uint64_t arrival, AnySample& dropped);
  /// Moves the values of this type from before `arrival` to `older`, in order, and frames that are no longer
  /// needed to `freed`.
  void move_older(std::uint64_t arrival, const TypeInfo* type, std::vector<ValueRef>& older,
                  std::vector<AnySample>& freed);
  /// Removes and returns the newest sample and its arrival number.
  std::uint64_t take_newest(AnySample& sample);
  void clear(std::vector<AnySample>& freed);
  /// Like clear(), but counts the samples as lost.
  void lose_all(std::vector<AnySample>& freed);
  /// Counts a sample as lost, if it has events.
  void lose(const AnySample& sample);
  /// Samples with events lost because of kMost, lose() or lose_all().
  [[nodiscard]] std::uint64_t lost_count() const noexcept { return lost_; }

 private:
  void insert(std::uint64_t arrival, AnySample& dropped);

  std::map<std::uint64_t, AnySample> kept_;  // by arrival
  std::uint64_t lost_ = 0;
};

}  // namespace freshframe::core
