// Options of FFmpeg: their names, a user's wish to leave frames out, and the texts of an input.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

struct AVIOContext;

namespace freshframe::media {

/// Throws SourceError with `url` for names that no protocol, container or decoder of this FFmpeg knows. An
/// option of a protocol, container or decoder that this stream does not use is refused later, when the stream
/// is open.
void check_known(const std::map<std::string, std::string>& options, const std::string& url);

/// Whether a user's options ask the decoder to leave frames out (skip_frame).
[[nodiscard]] bool leaves_frames_out(const std::map<std::string, std::string>& options);

/// The text that the protocol of an input has set, such as "mime_type" of HTTP; empty means that no text is set.
[[nodiscard]] std::string protocol_text(AVIOContext& io, const char* name);

}  // namespace freshframe::media
