// Recognises the packets with which a server begins a new connection although it has sent them on the last one.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string_view>
#include <unordered_set>

namespace freshframe::media {

/// A playlist keeps its newest segments while its encoder is dead. A new connection gets them again, and they
/// are not new. By their bytes and times, not by their times alone: an encoder that was started again may
/// count from 0. One thread.
class RepeatedPackets {
 public:
  /// A new connection begins. Packets that it has in common with the ones before come first.
  void connect() noexcept { may_repeat_ = !known_.empty(); }

  /// Remembers the packet. True: an earlier connection has brought it, and all before it on this one.
  bool is_repeated(std::int64_t pts, std::string_view bytes) {
    const auto mark = std::hash<std::string_view>{}(bytes) ^ (static_cast<std::size_t>(pts) * kSpread);
    const bool known = !known_.insert(mark).second;
    may_repeat_ = may_repeat_ && known;
    if (!known) order_.push_back(mark);
    if (order_.size() > kMost) {
      known_.erase(order_.front());
      order_.pop_front();
    }
    return may_repeat_;
  }

 private:
  static constexpr std::size_t kMost =
      8192;  // packets: two minutes at 60 fps, more than the end of a playlist
  static constexpr std::size_t kSpread = 0x9E3779B97F4A7C15;

  bool may_repeat_ = false;
  std::unordered_set<std::size_t> known_;
  std::deque<std::size_t> order_;  // of known_, oldest first
};

}  // namespace freshframe::media
