// Letters beyond ASCII in names of symbols.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace freshframe::gil {

/// UTF-8 from the punycode of Rust's symbols, in which '_' stands before the deltas instead of '-' (RFC 3492,
/// RFC 2603); nothing when it is damaged.
std::optional<std::string> from_punycode(std::string_view bytes);

}  // namespace freshframe::gil
