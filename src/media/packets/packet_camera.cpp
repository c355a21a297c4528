// Base class of sources that can provide their packets.
// SPDX-License-Identifier: Apache-2.0
#include "media/packets/packet_camera.hpp"

#include "freshframe/error.hpp"

#include <cmath>
#include <string>

#include "core/unit_text.hpp"

namespace freshframe {
namespace {

media::PacketCamera& packet_camera(VideoSource& camera) {
  if (auto* const found = camera.abilities().packets) return *found;
  throw GraphError("'" + camera.url() +
                   "' has no packets: only live network streams such as rtsp:// have them");
}

}  // namespace

std::unique_ptr<Source<Packet>> make_packet_source(VideoSource& camera) {
  return packet_camera(camera).packets();
}

void take_frames(VideoSource& camera, bool wanted) {
  packet_camera(camera).take_frames(wanted);
}

void wake(VideoSource& camera, std::optional<double> seconds, std::optional<double> until) {
  constexpr double kLongestWake = 24 * 3600;
  auto* const sleeper = camera.abilities().packets;
  if (sleeper == nullptr)
    throw GraphError("'" + camera.url() +
                     "' does not sleep: wake() is for a live network stream, such as rtsp://, "
                     "opened with decode=\"keyframes\"");
  if (seconds.has_value() == until.has_value())
    throw OptionError("wake() needs either seconds= or until= (a pts)");
  if (seconds && !(*seconds > 0 && *seconds <= kLongestWake))
    throw OptionError("seconds of wake() must be above 0 and at most 86400, got " +
                      core::seconds_text(*seconds));
  if (until && !std::isfinite(*until))
    throw OptionError("until of wake() must be a pts in seconds, got " + std::to_string(*until));
  sleeper->wake(seconds, until);
}

}  // namespace freshframe
