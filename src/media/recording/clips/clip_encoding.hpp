// The encoding of frames for clips, which must suit the files of several containers.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/media.hpp"

#include <string>

#include "media/ffmpeg/ptr.hpp"

namespace freshframe::media {

/// The container whose rules all files of clips share: headers apart from the packets, and timestamps.
[[nodiscard]] const AVOutputFormat& clip_container();
[[nodiscard]] VideoFileOptions clip_encoding(const ClipOptions& options);
/// Returns the same options, with closed GOPs: no frame after a key frame refers to frames before it.
[[nodiscard]] VideoFileOptions closed_groups(const ClipOptions& options);
/// Throws OptionError when a file of this name cannot hold such a clip.
void check_clip_name(const std::string& path, const ClipOptions& options);

/// Checks the name of a clip of a camera's own packets, whose codec is not known yet.
void check_packet_clip_name(const std::string& path);

}  // namespace freshframe::media
