// Marks the last packet of each frame in a transport stream, where FFmpeg would wait for the next frame.
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

// Transport stream packet header (ISO/IEC 13818-1, 2.4.3).

struct TsPacket {
  int pid = 0;          // PID of the elementary stream or table
  bool starts = false;  // payload_unit_start_indicator
  bool scrambled = false;
  bool stuffed = false;      // the adaptation field is longer than its contents
  std::uint8_t counter = 0;  // continuity_counter
  Bytes payload;             // may be empty
};

inline constexpr std::size_t kTsPacketSize = 188;
inline constexpr std::uint8_t kTsSync = 0x47;
inline constexpr int kTsPids = 1 << 13;

/// `bytes`: kTsPacketSize bytes, starting with kTsSync.
[[nodiscard]] TsPacket parse_ts_packet(Bytes bytes) noexcept;

/// Identifies the video in a transport stream.
struct TsVideo {
  int type = 0;  // stream_type (ISO/IEC 13818-1, table 2-34)
  int pid = 0;

  auto operator<=>(const TsVideo&) const = default;
};

/// Bytes in which the tables of a segment are found: they are in its first packets (RFC 8216, 3.2).
inline constexpr std::size_t kTsHead = 16 * kTsPacketSize;

/// Returns the first video in the tables, or nullopt if this is not a transport stream or has no video.
[[nodiscard]] std::optional<TsVideo> video_in_tables(Bytes head) noexcept;

/// Returns true if a video frame starts with this payload. For packets with `starts`.
[[nodiscard]] bool begins_video(Bytes payload) noexcept;

/// Returns a packet that starts another, empty frame, so that the demuxer returns the previous one. Does not
/// affect continuity counting.
[[nodiscard]] std::array<std::uint8_t, kTsPacketSize> ts_packet_that_ends(const TsPacket& last) noexcept;

/// A transport stream usually does not state the length of a frame, so demuxers return it when the next one
/// starts. But only the last packet of a frame needs stuffing. See Note [Frame ends]. A frame that exactly
/// fills its last packet (one in 184) still waits for the next one. If more of a frame arrives together with
/// a stuffed packet, the frame continues.
class TsFilter final : public ByteFilter {
 public:
  /// `believed`: on an earlier connection to this server, only last packets were stuffed.
  explicit TsFilter(bool believed = false)
      : trust_(believed ? PictureEnds::Trust::Believed : PictureEnds::Trust::Learned) {}

  void add(Bytes bytes, TimePoint arrived, FilteredBytes& out) override;
  void finish(FilteredBytes& out) override;

  /// Sets the stream whose frames are ended early from now on; nullopt for none. If the newest frame is
  /// already complete, its end is appended to `out`.
  void end_early(std::optional<int> pid, FilteredBytes& out);
  /// Returns true if frames of the stream that is ended early end with stuffing.
  [[nodiscard]] bool believes_stuffing() const;
  /// Returns true if packets of this stream were scrambled.
  [[nodiscard]] bool is_scrambled(int pid) const { return scrambled_.test(static_cast<std::size_t>(pid)); }

 private:
  static constexpr std::size_t kMostVideos = 16;

  struct Video {
    PictureEnds picture_ends;
    std::uint32_t picture = 0;  // counts frames
    bool open = false;          // the newest frame was not ended by its last packet
    bool ends = false;  // the last packet has ended the frame, but the demuxer has not been informed yet
    std::uint8_t counter = 0;  // continuity counter of the previous packet
    bool after_loss = false;   // packets before the next frame were lost
  };

  void add_packet(Bytes bytes, TimePoint arrived, FilteredBytes& out);
  void end_picture(FilteredBytes& out);
  [[nodiscard]] Video* find_video(const TsPacket& packet);

  const PictureEnds::Trust trust_;
  std::vector<std::uint8_t> part_;  // start of an incomplete packet
  bool in_step_ = false;            // packets start at the expected offsets
  std::optional<int> early_;
  std::map<int, Video> videos_;  // by PID
  std::bitset<kTsPids> scrambled_;
};

}  // namespace freshframe::media
