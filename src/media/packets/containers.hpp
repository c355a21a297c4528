// Which containers can hold a camera's own packets.
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

/// FFmpeg's muxers also take what no player finds again: a transport stream with VP9 has private data. This
/// table says what common players show.
[[nodiscard]] bool holds_packets(const AVOutputFormat& container, AVCodecID codec);
/// The suffixes of the containers that do: ".mp4, .mov, .mkv".
[[nodiscard]] std::string list_containers(AVCodecID codec);

/// Throws Error when players would not find packets of this stream in a file of this name: the message lists the
/// containers that can hold them.
void check_container(const std::string& path, const PacketStream& stream);

/// Throws OptionError for an option that the container of this name does not have: below packets there is no encoder
/// that could take it.
void check_container_options(const std::string& path, const std::map<std::string, std::string>& options);

}  // namespace freshframe::media
