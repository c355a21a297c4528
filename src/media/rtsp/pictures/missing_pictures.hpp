// Counts the pictures of which no packet has come, by the times of those that have.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

namespace freshframe::media::rtsp {

/// Where packets are lost, pictures are missing as far as the times of those around leave room for them, and
/// at most as many as packets. The interval between pictures is learned where nothing is lost; without losses
/// a pause of the camera counts as none. Pictures may come in the order of decoding (B pictures): then the
/// room is looked at in the order of their times. One thread, no I/O.
class MissingPictures {
 public:
  /// `interval`: ticks between two pictures; 0: not known.
  explicit MissingPictures(std::int64_t interval) : declared_(interval) {}

  /// A picture with this time in ticks has come. `lost`: packets since the one before. Returns how many
  /// pictures are found missing now.
  [[nodiscard]] std::uint64_t add(std::int64_t time, std::uint64_t lost);

 private:
  [[nodiscard]] std::uint64_t settle(std::int64_t time);
  [[nodiscard]] std::int64_t interval() const;

  const std::int64_t declared_;
  std::deque<std::int64_t> intervals_;  // the newest
  std::vector<std::int64_t> waiting_;   // times, sorted: an earlier one may still come
  std::size_t depth_ = 0;               // how many wait at most
  std::uint64_t lost_ = 0;              // packets, of pictures that are not counted yet
  std::size_t since_loss_ = 0;          // pictures
  bool began_ = false;
  std::int64_t last_ = 0;  // the time of the last one that waits no more
};

}  // namespace freshframe::media::rtsp
