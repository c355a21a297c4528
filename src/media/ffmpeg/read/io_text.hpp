// The bytes of an input of FFmpeg's, taken out and put back.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

struct AVIOContext;

namespace freshframe::media {

/// Whether it begins with these bytes, which can still be read afterwards. Blocks until they have come.
[[nodiscard]] bool begins_with(AVIOContext& io, std::string_view bytes);

/// All that is left in it, until its end or an error; nullopt means there is nothing but an error, or more
/// than in any playlist. `whole`: an error after some bytes counts as well.
[[nodiscard]] std::optional<std::string> take_text(AVIOContext& io, bool whole = false);

/// Sets the text that is read from it next. It is still the input that FFmpeg has opened, with the URL to which the
/// server has redirected. Only after take_text(). `begin`: its place before. Throws std::bad_alloc.
void put_text(AVIOContext& io, std::string_view text, std::int64_t begin = 0);

}  // namespace freshframe::media
