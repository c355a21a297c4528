// Reports whether a source is decoded on a GPU or the CPU.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/log.hpp"
#include "freshframe/node.hpp"

#include <string>

#include "media/ffmpeg/read/decoder.hpp"

namespace freshframe::media {

/// Call after each frame. Reports where frames are decoded, if that has changed. Counts copies from the GPU
/// and the time spent waiting for it. `url`: without passwords. Falling back to the CPU is logged once, even
/// if each new connection has the same reason.
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
