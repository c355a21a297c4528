// One clip that is being written.
// SPDX-License-Identifier: Apache-2.0
#include "media/file/clip.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <new>

#include "media/ffmpeg/error.hpp"

namespace freshframe::media {

void Clip::begin(const AVCodecContext& codec, const Dictionary& options, const PacketRing& ring,
                 std::int64_t from) {
  auto own = options.copy();
  const int result = muxer_.start(codec, own);
  if (result < 0) throw Error("cannot create '" + path_ + "': " + ffmpeg_text(result));
  begun_ = true;
  time_base_ = codec.time_base;
  first_ = ring.key_before(from);
  ring.visit_from(first_, [this](const AVPacket& packet) { put(packet); });
}

void Clip::extend(std::int64_t end) {
  end_ = std::max(end_, end);
}

bool Clip::write(const AVPacket& packet) {
  if (packet.dts > end_) return false;  // all that are shown up to the end lie before it
  put(packet);
  return true;
}

void Clip::put(const AVPacket& packet) {
  const AvPacketPtr own(av_packet_clone(&packet));
  if (!own) throw std::bad_alloc();
  own->pts -= first_;
  own->dts -= first_;
  muxer_.write(*own, time_base_);
}

}  // namespace freshframe::media
