// Ends each picture of a transport stream with its last packet, where FFmpeg waits for the next picture.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <bitset>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "media/units/picture_ends.hpp"
#include "media/units/unit_facts.hpp"
#include "sources/network/filter/byte_filter.hpp"

namespace freshframe::media {

// The head of a packet of a transport stream (ISO/IEC 13818-1, 2.4.3).

struct TsPacket {
  int pid = 0;          // id of its stream
  bool starts = false;  // a table, or a packet of the elementary stream, begins here
  bool scrambled = false;
  bool stuffed = false;      // its adaptation field is longer than what it holds
  std::uint8_t counter = 0;  // continuity_counter
  Bytes payload;             // may be empty
};

inline constexpr std::size_t kTsPacketSize = 188;
inline constexpr std::uint8_t kTsSync = 0x47;
inline constexpr int kTsPids = 1 << 13;

/// `bytes`: kTsPacketSize of them, beginning with kTsSync.
[[nodiscard]] TsPacket parse_ts_packet(Bytes bytes) noexcept;

/// Where a transport stream has its video.
struct TsVideo {
  int type = 0;  // type of the stream (ISO/IEC 13818-1, table 2-34)
  int pid = 0;

  auto operator<=>(const TsVideo&) const = default;
};

/// Bytes in which a segment has its tables: they are in its first packets (RFC 8216, 3.2).
inline constexpr std::size_t kTsHead = 16 * kTsPacketSize;

/// The first video in the tables. Returns nullopt if these bytes are no transport stream, or if no table names a video.
[[nodiscard]] std::optional<TsVideo> video_in_tables(Bytes head) noexcept;

/// A picture of video begins with this payload of a packet that starts.
[[nodiscard]] bool begins_video(Bytes payload) noexcept;

/// A packet that begins another picture in this stream without any of it: the demuxer gives the one before.
/// It does not count in the stream's order.
[[nodiscard]] std::array<std::uint8_t, kTsPacketSize> ts_packet_that_ends(const TsPacket& last) noexcept;

/// A video stream of a transport stream usually does not say how long a picture is, so a demuxer gives it
/// when the next one begins. But only the last packet of a picture needs stuffing. See Note [Picture ends]. A
/// picture that fills its last packet exactly (one of 184) still waits for the next one. Where more of a
/// picture has come together with a stuffed packet, the picture goes on.
class TsFilter final : public ByteFilter {
 public:
  /// `believed`: only the last packets were stuffed on an earlier connection to the same server.
  explicit TsFilter(bool believed = false)
      : trust_(believed ? PictureEnds::Trust::Believed : PictureEnds::Trust::Learned) {}

  void add(Bytes bytes, TimePoint arrived, FilteredBytes& out) override;
  void finish(FilteredBytes& out) override;

  /// From now on the pictures of this stream end early; nullopt means that no stream's pictures do. The newest one
  /// may have ended before: its end goes to `out`.
  void end_early(std::optional<int> pid, FilteredBytes& out);
  /// Whether pictures of the stream that ends early end with stuffing.
  [[nodiscard]] bool believes_stuffing() const;
  /// Whether a stream whose packets have come is scrambled.
  [[nodiscard]] bool is_scrambled(int pid) const { return scrambled_.test(static_cast<std::size_t>(pid)); }

 private:
  static constexpr std::size_t kMostVideos = 16;

  struct Video {
    PictureEnds picture_ends;
    std::uint32_t picture = 0;  // its number
    bool open = false;          // not ended by its last packet
    bool ends = false;          // by its last packet, and the demuxer was not told
    std::uint8_t counter = 0;   // counter of the packet before
    bool after_loss = false;    // packets before the next picture are lost
  };

  void add_packet(Bytes bytes, TimePoint arrived, FilteredBytes& out);
  void end_picture(FilteredBytes& out);
  [[nodiscard]] Video* find_video(const TsPacket& packet);

  const PictureEnds::Trust trust_;
  std::vector<std::uint8_t> part_;  // part of the next packet
  bool in_step_ = false;            // packets begin where they are expected
  std::optional<int> early_;
  std::map<int, Video> videos_;  // by PID
  std::bitset<kTsPids> scrambled_;
};

}  // namespace freshframe::media
