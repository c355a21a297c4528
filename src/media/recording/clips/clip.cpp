// One clip that is being written.
// SPDX-License-Identifier: Apache-2.0
#include "media/recording/clips/clip.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <new>

#include "media/ffmpeg/error.hpp"
#include "media/packets/containers.hpp"

namespace freshframe::media {

void Clip::extend(std::int64_t from, std::int64_t to) {
  from_ = std::min(from_, from);
  to_ = std::max(to_, to);
}

bool Clip::begin(const ClipStream& stream, const PacketRing& ring) {
  const AVPacket* key = ring.key_before(from_);
  if (key == nullptr || key->pts > to_) return false;
  if (stream.camera) check_container(path_, *stream.camera);
  auto own = stream.options.copy();
  const int result = muxer_.start(*stream.codec, stream.time_base, stream.rate, own);
  if (result < 0) throw Error("cannot create '" + path_ + "': " + ffmpeg_text(result));
  begun_ = true;
  time_base_ = stream.time_base;
  keeps_all_ = stream.camera != nullptr;
  first_ = key->pts;
  early_ = from_ - first_;
  taken_ = key->dts - 1;
  return true;
}

bool Clip::follow(const PacketRing& ring) {
  return ring.visit_after(taken_, [this](const AVPacket& packet) { return take(packet); });
}

bool Clip::take(const AVPacket& packet) {
  // All frames shown up to `to_` precede it. Those before a key frame also do where a pause separates them.
  if (packet.dts > to_ || (is_key(packet) && packet.pts > to_)) return false;
  taken_ = packet.dts;
  // A frame that is shown before the first key frame, but stored after it, may need frames from before it.
  if (packet.pts < first_ && !keeps_all_) return true;
  const AvPacketPtr own(av_packet_clone(&packet));
  if (!own) throw std::bad_alloc();
  own->pts -= first_;
  own->dts -= first_;
  muxer_.write(*own, time_base_);
  return true;
}

}  // namespace freshframe::media
