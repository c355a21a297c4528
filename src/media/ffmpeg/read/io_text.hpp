// Reads an AVIOContext into a string, and puts a string back to be read again.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

struct AVIOContext;

namespace freshframe::media {

/// Returns true if the input begins with these bytes, which can still be read afterwards. Blocks until they
/// arrive.
[[nodiscard]] bool begins_with(AVIOContext& io, std::string_view bytes);

/// Returns everything up to the end or an error; nullopt if there is only an error, or more data than in any
/// playlist. `whole`: also return nullopt for an error after some bytes.
[[nodiscard]] std::optional<std::string> take_text(AVIOContext& io, bool whole = false);

/// Sets what is read next. The input keeps FFmpeg's connection, with the URL after redirects. Call only after
/// take_text(). `begin`: the offset before take_text(). Throws std::bad_alloc.
void put_text(AVIOContext& io, std::string_view text, std::int64_t begin = 0);

}  // namespace freshframe::media
