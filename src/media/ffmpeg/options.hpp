// What a user's options for FFmpeg mean: whether any part of it has one of a name, whether frames are left out.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

namespace freshframe::media {

/// Throws SourceError with `url` for names that no protocol, container or decoder of this FFmpeg knows. An
/// option of a protocol, container or decoder that this stream does not use is refused later, when the stream
/// is open.
void check_known(const std::map<std::string, std::string>& options, const std::string& url);

/// Whether a user's options ask the decoder to leave frames out (skip_frame).
[[nodiscard]] bool leaves_frames_out(const std::map<std::string, std::string>& options);

}  // namespace freshframe::media
