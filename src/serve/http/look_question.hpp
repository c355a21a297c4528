// What a client asks of a look over HTTP, and the pictures as an answer.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/look.hpp"

#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "media/look/looked_at.hpp"
#include "serve/http/routes.hpp"

namespace freshframe::serve {

/// The name in the path, and `json`; nullopt: it is no path of a look.
[[nodiscard]] std::optional<LookWish> look_wish(std::string_view path);
/// Reads the rest of the wish. Returns what is wrong with it; empty: nothing.
[[nodiscard]] std::string read_look(std::string_view query, LookWish& wish);
/// `views` holds at least one. Throws Error for a picture that cannot be encoded.
[[nodiscard]] Reply look_reply(const LookWish& wish, const std::vector<View>& views,
                               const media::LookedAt& source, const std::stop_token& stop);
/// 503: there is no such picture.
[[nodiscard]] Reply no_view(const LookWish& wish, const media::LookedAt& source);

}  // namespace freshframe::serve
