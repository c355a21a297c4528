// Writes a camera's own packets into files.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/node.hpp"
#include "freshframe/packet.hpp"

#include <exception>
#include <memory>
#include <optional>
#include <string>

#include "media/ffmpeg/write/packet_filter.hpp"
#include "media/ffmpeg/write/video_muxer.hpp"
#include "media/packets/packet_ticks.hpp"
#include "media/recording/recording_files.hpp"

namespace freshframe::media {

/// A file begins with a key packet, which is at its second 0, and has all packets from there on, bit for bit.
/// Where packets were dropped before the recorder, it waits for the next key packet. New parameters begin the
/// next file. One thread.
class PacketRecording {
 public:
  PacketRecording(RecordingFiles& files, const VideoFileOptions& options)
      : files_(files), options_(options) {}

  /// `dropped`: packets before this one that did not come.
  void write(const Sample<Packet>& sample, const Context& context);
  /// Passes the packets so far to the operating system.
  void pause();
  /// Ends the file, if there is one.
  void finish();
  [[nodiscard]] bool has_begun() const noexcept { return stream_ != nullptr; }

 private:
  void begin(const Packet& key);
  [[nodiscard]] bool begins_new_file(const Packet& packet) const;
  void put(const Packet& packet);

  RecordingFiles& files_;
  const VideoFileOptions& options_;
  std::unique_ptr<VideoMuxer> muxer_;
  std::optional<PacketFilter> filter_;
  std::shared_ptr<const PacketStream> stream_;  // of the file
  std::optional<PacketTicks> ticks_;            // of the file
  double first_ = 0;                            // pts of the file's first packet
  double newest_ = 0;                           // dts of the newest packet
  bool waits_for_key_ = true;
};

}  // namespace freshframe::media
