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

/// A muxer of MP4 without fragments, whose bytes are thrown away up to the end of the packets. One thread; throws Error.
class Mp4Trial {
 public:
  /// `stream`: as it is before the header of the real file is written.
  Mp4Trial(const AVOutputFormat& container, const AVCodecParameters& codec, const AVStream& stream);

  [[nodiscard]] AVRational time_base() const noexcept { return output_->streams[0]->time_base; }
  [[nodiscard]] int packets() const noexcept { return packets_; }
  /// Sets where the data of the next packet is.
  void go_to(std::int64_t position);
  /// Returns the size of the packet in the file: the muxer gives units their lengths, and leaves some out.
  [[nodiscard]] std::uint32_t write(AVPacket& packet);
  /// Returns the `moov` box. The last call.
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
/// FFmpeg's muxer of MP4 keeps 64 bytes for each packet until the end. So one gets only the packets of the first
/// fragment: its `moov` box has all that describes the stream. The tables of all packets take the place of those in
/// it. They are collected in records of 12 bytes, which IndexRecords keeps on the disk. Further muxers, each for a
/// thousand packets, tell the sizes of later packets.
///
/// One thread; throws Error.
class Mp4Index {
 public:
  /// `stream`: as it is before the header of the real file is written. It outlives the index. `path`: of the file.
  Mp4Index(const AVOutputFormat& container, const AVStream& stream, std::string path);

  /// The packets of one fragment, in order, whose data begins at `position`. Times and durations are in `time_base`.
  void add(const std::vector<AvPacketPtr>& packets, std::int64_t position, AVRational time_base);
  /// Writes the box, after all packets. The last call.
  void finish(AVIOContext& out);

 private:
  /// The numbers of rows of the tables, which merge equal packets in a row.
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
  CodecParametersPtr codec_;             // the muxer changes those of the stream
  std::optional<Mp4Trial> description_;  // of the first fragment
  std::optional<Mp4Trial> sizes_;        // of later packets
  AVRational time_base_;
  std::int64_t start_ = 0;           // pts of the first packet, in ticks
  std::int64_t described_end_ = 0;   // ticks: the end of the packets that output_ has
  std::int64_t end_ = 0;             // ticks
  std::int64_t last_position_ = 0;   // of the latest fragment
  std::uint32_t last_chunk_ = 0;     // its packets
  std::uint32_t last_duration_ = 0;  // of the latest packet
  std::optional<std::int32_t> last_offset_;
  bool has_negative_ = false;  // offsets
  Rows rows_;
  IndexRecords packets_;  // bytes with the flag kKey, duration, offset of display
  IndexRecords chunks_;   // position in two halves, packets
};

}  // namespace freshframe::media
