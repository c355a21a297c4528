// Keeps the decoder of a connection that has ended until the next connection takes it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <utility>

#include "media/ffmpeg/read/decoder.hpp"

namespace freshframe::media {

/// Any thread: a connection that is abandoned may still be opening beside the next one.
class KeptDecoder {
 public:
  KeptDecoder() = default;
  KeptDecoder(const KeptDecoder&) = delete;
  KeptDecoder& operator=(const KeptDecoder&) = delete;
  ~KeptDecoder() { keep(nullptr); }

  /// In place of the decoder that was kept before.
  void keep(std::unique_ptr<Decoder> decoder) {
    const std::unique_ptr<Decoder> before(kept_.exchange(decoder.release()));
  }
  /// The decoder, if it goes on with this stream, else null. It is no longer kept in either case.
  [[nodiscard]] std::unique_ptr<Decoder> take(const AVCodecParameters& parameters, AVRational time_base) {
    std::unique_ptr<Decoder> decoder(kept_.exchange(nullptr));
    if (!decoder || !decoder->goes_on_with(parameters, time_base)) return nullptr;
    decoder->begin_again();
    return decoder;
  }

 private:
  std::atomic<Decoder*> kept_{nullptr};
};

}  // namespace freshframe::media
