// Appends a packet to each segment of a playlist, so that FFmpeg's demuxer returns the segment's last frame.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "media/ffmpeg/ptr.hpp"
#include "sources/network/filter/ts_filter.hpp"

namespace freshframe::media {

/// Follows the packets of a transport stream, to create the packet that ends its last frame.
class TsTail {
 public:
  void add(Bytes bytes);
  /// Returns the bytes that end the newest video frame; empty if there is none.
  [[nodiscard]] std::vector<std::uint8_t> end() const;
  /// Returns true if the first packet of `pid` continues an image of an earlier segment.
  [[nodiscard]] bool goes_on(int pid) const;
  [[nodiscard]] std::optional<int> video() const noexcept { return video_; }

 private:
  static constexpr std::size_t kMostStreams = 32;

  void add_packet(const TsPacket& packet);

  std::vector<std::uint8_t> part_;  // start of an incomplete packet
  bool is_ts_ = true;
  std::optional<int> video_;
  std::uint8_t counter_ = 0;    // continuity counter of the video's last packet
  std::map<int, bool> begins_;  // for each PID, whether an image starts with its first packet
};

/// Note [The last frames of a segment]: FFmpeg's HLS demuxer reads the segments as one stream, and returns
/// a frame when the next one starts, which is in the next segment. So a packet that starts another, empty
/// frame is appended to each segment. HLS requires FFmpeg's own inputs, whose options it queries, so only
/// their read function is replaced. If a server cuts segments in the middle of frames, no packets are
/// appended after the first such cut. Not thread-safe; hold a Use while calling FFmpeg. Must outlive the
/// inputs.
class SegmentTails {
 public:
  SegmentTails() = default;
  SegmentTails(const SegmentTails&) = delete;
  SegmentTails& operator=(const SegmentTails&) = delete;

  /// While this object exists, FFmpeg may read the inputs on this thread.
  class Use {
   public:
    explicit Use(SegmentTails& tails);
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    ~Use();

   private:
    SegmentTails* outer_;
  };

  /// Call for the input of a segment that was just opened.
  void watch(AVIOContext& io);

 private:
  static constexpr std::size_t kMostSegments = 64;
  using Read = int (*)(void*, std::uint8_t*, int);

  struct Segment {
    Read read = nullptr;  // FFmpeg's original function
    TsTail tail{};
    std::vector<std::uint8_t> end{};
    bool is_over = false;
    std::uint64_t number = 0;
  };

  static int read(void* opaque, std::uint8_t* to, int size) noexcept;
  [[nodiscard]] int read_end(Segment& segment, std::uint8_t* to, int size, int result);

  std::map<void*, Segment> segments_;  // by protocol context
  std::uint64_t count_ = 0;
  std::optional<int> video_;
  bool cuts_pictures_ = false;
};

}  // namespace freshframe::media
