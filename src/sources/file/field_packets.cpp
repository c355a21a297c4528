// Finds packets that hold the second field of a frame.
// SPDX-License-Identifier: Apache-2.0
#include "sources/file/field_packets.hpp"

#include <cstdint>
#include <new>

#include "media/ffmpeg/log.hpp"

namespace freshframe::media {
namespace {

bool is_field(AVPictureStructure structure) {
  return structure == AV_PICTURE_STRUCTURE_TOP_FIELD || structure == AV_PICTURE_STRUCTURE_BOTTOM_FIELD;
}

}  // namespace

FieldPackets::FieldPackets(const AVCodecParameters& parameters)
    : codec_(avcodec_alloc_context3(nullptr)), parser_(av_parser_init(parameters.codec_id)) {
  if (!codec_ || !parser_ || avcodec_parameters_to_context(codec_.get(), &parameters) < 0)
    throw std::bad_alloc();
  parser_->flags |= PARSER_FLAG_COMPLETE_FRAMES;
}

bool FieldPackets::take_packet(const AVPacket& packet) {
  const FfmpegErrorCapture errors;  // the decoder reports a damaged packet
  std::uint8_t* data = nullptr;
  int size = 0;
  static_cast<void>(av_parser_parse2(parser_.get(), codec_.get(), &data, &size, packet.data, packet.size,
                                     packet.pts, packet.dts, packet.pos));
  const auto structure = parser_->picture_structure;
  const bool is_other = is_field(first_) && is_field(structure) && structure != first_;
  first_ = is_other ? AV_PICTURE_STRUCTURE_UNKNOWN : structure;
  return is_other;
}

}  // namespace freshframe::media
