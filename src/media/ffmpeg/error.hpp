// Converts FFmpeg's error codes to messages and errno values.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace freshframe::media {

/// Returns FFmpeg's message for an error code, without a capital letter or full stop.
[[nodiscard]] std::string ffmpeg_text(int error);
/// Returns the message for a source that cannot be opened because of unknown options `names`. `url`: without
/// passwords.
[[nodiscard]] std::string unknown_option_text(const std::string& url, const std::string& container,
                                              const std::string& decoder, const std::string& names);
/// Returns the errno in FFmpeg's code, or 0 for its own codes, such as "invalid data".
[[nodiscard]] int ffmpeg_errno(int error) noexcept;

}  // namespace freshframe::media
