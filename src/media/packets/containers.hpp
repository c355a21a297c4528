// Decides which containers can store a camera's packets without re-encoding.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/packet.hpp"

#include <map>
#include <string>

extern "C" {
#include <libavcodec/codec_id.h>
#include <libavformat/avformat.h>
}

namespace freshframe::media {

/// FFmpeg's muxers also accept combinations that no player supports: VP9 in a transport stream is private
/// data. This table lists what common players show.
[[nodiscard]] bool holds_packets(const AVOutputFormat& container, AVCodecID codec);
/// Returns the suffixes of suitable containers: ".mp4, .mov, .mkv".
[[nodiscard]] std::string list_containers(AVCodecID codec);

/// Throws Error if players would not find the stream in a file with this name. The message lists suitable
/// containers.
void check_container(const std::string& path, const PacketStream& stream);

/// Logs a warning if a file with this name cannot store the rotation of the stream's frames.
void warn_about_turn(const std::string& path, const PacketStream& stream);

/// Throws OptionError for an option that the container of this name does not have. Packets are copied, so no
/// encoder could use it.
void check_container_options(const std::string& path, const std::map<std::string, std::string>& options);

}  // namespace freshframe::media
