// Base64 encoding (RFC 4648, section 4) with FFmpeg.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace freshframe::media {

[[nodiscard]] std::string base64(std::string_view bytes);

}  // namespace freshframe::media
