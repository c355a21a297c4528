// FFmpeg's error codes as text and errno.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace freshframe::media {

/// FFmpeg's text for an error code, without a capital or a full stop.
[[nodiscard]] std::string ffmpeg_text(int error);
/// The message for a source that cannot be opened because the options `names` are unknown. `url`: without
/// passwords.
[[nodiscard]] std::string unknown_option_text(const std::string& url, const std::string& container,
                                              const std::string& decoder, const std::string& names);
/// The errno in FFmpeg's code, or 0 if it has none (its own codes, such as "invalid data").
[[nodiscard]] int ffmpeg_errno(int error) noexcept;

}  // namespace freshframe::media
