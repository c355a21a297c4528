// Counts the frames that a decoder was asked to leave out, by the packets that have given none.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <set>

namespace freshframe::media {

/// A decoder returns frames in the order of their times. So when it has returned one, the packets with earlier times
/// have given a frame or will give none. One thread.
class LeftOut {
 public:
  /// A packet of one frame went to the decoder.
  void send(std::int64_t pts) { sent_.insert(pts); }
  /// A frame has come. The packets before it that have given none.
  [[nodiscard]] std::size_t take(std::int64_t pts) {
    const auto its = sent_.lower_bound(pts);
    const auto before = static_cast<std::size_t>(std::distance(sent_.begin(), its));
    sent_.erase(sent_.begin(), its != sent_.end() && *its == pts ? std::next(its) : its);
    return before;
  }
  /// The end: those that have given none.
  [[nodiscard]] std::size_t finish() {
    const auto rest = sent_.size();
    sent_.clear();
    return rest;
  }

 private:
  std::multiset<std::int64_t> sent_;
};

}  // namespace freshframe::media
