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
/// A sample may be dropped because a newer one has the newer state. The events have no newer form. So a lane
/// keeps the dropped samples that have events, and the next sample that passes and is newer absorbs them, on
/// its consumer's thread. When the stream ends before such a sample, the newest dropped one passes after all. Only
/// that one of the kept samples keeps its picture. Guarded by the inbox's mutex.
///
/// A stop ends the streams of its nodes in the same way: the waiting samples are dropped, and the last sample
/// with their events passes when the parent has ended, which may still work or wait for room. But it passes
/// only if the consumer's call can be expected to end in the time of the stop. Otherwise the stop would fail
/// for its sake.
class KeptEvents {
 public:
  static constexpr std::size_t kMost = 10'000;  // samples; more: the oldest go

  [[nodiscard]] bool empty() const noexcept { return kept_.empty(); }
  /// `arrival`: the number of the sample among the arrivals of the lane. Takes the sample if it has
  /// events, and leaves a picture that is no longer needed, to be destroyed without the mutex. Without
  /// memory for it the sample is counted as lost.
  void keep(std::uint64_t arrival, AnySample& dropped);
  /// Moves the values of that type which are older than the arrival to `older`, in their order, and a picture
  /// that nothing needs any more to `freed`.
  void move_older(std::uint64_t arrival, const TypeInfo* type, std::vector<ValueRef>& older,
                  std::vector<AnySample>& freed);
  /// Takes the newest sample out, with its arrival.
  std::uint64_t take_newest(AnySample& sample);
  void clear(std::vector<AnySample>& freed);
  /// Clears like clear(), and counts the samples as lost.
  void lose_all(std::vector<AnySample>& freed);
  /// Counts a sample, if it has events: none can pass any more.
  void lose(const AnySample& sample);
  /// The samples with events that went because of kMost, lose() and lose_all().
  [[nodiscard]] std::uint64_t lost_count() const noexcept { return lost_; }

 private:
  void insert(std::uint64_t arrival, AnySample& dropped);

  std::map<std::uint64_t, AnySample> kept_;  // by arrival
  std::uint64_t lost_ = 0;
};

}  // namespace freshframe::core
