// Text in the letters of the built-in font.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace freshframe::vision {

/// UTF-8 in ASCII: Latin letters lose their accents ("Tür" is "Tur", "ß" is "ss"), every other letter becomes
/// one that the font shows as an empty box. At most `most` letters; "..." ends a longer text.
[[nodiscard]] std::string drawable_text(std::string_view text, std::size_t most);

}  // namespace freshframe::vision
