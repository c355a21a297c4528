// Reports where the pictures of a source are decoded.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/log.hpp"
#include "freshframe/node.hpp"

#include <string>

#include "media/ffmpeg/read/decoder.hpp"

namespace freshframe::media {

/// Call it after each picture: it does nothing while the decoder stays where it is. `url`: without passwords. A CPU
/// that decodes instead of the card is one warning, even if each new connection has the same reason.
inline void note_place(Decoder& decoder, const std::string& url, const Context& context) {
  const auto place = decoder.take_place();
  if (!place) return;
  const bool is_new = context.counters.source().set_decoder(place->name, place->reason);
  if (is_new && !place->reason.empty())
    log(LogLevel::Warning, "'" + url + "' is decoded by the CPU: " + place->reason);
}

}  // namespace freshframe::media
