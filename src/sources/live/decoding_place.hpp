// Reports where the pictures of a source are decoded.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/log.hpp"
#include "freshframe/node.hpp"

#include <string>

#include "media/ffmpeg/read/decoder.hpp"

namespace freshframe::media {

/// Call it after each picture: it reports only changes, and counts the copies from a card and the waits for it.
/// `url`: without passwords. A CPU that decodes instead of the card is one warning, even if each new connection has the
/// same reason.
inline void note_place(Decoder& decoder, const std::string& url, const Context& context) {
  if (const auto count = decoder.take_downloads(); count > 0)
    context.counters.source().downloads()->fetch_add(count);
  if (const auto wait = decoder.take_card_wait(); wait > 0) context.counters.source().add_card_wait(wait);
  const auto place = decoder.take_place();
  if (!place) return;
  const bool is_new = context.counters.source().set_decoder(place->name, place->reason);
  if (is_new && !place->reason.empty())
    log(LogLevel::Warning, "'" + url + "' is decoded by the CPU: " + place->reason);
}

}  // namespace freshframe::media
