// The sequential model of one edge: which results the calls of a program may have.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/queue.hpp"
#include "freshframe/stats.hpp"

#include <cstdint>
#include <deque>
#include <vector>

namespace freshframe::interleave {

inline constexpr int kNothing = -1;
inline constexpr int kEnded = -2;

/// A call made by a thread, and its result.
struct Call {
  enum class Kind : std::uint8_t { Put, Take, Newest, Close, End };

  Kind kind = Kind::Put;
  int seq = 0;             // the sample of a put(), or the result of a take(): a sample, kNothing or kEnded
  std::uint64_t lost = 0;  // for a take(): the samples dropped since the previous one
  std::int64_t begin = 0;  // both taken from one counter of all starts and ends
  std::int64_t end = 0;
};

/// A bounded queue with its counters.
class Model {
 public:
  explicit Model(Queue queue) : queue_(queue) {}

  /// Returns false if the call cannot have this result here.
  [[nodiscard]] bool apply(const Call& call);
  [[nodiscard]] bool has_counters_of(const EdgeStats& stats) const;

 private:
  [[nodiscard]] bool put(int seq);
  [[nodiscard]] bool take(const Call& call);
  void skip();

  Queue queue_;
  std::deque<int> waiting_;
  bool is_closed_ = false;
  bool has_ended_ = false;
  std::uint64_t lost_ = 0;  // since the last taken sample
  std::uint64_t passed_ = 0;
  std::uint64_t delivered_ = 0;
  std::uint64_t full_ = 0;
  std::uint64_t skipped_ = 0;
  std::uint64_t stopped_ = 0;
};

/// Returns true if some order of the calls explains their results and these counters. Calls that did not
/// overlap keep their order.
[[nodiscard]] bool explains(const Model& model, const std::vector<Call>& calls, const EdgeStats& stats);

}  // namespace freshframe::interleave
