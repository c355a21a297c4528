// Changes packets so that a container can hold them.
// SPDX-License-Identifier: Apache-2.0
#include "media/ffmpeg/write/packet_filter.hpp"

#include "freshframe/error.hpp"

#include <string_view>

#include "media/ffmpeg/error.hpp"

extern "C" {
#include <libavutil/opt.h>
}

namespace freshframe::media {
namespace {

void check_filter(int result) {
  if (result < 0) throw Error("cannot prepare packets for a transport stream: " + ffmpeg_text(result));
}

}  // namespace

PacketFilter::PacketFilter(const AVOutputFormat& container, const AVCodecParameters& parameters) {
  const std::string_view name = container.name;
  const bool has_sets = parameters.codec_id == AV_CODEC_ID_H264 || parameters.codec_id == AV_CODEC_ID_HEVC ||
                        parameters.codec_id == AV_CODEC_ID_MPEG4;
  const bool is_annexb = parameters.extradata_size > 0 && parameters.extradata[0] != 1;
  if ((name != "mpegts" && name != "rtsp") || !has_sets || !is_annexb) return;
  const AVBitStreamFilter* const kind = av_bsf_get_by_name("dump_extra");
  if (kind == nullptr)
    throw Error(
        "writing packets to a .ts file needs the bitstream filter dump_extra, which the installed FFmpeg does not have");
  AVBSFContext* raw = nullptr;
  check_filter(av_bsf_alloc(kind, &raw));
  filter_.reset(raw);
  check_filter(avcodec_parameters_copy(filter_->par_in, &parameters));
  check_filter(av_opt_set(filter_->priv_data, "freq", "keyframe", 0));
  check_filter(av_bsf_init(filter_.get()));
}

void PacketFilter::apply(AVPacket& packet) {
  if (!filter_) return;
  check_filter(av_bsf_send_packet(filter_.get(), &packet));
  check_filter(av_bsf_receive_packet(filter_.get(), &packet));
}

}  // namespace freshframe::media
