// Text that a plugin wrote: nothing says that it is UTF-8.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace freshframe::plugin {

[[nodiscard]] bool is_utf8(std::string_view text) noexcept;
/// The text as UTF-8: a byte that is none, such as that of a letter cut in half, becomes U+FFFD.
[[nodiscard]] std::string utf8_of(std::string_view text);

}  // namespace freshframe::plugin
