// The index of an MP4 file whose packets are in fragments.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "media/ffmpeg/ptr.hpp"
#include "media/ffmpeg/write/index_records.hpp"

namespace freshframe::media {

/// An MP4 muxer without fragments. Discards the packets, but keeps the index. Not thread-safe; throws Error.
class Mp4Trial {
 public:
  /// `stream`: in the state before the header of the real file is written.
  Mp4Trial(const AVOutputFormat& container, const AVCodecParameters& codec, const AVStream& stream);

  [[nodiscard]] AVRational time_base() const noexcept { return output_->streams[0]->time_base; }
  [[nodiscard]] int packets() const noexcept { return packets_; }
  /// Sets the offset of the next packet's data in the real file.
  void go_to(std::int64_t position);
  /// Writes a packet. Returns its size in the file, which may differ from that of `packet`: the muxer
  /// replaces start codes by lengths, and omits some units.
  [[nodiscard]] std::uint32_t write(AVPacket& packet);
  /// Returns the `moov` box. Call last.
  [[nodiscard]] std::vector<std::uint8_t> finish();

 private:
  struct Sink {
    std::int64_t position = 0;
    std::int64_t kept_from = INT64_MAX;
    std::vector<std::uint8_t> kept;
  };

  static int keep(void* opaque, const std::uint8_t* data, int size) noexcept;
  static std::int64_t seek(void* opaque, std::int64_t offset, int whence) noexcept;

  std::unique_ptr<Sink> sink_ = std::make_unique<Sink>();
  OwnIoPtr io_;  // outlives output_
  OutputPtr output_;
  int packets_ = 0;
};

/// Note [The index of a long recording]
/// FFmpeg's MP4 muxer keeps 64 bytes in memory for each packet until the end. So the muxer that writes the
/// `moov` box gets only the packets of the first fragment, which are enough to describe the stream. The
/// tables in this box are then replaced by those of all packets, which are collected in records of 12 bytes
/// that IndexRecords stores on disk. The sizes of later packets are measured with further muxers, each of
/// which is replaced after about a thousand packets.
///
/// Not thread-safe; throws Error.
class Mp4Index {
 public:
  /// `stream`: in the state before the header of the real file is written; must outlive the index. `path`: of
  /// the real file.
  Mp4Index(const AVOutputFormat& container, const AVStream& stream, std::string path);

  /// Adds the packets of one fragment, in order. `position`: offset of their data in the file. Their
  /// timestamps and durations are in `time_base`, and are rescaled in place.
  void add(const std::vector<AvPacketPtr>& packets, std::int64_t position, AVRational time_base);
  /// Writes the `moov` box. Call last, after all packets were added.
  void finish(AVIOContext& out);

 private:
  /// The number of rows of each table. Consecutive equal entries share a row, except in the table of
  /// keyframes.
  struct Rows {
    std::uint32_t durations = 0;
    std::uint32_t offsets = 0;
    std::uint32_t chunks = 0;
    std::uint32_t keys = 0;
  };

  [[nodiscard]] Mp4Trial& next_trial();
  void add_packet(const AVPacket& packet, std::uint32_t size);
  [[nodiscard]] std::uint64_t tables_bytes() const;
  void write_tables(AVIOContext& out) const;
  void write_times(AVIOContext& out) const;
  void write_keys(AVIOContext& out) const;
  void write_places(AVIOContext& out) const;
  [[nodiscard]] bool has_offsets() const noexcept {
    return rows_.offsets > 1 || last_offset_.value_or(0) != 0;
  }
  [[nodiscard]] bool has_key_table() const noexcept { return rows_.keys < packets_.count(); }

  const AVOutputFormat& container_;
  const AVStream& stream_;
  CodecParametersPtr codec_;             // a copy, because the muxer changes the stream's parameters
  std::optional<Mp4Trial> description_;  // describes the packets of the first fragment
  std::optional<Mp4Trial> sizes_;        // measures the sizes of later packets
  AVRational time_base_;
  std::int64_t start_ = 0;           // pts of the first packet, in ticks
  std::int64_t described_end_ = 0;   // end of the packets in description_, in ticks
  std::int64_t end_ = 0;             // ticks
  std::int64_t last_position_ = 0;   // offset of the latest fragment's data
  std::uint32_t last_chunk_ = 0;     // number of packets in the latest fragment
  std::uint32_t last_duration_ = 0;  // duration of the latest packet
  std::optional<std::int32_t> last_offset_;
  bool has_negative_ = false;  // an offset is negative
  Rows rows_;
  IndexRecords packets_;  // per packet: size and the flag kKey, duration, pts - dts
  IndexRecords chunks_;   // per fragment: upper and lower half of its offset, packets
};

}  // namespace freshframe::media
