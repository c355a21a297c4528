// Options of FFmpeg: their names, a user's wish to leave frames out, the texts of an input, and numbers in any locale.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <clocale>
#include <map>
#include <string>

struct AVIOContext;

namespace freshframe::media {

/// While it lives, this thread reads numbers with a decimal point: FFmpeg reads its options and the lengths in playlists by
/// the program's locale, which a toolkit may have set to one with a decimal comma.
class DecimalPoint {
 public:
  DecimalPoint();
  DecimalPoint(const DecimalPoint&) = delete;
  DecimalPoint& operator=(const DecimalPoint&) = delete;
  ~DecimalPoint();

 private:
  const locale_t before_;
};

/// Throws SourceError with `url` for names that no protocol, container or decoder of this FFmpeg knows. An
/// option of a protocol, container or decoder that this stream does not use is refused later, when the stream
/// is open.
void check_known(const std::map<std::string, std::string>& options, const std::string& url);

/// Whether a user's options ask the decoder to leave frames out (skip_frame).
[[nodiscard]] bool leaves_frames_out(const std::map<std::string, std::string>& options);

/// The text that the protocol of an input has set, such as "mime_type" of HTTP; empty means that no text is set.
[[nodiscard]] std::string protocol_text(AVIOContext& io, const char* name);

}  // namespace freshframe::media
