// Finds where to start decoding so that frames from a given time on match those of the whole file.
// SPDX-License-Identifier: Apache-2.0
#include "sources/file/start_scan.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <utility>

#include "media/ffmpeg/read/h264_order.hpp"
#include "sources/file/packet_images.hpp"

namespace freshframe::media {
namespace {

/// Bytes of packets kept between two keyframes. Beyond this, the file is decoded from the beginning.
constexpr std::int64_t kMostBytes = std::int64_t{256} << 20;
/// Seconds by which pts may decrease between packets in decoding order. A larger decrease means that two
/// recordings were joined, which shifts all later timestamps.
constexpr double kJump = 1.0;

/// Codecs that flag their keyframes reliably and put one frame in each packet.
bool keeps_the_rules(AVCodecID codec) {
  constexpr std::array kKnown{
      AV_CODEC_ID_H264,    AV_CODEC_ID_HEVC,       AV_CODEC_ID_VP8,        AV_CODEC_ID_VP9,
      AV_CODEC_ID_AV1,     AV_CODEC_ID_MPEG1VIDEO, AV_CODEC_ID_MPEG4,      AV_CODEC_ID_MJPEG,
      AV_CODEC_ID_FFV1,    AV_CODEC_ID_PRORES,     AV_CODEC_ID_MPEG2VIDEO, AV_CODEC_ID_DNXHD,
      AV_CODEC_ID_FFVHUFF, AV_CODEC_ID_HUFFYUV,    AV_CODEC_ID_RAWVIDEO,   AV_CODEC_ID_PNG,
      AV_CODEC_ID_QTRLE,   AV_CODEC_ID_UTVIDEO,    AV_CODEC_ID_JPEG2000,   AV_CODEC_ID_DVVIDEO};
  return std::find(kKnown.begin(), kKnown.end(), codec) != kKnown.end();
}

/// Detects field-coded H.264, where a packet holds half a frame.
class PictureStructure {
 public:
  explicit PictureStructure(const AVCodecParameters& parameters) {
    if (parameters.codec_id != AV_CODEC_ID_H264) return;
    parser_.reset(av_parser_init(parameters.codec_id));
    codec_ = make_codec(avcodec_find_decoder(parameters.codec_id));
    if (!parser_ || avcodec_parameters_to_context(codec_.get(), &parameters) < 0) return;
    parser_->flags |= PARSER_FLAG_COMPLETE_FRAMES;
  }

  void look_at(const AVPacket& packet) {
    if (!parser_) return;
    std::uint8_t* data = nullptr;
    int size = 0;
    av_parser_parse2(parser_.get(), codec_.get(), &data, &size, packet.data, packet.size, packet.pts,
                     packet.dts, packet.pos);
  }
  [[nodiscard]] bool is_field() const {
    return parser_ && (parser_->picture_structure == AV_PICTURE_STRUCTURE_TOP_FIELD ||
                       parser_->picture_structure == AV_PICTURE_STRUCTURE_BOTTOM_FIELD);
  }
  [[nodiscard]] bool is_progressive() const {
    return !parser_ || parser_->field_order == AV_FIELD_PROGRESSIVE;
  }

 private:
  ParserPtr parser_;
  CodecPtr codec_;
};

class Scan {
 public:
  Scan(Demuxer& demuxer, std::int64_t ticks, bool jumped)
      : demuxer_(demuxer),
        wanted_(ticks),
        jumped_(jumped),
        parameters_(*demuxer.stream().codecpar),
        structure_(*demuxer.stream().codecpar) {}

  std::optional<StartPoint> run() {
    if (!keeps_the_rules(parameters_.codec_id)) return std::nullopt;
    while (later_ <= kMostReordered) {
      auto packet = make_av_packet();
      const auto result = demuxer_.next(*packet);
      if (result == Demuxer::Result::Stopped) demuxer_.throw_stopped();
      if (result == Demuxer::Result::Damaged || demuxer_.has_complained()) return std::nullopt;
      if (result == Demuxer::Result::End) break;
      if (!take(std::move(packet))) return std::nullopt;
    }
    std::sort(point_.times.begin(), point_.times.end());
    const bool found = !point_.packets.empty() && point_.packets.front()->pts <= wanted_;
    return found ? std::optional(std::move(point_)) : std::nullopt;
  }

 private:
  /// Returns false if the start cannot be found from packets alone, so the file must be decoded.
  bool take(AvPacketPtr packet) {
    structure_.look_at(*packet);
    const bool first = point_.packets.empty() && bytes_ == 0;
    const bool key = (packet->flags & AV_PKT_FLAG_KEY) != 0;
    if (structure_.is_field() || (first && !begin_scan(*packet, key))) return false;
    bytes_ += packet->size + 1;
    if (bytes_ > kMostBytes) return false;
    if (is_packed(*packet, parameters_)) return false;
    if ((packet->flags & AV_PKT_FLAG_DISCARD) == 0 && holds_image(*packet, parameters_)) {
      if (!is_plausible(packet->pts)) return false;
      if (key && packet->pts <= wanted_) restart_at(*packet);
      if (packet->pts == latest_) point_.end = av_sat_add64(packet->pts, packet->duration);
      point_.times.push_back(packet->pts);
      if (packet->pts > wanted_) ++later_;
      // Leading frames of the first keyframe cannot be decoded.
      if (packet->pts < first_key_ && !jumped_) return false;
    }
    point_.packets.push_back(std::move(packet));
    return true;
  }

  bool begin_scan(const AVPacket& packet, bool key) {
    first_key_ = packet.pts;
    if (!key) return false;
    // Timestamps derived from the packet order are late if frames are reordered.
    if (demuxer_.lacks_times() && packet.pts != packet.dts) return false;
    if (!jumped_) return true;
    const auto before = demuxer_.frames_before(packet);
    if (!before || !structure_.is_progressive()) return false;
    point_.frames_before = *before;
    return true;
  }

  void restart_at(const AVPacket& key) {
    point_.frames_before += static_cast<std::int64_t>(point_.times.size());
    point_.times.clear();
    point_.packets.clear();
    bytes_ = key.size + 1;
  }

  bool is_plausible(std::int64_t pts) {
    if (pts == AV_NOPTS_VALUE) return false;
    const double tick = av_q2d(demuxer_.stream().time_base);
    if (latest_ != AV_NOPTS_VALUE) {
      const double step = static_cast<double>(pts - latest_) * tick;
      if (step < -kJump || step > demuxer_.largest_leap()) return false;
    }
    latest_ = std::max(latest_, pts);
    return true;
  }

  Demuxer& demuxer_;
  const std::int64_t wanted_;
  const bool jumped_;
  const AVCodecParameters& parameters_;
  PictureStructure structure_;
  StartPoint point_;
  std::int64_t bytes_ = 0;
  std::int64_t first_key_ = AV_NOPTS_VALUE;
  std::int64_t latest_ = AV_NOPTS_VALUE;
  int later_ = 0;  // frames after the requested time
};

}  // namespace

std::optional<std::int64_t> StartPoint::find_number(std::int64_t ticks) const {
  const auto found = std::lower_bound(times.begin(), times.end(), ticks);
  if (found == times.end() || *found != ticks) return std::nullopt;
  return frames_before + (found - times.begin());
}

std::optional<std::int64_t> StartPoint::first_from(std::int64_t ticks) const {
  const auto found = std::lower_bound(times.begin(), times.end(), ticks);
  return found == times.end() ? std::nullopt : std::optional(*found);
}

std::optional<std::int64_t> StartPoint::last_until(std::int64_t ticks) const {
  const auto found = std::upper_bound(times.begin(), times.end(), ticks);
  return found == times.begin() ? std::nullopt : std::optional(*std::prev(found));
}

std::optional<StartPoint> find_start(Demuxer& demuxer, std::int64_t ticks, bool jumped) {
  return Scan(demuxer, ticks, jumped).run();
}

}  // namespace freshframe::media
