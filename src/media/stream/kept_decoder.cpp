// Keeps the decoder of a closed connection for the next one.
// SPDX-License-Identifier: Apache-2.0
#include "media/stream/kept_decoder.hpp"

#include "freshframe/error.hpp"

#include <cerrno>

#include "media/device/decoder_wish.hpp"
#include "media/ffmpeg/error.hpp"
#include "media/stream/reconnect.hpp"

namespace freshframe::media {

std::unique_ptr<Decoder> KeptDecoder::take_or_make(const LiveVideo& video, const std::string& url,
                                                   const OpenOptions& open, Dictionary& options) {
  auto decoder = take(video.parameters, video.time_base);
  if (decoder) return decoder;
  const DecoderSettings settings{.threads = open.decoder_threads.value_or(1),
                                 .low_delay = true,
                                 .wish = DecoderWish::read_options(open)};
  try {
    decoder = std::make_unique<Decoder>(video.parameters, video.time_base, settings, options);
  } catch (const CardRefused& refused) {
    throw SourceRefused("cannot open '" + url + "': " + refused.what(), url, ENOTSUP);
  }
  if (const auto unknown = options.leftovers(); !unknown.empty())
    throw SourceRefused(unknown_option_text(url, video.container, decoder->context().codec->name, unknown),
                        url, EINVAL);
  return decoder;
}

}  // namespace freshframe::media
