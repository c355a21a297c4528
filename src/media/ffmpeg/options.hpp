// Checks and reads FFmpeg options.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

struct AVIOContext;

namespace freshframe::media {

/// Throws SourceError with `url` for options that no protocol, container or decoder of this FFmpeg has.
/// Options that exist but are not used by this stream are rejected later, when it is open.
void check_known(const std::map<std::string, std::string>& options, const std::string& url);

/// Returns true if the user's options make the decoder skip frames (skip_frame).
[[nodiscard]] bool leaves_frames_out(const std::map<std::string, std::string>& options);

/// Returns a string option that an input's protocol has set, such as "mime_type" of HTTP, or an empty string.
[[nodiscard]] std::string protocol_text(AVIOContext& io, const char* name);

}  // namespace freshframe::media
