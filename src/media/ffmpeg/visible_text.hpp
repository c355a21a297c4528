// Text from servers and devices, fit for a terminal.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace freshframe::media {

/// Control characters (C0, DEL, and C1 in UTF-8), which move a terminal's cursor or forge a line of a log,
/// become U+FFFD.
[[nodiscard]] std::string visible_text(std::string_view text);

}  // namespace freshframe::media
