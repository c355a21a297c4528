// Text from servers and devices, made safe for a terminal.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace freshframe::media {

/// Control characters (C0, DEL, and C1 in UTF-8), which can move a terminal's cursor or forge a log line,
/// become U+FFFD.
[[nodiscard]] std::string visible_text(std::string_view text);

}  // namespace freshframe::media
