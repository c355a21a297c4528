// URLs without their passwords.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace freshframe::media {

/// "rtsp://user:secret@host/?pwd=a" -> "rtsp://user:***@host/?pwd=***", for every URL in the text.
[[nodiscard]] std::string mask_passwords(std::string_view text);

}  // namespace freshframe::media
