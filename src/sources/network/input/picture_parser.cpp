// Splits or joins packets so that each holds exactly one frame.
// SPDX-License-Identifier: Apache-2.0
#include "sources/network/input/picture_parser.hpp"

#include <algorithm>
#include <cstring>
#include <new>

namespace freshframe::media {
namespace {

CodecPtr make_codec(const AVCodecParameters& parameters) {
  CodecPtr codec(avcodec_alloc_context3(nullptr));
  if (!codec || avcodec_parameters_to_context(codec.get(), &parameters) < 0) throw std::bad_alloc();
  return codec;
}

}  // namespace

PictureParser::PictureParser(const AVCodecParameters& parameters)
    : codec_(make_codec(parameters)), parser_(av_parser_init(parameters.codec_id)) {
  if (!parser_) throw std::bad_alloc();
}

void PictureParser::add(const AVPacket& packet, std::deque<AvPacketPtr>& pictures) {
  const auto* bytes = packet.data;
  int left = packet.size;
  auto pts = packet.pts;
  auto dts = packet.dts;
  while (left > 0) {
    std::uint8_t* data = nullptr;
    int size = 0;
    const int used =
        av_parser_parse2(parser_.get(), codec_.get(), &data, &size, bytes, left, pts, dts, packet.pos);
    if (used < 0) return;
    bytes += used;
    left -= used;
    pts = dts = AV_NOPTS_VALUE;  // later frames of this packet have no timestamps of their own
    if (size > 0) pictures.push_back(make_picture(data, size, packet));
  }
}

void PictureParser::finish(int stream, std::deque<AvPacketPtr>& pictures) {
  std::uint8_t* data = nullptr;
  int size = 0;
  av_parser_parse2(parser_.get(), codec_.get(), &data, &size, nullptr, 0, AV_NOPTS_VALUE, AV_NOPTS_VALUE, -1);
  const auto end = make_av_packet();
  end->stream_index = stream;
  if (size > 0) pictures.push_back(make_picture(data, size, *end));
}

/// `packet`: the one that completed the frame.
AvPacketPtr PictureParser::make_picture(const std::uint8_t* data, int size, const AVPacket& packet) {
  auto picture = make_av_packet();
  if (av_new_packet(picture.get(), size) < 0) throw std::bad_alloc();
  std::memcpy(picture->data, data, static_cast<std::size_t>(size));
  picture->stream_index = packet.stream_index;
  picture->pos = parser_->pos;
  picture->flags = packet.flags & AV_PKT_FLAG_CORRUPT;
  const bool is_intra = parser_->key_frame == -1 && parser_->pict_type == AV_PICTURE_TYPE_I;
  if (parser_->key_frame == 1 || is_intra) picture->flags |= AV_PKT_FLAG_KEY;
  set_times(*picture);
  return picture;
}

/// Only the first frame of a packet has timestamps. The others follow at the previous interval.
void PictureParser::set_times(AVPacket& picture) {
  picture.pts = parser_->pts;
  picture.dts = parser_->dts != AV_NOPTS_VALUE ? parser_->dts : parser_->pts;
  if (picture.dts == AV_NOPTS_VALUE && last_) picture.dts = picture.pts = *last_ + step_;
  if (picture.dts == AV_NOPTS_VALUE) return;
  if (last_) step_ = std::max<std::int64_t>(0, picture.dts - *last_) / (step_ == 0 ? 2 : 1);
  last_ = picture.dts;
}

}  // namespace freshframe::media
