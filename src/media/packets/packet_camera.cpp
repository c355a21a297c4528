// A source whose packets can be taken.
// SPDX-License-Identifier: Apache-2.0
#include "media/packets/packet_camera.hpp"

#include "freshframe/error.hpp"

namespace freshframe {
namespace {

media::PacketCamera& packet_camera(VideoSource& camera) {
  if (auto* const found = dynamic_cast<media::PacketCamera*>(&camera)) return *found;
  throw GraphError("'" + camera.url() +
                   "' has no packets: network streams that are live have them, such as rtsp://");
}

}  // namespace

std::unique_ptr<Source<Packet>> packets_of(VideoSource& camera) {
  return packet_camera(camera).packets();
}

void take_frames(VideoSource& camera, bool wanted) {
  packet_camera(camera).take_frames(wanted);
}

}  // namespace freshframe
