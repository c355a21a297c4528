// Writes a camera's own packets into files.
// SPDX-License-Identifier: Apache-2.0
#include "media/recording/packet_recording.hpp"

#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <utility>

#include "core/unit_text.hpp"
#include "media/ffmpeg/error.hpp"
#include "media/ffmpeg/log.hpp"
#include "media/packets/containers.hpp"
#include "media/packets/parameters.hpp"

namespace freshframe::media {

void PacketRecording::write(const Sample<Packet>& sample, const Context& context) {
  const auto& packet = sample.value;
  if (sample.dropped > 0 && !waits_for_key_) {
    waits_for_key_ = true;
    log(LogLevel::Warning, std::to_string(sample.dropped) + " packets did not reach the recorder of '" +
                               files_.path() + "': it goes on at the next key picture");
  }
  if (waits_for_key_ && !packet.key) {
    if (stream_) context.counters.drop(NodeDropCause::Lost);  // else it belongs to the start
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
  if (!is_same_stream(*packet.stream, *stream_)) return true;
  if (packet.dts - newest_ >= longest_pause(muxer_->container(), muxer_->time_base())) return packet.key;
  const auto& segment = files_.segment();
  return segment && packet.key && packet.pts >= first_ + *segment;
}

void PacketRecording::begin(const Packet& key) {
  check_container(files_.path(), *key.stream);
  if (stream_ && key.stream->extradata != stream_->extradata) {
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
  const int result = muxer_->start(*parameters.codec, PacketTicks::kTimeBase, {0, 1}, options);
  if (result < 0) {
    muxer_->finish();
    muxer_.reset();
    throw Error("cannot create '" + files_.name() + "': " + ffmpeg_text(result) + errors.in_brackets());
  }
  stream_ = key.stream;
  first_ = key.pts;
  ticks_.emplace(key.pts);
}

void PacketRecording::put(const Packet& packet) {
  newest_ = packet.dts;
  const auto own = ticks_->next(packet);
  filter_->apply(*own);
  muxer_->write(*own, PacketTicks::kTimeBase);
}

void PacketRecording::pause() {
  if (muxer_) muxer_->flush();
}

void PacketRecording::finish() {
  if (!muxer_) return;
  const auto last = std::exchange(muxer_, nullptr);  // destroyed afterwards in any case
  files_.end(true, [&] { last->finish(); });
}

}  // namespace freshframe::media
