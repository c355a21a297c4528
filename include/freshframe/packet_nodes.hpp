// Access to a camera's encoded packets, as a source of its own.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/media.hpp"
#include "freshframe/packet.hpp"

#include <memory>
#include <optional>

namespace freshframe {

/// Creates a source of the unmodified packets that `camera` receives. Add it to the same pipeline, with
/// AddOptions::companion_of. It ends together with the camera, and there can be only one. Packets start at
/// the next keyframe. Throws GraphError if the camera is not a live network stream, or if it has been called
/// before.
[[nodiscard]] std::unique_ptr<Source<Packet>> make_packet_source(VideoSource& camera);
/// Tells the camera whether any node or reader uses its decoded frames. This matters only if its packets are
/// used or a page shows it. With `wanted` false it decodes nothing except for viewers of the page that need
/// JPEGs, and an occasional keyframe. When set to true again, decoding resumes at the next keyframe, or at
/// the previous one if a page shows the source. Thread-safe. Throws GraphError like make_packet_source().
void take_frames(VideoSource& camera, bool wanted);

/// Wakes a source opened with Decode::Keyframes: it decodes everything since its last keyframe and delivers
/// the newest frame with the next packet, followed by all others. Lasts either for `seconds`, 0 to 86400, or
/// up to the frame with this `pts`; set exactly one. A call never shortens an earlier one. Thread-safe.
/// Throws OptionError, and GraphError if the source was not opened with Decode::Keyframes.
void wake(VideoSource& camera, std::optional<double> seconds, std::optional<double> pts = {});

}  // namespace freshframe
