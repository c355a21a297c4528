// One clip that is being written.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/packet.hpp"

#include <cstdint>
#include <memory>
#include <string>

#include "media/ffmpeg/write/video_muxer.hpp"
#include "media/recording/clips/packet_ring.hpp"

namespace freshframe::media {

/// The stream that clips are cut from.
struct ClipStream {
  CodecParametersPtr codec;
  AVRational time_base{1, 1};  // of its packets
  AVRational rate{0, 1};       // 0/1: not known
  double first_pts = 0;        // seconds, at tick 0
  Dictionary options = {};     // of the muxer
  /// The stream of a camera's own packets, of which a clip has all from its first one on. Null for an
  /// encoder's packets: then the clip lacks those that are shown before the first one, which may need packets
  /// from before it.
  std::shared_ptr<const PacketStream> camera = {};
};

/// A file of packets that begins with a key frame at its second 0. One thread. All throw Error naming the
/// file.
class Clip {
 public:
  /// Opens the file without changing it.
  explicit Clip(const std::string& path) : path_(path), muxer_(path) {}

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] bool begun() const noexcept { return begun_; }
  [[nodiscard]] bool had_content() const noexcept { return muxer_.had_content(); }
  /// The requested first and last tick.
  [[nodiscard]] std::int64_t from() const noexcept { return from_; }
  [[nodiscard]] std::int64_t to() const noexcept { return to_; }
  /// Extends it to the ticks `from` to `to`. A clip that has begun is not extended to the front.
  void extend(std::int64_t from, std::int64_t to);
  /// Begins at the last key frame at or before from(). False: it would end before the first frame in the
  /// ring.
  [[nodiscard]] bool begin(const ClipStream& stream, const PacketRing& ring);
  /// Ticks by which its first frame is before from(), once it has begun; below 0: behind it.
  [[nodiscard]] std::int64_t early() const noexcept { return early_; }
  /// Writes the packets of the ring that have not been written. False: the ring has packets after the clip's
  /// end.
  [[nodiscard]] bool follow(const PacketRing& ring);
  /// Passes the written packets to the operating system, before a pause of the stream.
  void flush() { muxer_.flush(); }
  /// Closes the file, which is unchanged if the clip has not begun.
  void finish() { muxer_.finish(); }

 private:
  [[nodiscard]] bool take(const AVPacket& packet);

  std::string path_;
  VideoMuxer muxer_;
  AVRational time_base_{1, 1};
  bool keeps_all_ = false;  // packets
  std::int64_t from_ = INT64_MAX;
  std::int64_t to_ = INT64_MIN;
  std::int64_t first_ = 0;  // pts of its first frame
  std::int64_t early_ = 0;
  std::int64_t taken_ = 0;  // dts of the last packet
  bool begun_ = false;
};

}  // namespace freshframe::media
