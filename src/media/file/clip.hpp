// One clip that is being written.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "media/ffmpeg/video_muxer.hpp"
#include "media/file/packet_ring.hpp"

namespace freshframe::media {

/// A file of packets that begins with a key frame at its second 0 and ends at `end()`. One thread. All throw
/// Error naming the file.
class Clip {
 public:
  /// Opens the file and changes nothing in it.
  explicit Clip(const std::string& path) : path_(path), muxer_(path) {}

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] bool begun() const noexcept { return begun_; }
  /// Begins with what the ring holds from the last key frame at or before `from` on.
  void begin(const AVCodecContext& codec, const Dictionary& options, const PacketRing& ring,
             std::int64_t from);
  /// Makes it last until the tick `end`, if that is later than so far.
  void extend(std::int64_t end);
  /// Takes the packet that follows. False: the clip is over, and the packet is not part of it.
  [[nodiscard]] bool write(const AVPacket& packet);
  /// Closes the file, which stays as it was when begin() was never called.
  void finish() { muxer_.finish(); }

 private:
  void put(const AVPacket& packet);

  std::string path_;
  VideoMuxer muxer_;
  AVRational time_base_{1, 1};
  std::int64_t first_ = 0;
  std::int64_t end_ = INT64_MIN;
  bool begun_ = false;
};

}  // namespace freshframe::media
