// Converts packets of H.264 and H.265 to a byte stream with start codes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/packet.hpp"

#include <cstdint>
#include <vector>

namespace freshframe::media {

/// Returns the packet's NAL units with start codes (Annex B of ITU-T H.264 and H.265). A keyframe
/// without parameter sets gets those of its stream, after its access unit delimiter if it starts with one. So
/// the packets from a keyframe on, one after the other, are a file that any decoder reads.
///
/// Throws OptionError for other codecs, and Error if the packet is cut within a unit.
[[nodiscard]] std::vector<std::uint8_t> to_annexb(const Packet& packet);

}  // namespace freshframe::media
