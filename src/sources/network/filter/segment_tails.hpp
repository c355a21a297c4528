// Ends each segment of a playlist with a packet that lets FFmpeg's demuxer give the segment's last picture.
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

/// The packets of a transport stream on their way: which one ends its last picture.
class TsTail {
 public:
  void add(Bytes bytes);
  /// The bytes that end the newest picture of the video; empty without one.
  [[nodiscard]] std::vector<std::uint8_t> end() const;
  /// Returns true if the first packet of `pid` continues an image of an earlier segment.
  [[nodiscard]] bool goes_on(int pid) const;
  [[nodiscard]] std::optional<int> video() const noexcept { return video_; }

 private:
  static constexpr std::size_t kMostStreams = 32;

  void add_packet(const TsPacket& packet);

  std::vector<std::uint8_t> part_;  // of the next packet
  bool is_ts_ = true;
  std::optional<int> video_;
  std::uint8_t counter_ = 0;    // of the video's last packet
  std::map<int, bool> begins_;  // by PID: whether a picture begins with its first packet
};

/// Note [The last pictures of a segment]: a playlist's demuxer reads its segments as one stream, and gives a picture when
/// the next one begins, which is in the next segment. So each segment gets a packet after its end that begins another
/// picture without any of it. FFmpeg's playlist needs inputs of FFmpeg's own, whose options it asks for. So this changes
/// only their function that reads. A server that cuts segments within pictures gets no such packets after the first cut.
/// One thread at a time, which has a Use while it calls FFmpeg. Outlives the inputs.
class SegmentTails {
 public:
  SegmentTails() = default;
  SegmentTails(const SegmentTails&) = delete;
  SegmentTails& operator=(const SegmentTails&) = delete;

  /// While it lives, FFmpeg may read the inputs on this thread.
  class Use {
   public:
    explicit Use(SegmentTails& tails);
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    ~Use();

   private:
    SegmentTails* outer_;
  };

  /// The input of a segment, which has just been opened.
  void watch(AVIOContext& io);

 private:
  static constexpr std::size_t kMostSegments = 64;
  using Read = int (*)(void*, std::uint8_t*, int);

  struct Segment {
    Read read = nullptr;  // FFmpeg's own
    TsTail tail{};
    std::vector<std::uint8_t> end{};
    bool is_over = false;
    std::uint64_t number = 0;
  };

  static int read(void* opaque, std::uint8_t* to, int size) noexcept;
  [[nodiscard]] int read_end(Segment& segment, std::uint8_t* to, int size, int result);

  std::map<void*, Segment> segments_;  // by the context of their protocol
  std::uint64_t count_ = 0;
  std::optional<int> video_;
  bool cuts_pictures_ = false;
};

}  // namespace freshframe::media
