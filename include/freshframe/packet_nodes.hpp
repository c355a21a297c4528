// The packets of a camera as a separate source.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/media.hpp"
#include "freshframe/packet.hpp"

#include <memory>
#include <optional>

namespace freshframe {

/// The source of the packets that `camera` reads, as the camera has sent them. Add it to the same pipeline, with
/// AddOptions::companion_of. It ends with the camera's source. One per source; while it reads, packets begin at the
/// next keyframe. Throws GraphError for a source that is no live network stream, and for a second call.
[[nodiscard]] std::unique_ptr<Source<Packet>> make_packet_source(VideoSource& camera);
/// Sets whether a node or reader takes frames of a source whose packets are taken, or that a page shows. If none
/// does, nothing is decoded, except for the page's viewers that are sent JPEGs, and a keyframe now and then. At true
/// again it decodes from the next keyframe on, or from the last one where a page shows the source. Any thread. Throws
/// GraphError as make_packet_source().
void take_frames(VideoSource& camera, bool wanted);

/// Wakes a source that was opened with Decode::Keyframes: everything from its last keyframe on is decoded, and the newest
/// frame comes with the next packet, followed by all others. For `seconds` after the last call, 0 to 86400, or up
/// to the frame with this `pts`: one of them. A call never shortens what an earlier one has asked for. Any thread.
/// Throws OptionError, and GraphError for a source that does not sleep.
void wake(VideoSource& camera, std::optional<double> seconds, std::optional<double> pts = {});

}  // namespace freshframe
