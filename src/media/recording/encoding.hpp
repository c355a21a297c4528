// The encoding of recordings: the choice of a video file's codec and its advice, and clips for several containers.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/media.hpp"

#include <string>

#include "media/ffmpeg/ptr.hpp"

namespace freshframe::media {

/// The container whose rules all files of clips share: headers apart from the packets, and timestamps.
[[nodiscard]] const AVOutputFormat& clip_container();
[[nodiscard]] VideoFileOptions clip_encoding(const ClipOptions& options);
/// Returns the same options, with closed GOPs: no frame after a keyframe refers to frames before it.
[[nodiscard]] VideoFileOptions closed_groups(const ClipOptions& options);
/// Throws OptionError when a file of this name cannot hold such a clip.
void check_clip_name(const std::string& path, const ClipOptions& options);

/// Checks the name of a clip of a camera's own packets, whose codec is not known yet.
void check_packet_clip_name(const std::string& path);

/// The codec of a file that check_video_file() accepts: `wanted`, or the chosen one for "auto" and "".
[[nodiscard]] std::string video_file_codec(const std::string& path, const std::string& wanted);
/// If h264 was expected and is not available: logs the chosen codec and the reason. The first line of a
/// process is a warning and names the ways out.
void tell_chosen_codec(const std::string& path, const std::string& wanted);
/// For the warning that a recorder is too slow. `codec`: its name or FFmpeg's name of an encoder.
[[nodiscard]] std::string way_to_encode_faster(const std::string& codec, EncoderPreset preset);

}  // namespace freshframe::media
