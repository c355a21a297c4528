// Times that could have been recorded as well: drawn from the recorded ones, in blocks.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <random>
#include <vector>

#include "core/watch/call_ring.hpp"
#include "why/what_if/simulation.hpp"

namespace freshframe::core {

using Random = std::mt19937_64;

/// Note [Draws]
/// The moving block bootstrap (H. R. Kunsch, The jackknife and the bootstrap for general stationary observations, Annals
/// of Statistics 17, 1989): blocks of eight neighbours keep the correlation of calls that follow each other. It is done
/// twice. The first draw makes the list that another recording could have had, the second makes the future from that
/// list. So the spread of the answers contains both doubts: about the recording, and about a run of the same length.
/// A run falls between the least and the greatest of 20 with a probability of 19/21.
class BlockDraw {
 public:
  BlockDraw(const std::vector<double>& recorded, Random& random);
  [[nodiscard]] double next(Random& random);

 private:
  static constexpr std::size_t kBlock = 8;
  [[nodiscard]] static std::size_t choose_block(const std::vector<double>& values, Random& random);

  std::vector<double> values_;
  std::size_t at_ = 0;
  std::size_t left_ = 0;  // calls left in the present block
};

/// Calls of a node by their number of samples: seconds from the take to the end.
using TimesBySize = std::map<std::size_t, std::vector<double>>;
[[nodiscard]] TimesBySize collect_times(const std::vector<Call>& calls, bool gathers);

/// The samples per second of a source; nullopt if it has given too few.
[[nodiscard]] std::optional<double> compute_rate(const std::vector<Call>& calls);

/// The calls of a node in one draw.
class CallDraw {
 public:
  CallDraw(const TimesBySize& recorded, double speed, Random& random);
  /// Draws a call of the nearest size if there was no such call.
  [[nodiscard]] Seconds next(std::size_t samples, Random& random);
  /// The share of the calls for which no batch of that size was seen.
  [[nodiscard]] double unseen_share() const noexcept;

 private:
  std::map<std::size_t, BlockDraw> sizes_;
  double speed_;
  std::uint64_t calls_ = 0;
  std::uint64_t unseen_ = 0;
};

/// The samples of a source in one draw: in the recorded order, for bursts are no accident, from a random one on and
/// with a random phase against the other sources.
class ArrivalDraw {
 public:
  /// `stretch`: of the intervals.
  ArrivalDraw(const std::vector<Call>& calls, double stretch, TimePoint begin, Random& random);
  [[nodiscard]] PlannedTimes::Arrival next();

 private:
  struct Step {
    double interval;  // since the one before
    double delay;     // from `captured` until it was published
  };
  std::vector<Step> steps_;
  double stretch_;
  std::size_t at_ = 0;
  TimePoint time_;
};

}  // namespace freshframe::core
