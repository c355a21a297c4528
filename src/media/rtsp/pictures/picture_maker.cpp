// Makes pictures of a stream's packets: whole ones as soon as their last packet has come.
// SPDX-License-Identifier: Apache-2.0
#include "media/rtsp/pictures/picture_maker.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

#include "media/rtsp/protocol/fault.hpp"

namespace freshframe::media::rtsp {
namespace {

/// Of other codecs FFmpeg itself gives a picture at its marker only.
bool has_slices(Codec codec) {
  return codec == Codec::H264 || codec == Codec::H265 || codec == Codec::Mpeg4;
}

}  // namespace

PictureMaker::PictureMaker(Codec codec, int clock, bool believes_markers, Depacketiser& depacketiser,
                           OnPicture on_picture)
    : codec_(codec),
      clock_(clock),
      ends_(believes_markers || !has_slices(codec)),
      depacketiser_(depacketiser),
      on_picture_(std::move(on_picture)) {}

void PictureMaker::add(const RtpPacket& packet, bool after_gap, TimePoint arrived) {
  const auto facts = look_at(codec_, packet.payload);
  const auto verdict = ends_.add(
      {.timestamp = packet.timestamp, .marker = packet.marker, .coded = facts.coded, .tail = facts.tail});
  if (verdict.before) finish();
  // Parameter sets amid a picture are those of the next one: some servers repeat them between slices
  // (GStreamer with config-interval=-1), where H.265's decoder does not take them.
  const bool of_next = facts_.coded && facts.units > 0 && facts.sets == facts.units && !verdict.after;
  if (!of_next) note_time(packet, arrived);
  facts_.coded = facts_.coded || facts.coded;
  facts_.key = facts_.key || facts.key;
  facts_.intra = facts_.intra || facts.intra;
  facts_.inter = facts_.inter || facts.inter;
  facts_.units += facts.units;
  taken_ += packet.payload.size();
  // FFmpeg keeps the parts of these codecs itself, up to the marker.
  if (!has_slices(codec_) && taken_ > kMostBytes) throw Fault(Trouble::Lost, "a picture has no end", EBADMSG);
  depacketiser_.add(packet, after_gap, of_next ? next_sets_ : bytes_);
  if (next_sets_.size() > kMostSetBytes) next_sets_.clear();
  if (bytes_.size() > kMostBytes || facts_.units > kMostUnits) {
    bytes_.clear();
    too_large_ = true;
  }
  if (verdict.after) finish();
}

/// A picture has the time of its slices: parameter sets may come long before, with the time of the picture
/// before.
void PictureMaker::note_time(const RtpPacket& packet, TimePoint arrived) {
  if (open_ && (facts_.coded || packet.timestamp == timestamp_)) return;
  open_ = true;
  arrived_ = arrived;
  timestamp_ = packet.timestamp;
}

void PictureMaker::finish() {
  if (last_timestamp_) ticks_ += static_cast<std::int32_t>(timestamp_ - *last_timestamp_);
  last_timestamp_ = timestamp_;
  taken_ = 0;
  if (std::exchange(too_large_, false)) {
    ++oversized_;
    bytes_.clear();
  }
  const bool key = facts_.key || (facts_.intra && !facts_.inter);
  facts_ = {};
  open_ = false;
  if (bytes_.empty()) {
    bytes_ = std::exchange(next_sets_, {});
    return;
  }
  Picture picture{.packet = make_av_packet(), .arrived = arrived_, .key = key};
  if (av_new_packet(picture.packet.get(), static_cast<int>(bytes_.size())) < 0) throw std::bad_alloc();
  std::memcpy(picture.packet->data, bytes_.data(), bytes_.size());
  bytes_ = std::exchange(next_sets_, {});
  picture.packet->pts = ticks_;
  if (key) picture.packet->flags |= AV_PKT_FLAG_KEY;
  if (report_ && report_->wall_time) {
    picture.wall_time =
        *report_->wall_time +
        static_cast<double>(static_cast<std::int32_t>(timestamp_ - report_->timestamp)) / clock_;
  }
  on_picture_(std::move(picture));
}

}  // namespace freshframe::media::rtsp
