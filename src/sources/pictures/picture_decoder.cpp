// Decodes the first image of a file.
// SPDX-License-Identifier: Apache-2.0
#include "sources/pictures/picture_decoder.hpp"

#include "freshframe/error.hpp"

#include "media/ffmpeg/log.hpp"

namespace freshframe::media {
namespace {

/// Returns null if the image is damaged.
AvFramePtr decode_first(Demuxer& demuxer, Decoder& decoder) {
  auto packet = make_av_packet();
  auto frame = make_av_frame();
  for (;;) {
    switch (decoder.receive(*frame)) {
      case Decoder::Result::Frame:
        return frame;
      case Decoder::Result::Damaged:
      case Decoder::Result::End:
        return nullptr;
      case Decoder::Result::NeedsPacket:
        break;
    }
    const auto result = demuxer.next(*packet);
    if (result == Demuxer::Result::Packet) {
      if (!decoder.send(*packet, {})) return nullptr;
      av_packet_unref(packet.get());
    } else if (result == Demuxer::Result::End) {
      decoder.finish();
    } else {
      return nullptr;
    }
  }
}

}  // namespace

DecodedPicture decode_picture(const DemuxerSettings& settings, int threads, Dictionary& options) {
  Demuxer demuxer(settings, options);
  const FfmpegErrorCapture errors;
  try {
    Decoder decoder(demuxer.stream(), {.threads = threads, .strict = true}, options);
    if (auto frame = decode_first(demuxer, decoder)) {
      return {.frame = std::move(frame),
              .codec = avcodec_get_name(demuxer.stream().codecpar->codec_id),
              .container = demuxer.input().iformat->name,
              .still = demuxer.is_picture(),
              .turn = read_turn(demuxer.stream())};
    }
  } catch (const SourceError&) {
    throw;
  } catch (const Error& error) {
    throw SourceError("cannot read '" + settings.url + "': " + error.what() + errors.in_brackets(),
                      settings.url);
  }
  throw SourceError(
      "cannot read '" + settings.url + "': the image is damaged or cut off" + errors.in_brackets(),
      settings.url);
}

}  // namespace freshframe::media
