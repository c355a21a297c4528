// Keeps the decoder of a closed connection for the next one.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/media.hpp"

#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "media/ffmpeg/read/decoder.hpp"

namespace freshframe::media {

/// The video of a live stream.
struct LiveVideo {
  const AVCodecParameters& parameters;
  AVRational time_base;
  std::string container;  // for errors
};

/// Thread-safe, because an abandoned connection may still be opening while the next one exists.
class KeptDecoder {
 public:
  KeptDecoder() = default;
  KeptDecoder(const KeptDecoder&) = delete;
  KeptDecoder& operator=(const KeptDecoder&) = delete;
  ~KeptDecoder() { keep(nullptr); }

  /// Replaces the decoder that was kept before.
  void keep(std::unique_ptr<Decoder> decoder) {
    const std::unique_ptr<Decoder> before(kept_.exchange(decoder.release()));
  }
  /// Returns the decoder if it can continue with this stream, otherwise destroys it and returns null.
  [[nodiscard]] std::unique_ptr<Decoder> take(const AVCodecParameters& parameters, AVRational time_base) {
    std::unique_ptr<Decoder> decoder(kept_.exchange(nullptr));
    if (!decoder || !decoder->goes_on_with(parameters, time_base)) return nullptr;
    decoder->begin_again();
    return decoder;
  }
  /// Like take(), but creates a decoder instead of returning null. `options`: those of FFmpeg. They must all
  /// be known, and are not checked again if the decoder was kept. Throws SourceRefused.
  [[nodiscard]] std::unique_ptr<Decoder> take_or_make(const LiveVideo& video, const std::string& url,
                                                      const OpenOptions& open, Dictionary& options);

 private:
  std::atomic<Decoder*> kept_{nullptr};
};

}  // namespace freshframe::media
