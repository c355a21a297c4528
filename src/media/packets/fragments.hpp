// Packets as fragments of an MP4 file, one for each picture, for browsers.
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

/// FFmpeg's muxer writes each fragment at once. It makes start codes into lengths, and leaves the rest of a packet as it
/// is: a fragment costs a copy. The times inside of fragments are the packets' times and kShift more, because a
/// fragment cannot have times below 0. Each claims to last kClaim, so that a player that gets pictures one by one
/// does not run dry between two. One thread.
class FragmentWriter {
 public:
  static constexpr double kShift = 4;   // seconds: more than any reordering takes
  static constexpr double kClaim = .3;  // seconds

  struct Fragment {
    std::string bytes;            // moof and mdat
    std::size_t sample_size = 0;  // the last ones of them: the picture alone
  };

  /// Throws Error for a stream that `is_for_browsers()` refuses, or whose parameters are not whole.
  explicit FragmentWriter(const PacketStream& stream);
  ~FragmentWriter();
  FragmentWriter(const FragmentWriter&) = delete;
  FragmentWriter& operator=(const FragmentWriter&) = delete;

  /// The init segment: ftyp and moov.
  [[nodiscard]] const std::string& init() const noexcept;
  /// The codec as in RFC 6381, such as "avc1.42c01f".
  [[nodiscard]] const std::string& codec() const noexcept;
  /// Packets are in the order of decoding; some may be missing. Throws Error.
  [[nodiscard]] Fragment write(const Packet& packet);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Whether browsers play the codec as fragments: H.264, H.265, VP9 and AV1.
[[nodiscard]] bool is_for_browsers(const PacketStream& stream);
/// Pictures that a decoder holds back; nullopt means not known.
[[nodiscard]] std::optional<int> reorder_depth(const PacketStream& stream);
/// Makes the decoded pictures upright: fragments say nothing of it.
[[nodiscard]] Turn read_turn(const PacketStream& stream);

/// The body of the box at `path` ("moof/traf/tfhd"), the first of each name; empty means that the box is missing.
[[nodiscard]] std::string_view find_box(std::string_view file, std::string_view path);

}  // namespace freshframe::media
