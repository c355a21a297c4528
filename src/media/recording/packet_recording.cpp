// Writes a camera's own packets into files.
// SPDX-License-Identifier: Apache-2.0
#include "media/recording/packet_recording.hpp"

#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <algorithm>
#include <cmath>
#include <new>
#include <utility>

#include "core/unit_text.hpp"
#include "media/ffmpeg/error.hpp"
#include "media/ffmpeg/log.hpp"
#include "media/packets/containers.hpp"
#include "media/packets/parameters.hpp"

namespace freshframe::media {
namespace {

constexpr AVRational kTicksPerSecond{1, 90000};  // of RTP and MPEG-TS, so a camera's times stay exact

std::int64_t to_ticks(double seconds) {
  return std::llround(seconds * av_q2d(av_inv_q(kTicksPerSecond)));
}

}  // namespace

void PacketRecording::write(const Sample<Packet>& sample, const Context& context) {
  const auto& packet = sample.value;
  if (sample.dropped > 0 && !waits_for_key_) {
    waits_for_key_ = true;
    log(LogLevel::Warning, std::to_string(sample.dropped) + " packets did not reach the recorder of '" +
                               files_.path() + "': it goes on at the next key picture");
  }
  if (waits_for_key_ && !packet.key) {
    context.counters.drop(NodeDropCause::Lost);
    return;
  }
  waits_for_key_ = false;
  if (begins_new_file(packet)) finish();
  if (!muxer_) begin(packet);
  put(packet);
  files_.note(sample.stamp);
}

bool PacketRecording::begins_new_file(const Packet& packet) const {
  if (!muxer_) return false;
  if (packet.stream != stream_) {
    if (parameters_of(*packet.stream).codec->codec_id != parameters_of(*stream_).codec->codec_id ||
        packet.stream->width != stream_->width || packet.stream->height != stream_->height ||
        packet.stream->extradata != stream_->extradata)
      return true;
  }
  if (packet.dts - newest_ >= longest_pause(muxer_->container(), kTicksPerSecond)) return packet.key;
  const auto& segment = files_.segment();
  return segment && packet.key && packet.pts >= first_ + *segment;
}

/// Refuses what the container cannot hold, and says what could.
void PacketRecording::check_container(const Packet& key) const {
  const auto& parameters = parameters_of(*key.stream);
  const auto& container = *find_container(files_.path());
  const bool reordered = parameters.depth > 0;
  if (holds_packets(container, parameters.codec->codec_id, reordered)) return;
  throw Error("cannot write '" + files_.path() + "': a " + container.name +
              " file cannot hold the camera's own " + key.stream->codec +
              (reordered ? " with pictures out of order" : "") + ", as players know it; names that end in " +
              containers_of(parameters.codec->codec_id, reordered) + " can");
}

void PacketRecording::begin(const Packet& key) {
  check_container(key);
  if (stream_ && ever_ && key.stream->extradata != stream_->extradata) {
    log(LogLevel::Warning, "the camera of '" + files_.path() + "' sends with other parameters: " +
                               std::to_string(key.stream->width) + "x" + std::to_string(key.stream->height) +
                               " " + key.stream->codec + ", in a file of their own");
  }
  const auto& parameters = parameters_of(*key.stream);
  files_.begin(
      [&](const std::string& name, DiskRoom* room) { muxer_ = std::make_unique<VideoMuxer>(name, room); });
  const FfmpegErrorCapture errors;
  Dictionary options(options_.options);
  filter_.emplace(muxer_->container(), *parameters.codec);
  const int result = muxer_->start(*parameters.codec, kTicksPerSecond, {0, 1}, options);
  if (result < 0) {
    muxer_->finish();
    muxer_.reset();
    throw Error("cannot create '" + files_.name() + "': " + ffmpeg_text(result) + errors.in_brackets());
  }
  stream_ = key.stream;
  first_ = key.pts;
  ever_ = true;
}

void PacketRecording::put(const Packet& packet) {
  newest_ = packet.dts;
  const AvPacketPtr own(av_packet_clone(&native_packet(packet)));
  if (!own) throw std::bad_alloc();
  own->pts = to_ticks(packet.pts - first_);
  own->dts = std::min(own->pts, to_ticks(packet.dts - first_));
  own->duration = to_ticks(packet.duration);
  own->flags = packet.key ? own->flags | AV_PKT_FLAG_KEY : own->flags & ~AV_PKT_FLAG_KEY;
  filter_->apply(*own);
  muxer_->write(*own, kTicksPerSecond);
}

void PacketRecording::pause() {
  if (muxer_) muxer_->flush();
}

void PacketRecording::finish() {
  if (!muxer_) return;
  const auto last = std::move(muxer_);  // destroyed afterwards in any case
  files_.end(true, [&] { last->finish(); });
}

}  // namespace freshframe::media
