// FFmpeg's error codes as text and errno.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace freshframe {

/// FFmpeg's own words for an error code, without a capital or a full stop.
[[nodiscard]] std::string ffmpeg_text(int error);
/// The errno behind FFmpeg's code, 0 when there is none (its own codes, such as "invalid data").
[[nodiscard]] int ffmpeg_errno(int error) noexcept;

}  // namespace freshframe
