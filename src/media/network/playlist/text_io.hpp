// The text behind an input of FFmpeg's, taken out and put back.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "media/ffmpeg/ptr.hpp"

namespace freshframe::media {

/// Whether it begins with these bytes, which can be read all the same. Blocks until they have come.
[[nodiscard]] bool begins_with(AVIOContext& io, std::string_view bytes);

/// All that is left in it, until its end or an error; nullopt: there is nothing but an error, or more than in
/// any playlist.
[[nodiscard]] std::optional<std::string> take_text(AVIOContext& io);

/// What is read from it next. It is still the input that FFmpeg has opened, with the URL to which the server
/// has redirected. Only after take_text(). Throws std::bad_alloc.
void put_text(AVIOContext& io, std::string_view text);

}  // namespace freshframe::media
