// Writes packets as MP4 fragments, one per frame, for browsers.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/packet.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "media/ffmpeg/read/upright.hpp"

namespace freshframe::media {

/// FFmpeg's muxer writes each fragment immediately. It replaces start codes by lengths and otherwise copies
/// the packet. Timestamps in fragments are kShift later than the packets', because they cannot be negative.
/// Each fragment claims a duration of kClaim, so that a player that receives frames one by one does not run
/// out of data. Not thread-safe.
class FragmentWriter {
 public:
  static constexpr double kShift = 4;   // seconds; more than any reordering of frames
  static constexpr double kClaim = .3;  // seconds

  struct Fragment {
    std::string bytes;            // moof and mdat
    std::size_t sample_size = 0;  // the sample, which is the end of `bytes`
  };

  /// Throws Error if `is_for_browsers()` is false, or the parameters are incomplete.
  explicit FragmentWriter(const PacketStream& stream);
  ~FragmentWriter();
  FragmentWriter(const FragmentWriter&) = delete;
  FragmentWriter& operator=(const FragmentWriter&) = delete;

  /// The init segment: ftyp and moov boxes.
  [[nodiscard]] const std::string& init() const noexcept;
  /// The codec string of RFC 6381, such as "avc1.42c01f".
  [[nodiscard]] const std::string& codec() const noexcept;
  /// Packets must be in decoding order; some may be missing. Throws Error.
  [[nodiscard]] Fragment write(const Packet& packet);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Returns true if browsers play the codec in fragments: H.264, H.265, VP9 and AV1.
[[nodiscard]] bool is_for_browsers(const PacketStream& stream);
/// Number of frames that a decoder holds back; nullopt if unknown.
[[nodiscard]] std::optional<int> reorder_depth(const PacketStream& stream);
/// The rotation that makes decoded frames upright. Fragments do not contain it.
[[nodiscard]] Turn read_turn(const PacketStream& stream);

/// Returns the body of the box at `path` ("moof/traf/tfhd"), the first of each name, or an empty view.
[[nodiscard]] std::string_view find_box(std::string_view file, std::string_view path);

}  // namespace freshframe::media
