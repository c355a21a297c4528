// Lets FFmpeg's demuxer return a frame as soon as its last byte arrives, where the stream's format allows it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "media/ffmpeg/ptr.hpp"
#include "media/units/damage.hpp"
#include "sources/network/filter/byte_filter.hpp"
#include "sources/network/filter/ts_filter.hpp"

namespace freshframe::media {

// Input of FFmpeg's demuxer with a filter in front.

/// Not seekable, not thread-safe. Must outlive the demuxer, which does not close it.
class FilteredIo {
 public:
  FilteredIo(IoPtr network, std::unique_ptr<ByteFilter> filter);
  FilteredIo(const FilteredIo&) = delete;
  FilteredIo& operator=(const FilteredIo&) = delete;
  ~FilteredIo() = default;

  [[nodiscard]] AVIOContext* io() noexcept { return io_.get(); }
  /// In real time. `place`: see FilteredBytes.
  [[nodiscard]] std::optional<TimePoint> arrival(std::int64_t place) { return bytes_.arrival(place); }
  /// Calls `add` with the filter's output, which the demuxer reads next.
  template <class Add>
  void put(const Add& add) {
    add(bytes_);
  }
  /// Returns why the filter ended the stream, or an empty string.
  [[nodiscard]] const std::string& failure() const noexcept { return failure_; }
  [[nodiscard]] bool has_ended() const noexcept { return filter_->has_ended(); }
  [[nodiscard]] bool seek_loss(std::int64_t place) { return bytes_.seek_loss(place); }

 private:
  static int read(void* opaque, std::uint8_t* to, int size) noexcept;
  int read(std::span<std::uint8_t> to);
  void filter(Bytes bytes);

  const IoPtr network_;
  const std::unique_ptr<ByteFilter> filter_;
  FilteredBytes bytes_;
  std::vector<std::uint8_t> buffer_;
  std::string failure_;
  const OwnIoPtr io_;
};

/// Makes frames available earlier in MJPEG and in transport streams with a single H.264 or H.265 video. Ends
/// MP4 and Matroska before a header with other parameters. Does not change other streams.
///
/// A transport stream has two delays: the demuxer waits for the next frame, so the filter ends each one, and
/// FFmpeg's parser waits as well, so it is disabled, and look_at() sets the flags that it would set. The
/// parser is enabled again if packets turn out not to be one frame each. Not thread-safe; must outlive the
/// demuxer.
class EarlyEnds {
 public:
  /// `believes_stuffing`: shared by all connections to this server.
  explicit EarlyEnds(std::shared_ptr<std::atomic<bool>> believes_stuffing)
      : believes_stuffing_(std::move(believes_stuffing)) {}
  ~EarlyEnds();
  EarlyEnds(const EarlyEnds&) = delete;
  EarlyEnds& operator=(const EarlyEnds&) = delete;

  /// Takes the stream's own input, as FFmpeg opened it. Returns false if it needs no filter.
  [[nodiscard]] bool put_filter(AVFormatContext& input, AVIOContext*& io);
  /// Call with a segment's video before FFmpeg opens the segment's demuxer. Disables FFmpeg's parser if each
  /// segment's last frame is returned at the segment's end, see SegmentTails.
  void prepare_playlist(AVFormatContext& input, const std::optional<TsVideo>& video);
  /// Call when `input` is open. Returns true if each packet is one frame, and no probing is needed.
  [[nodiscard]] bool begin_input(AVFormatContext& input);
  /// Call for each video packet. Sets the packet's keyframe flag if decoding can start at it.
  void look_at(AVPacket& packet, AVFormatContext& input);
  /// Returns true if the packets of a playlist without a parser are not one frame each.
  [[nodiscard]] bool takes_parts() const noexcept { return takes_parts_; }
  /// Notes on the last packet of look_at(); nullopt if FFmpeg's parser handled the packet.
  [[nodiscard]] const std::optional<PictureNotes>& picture() const noexcept { return picture_; }
  /// Returns why the filter ended the stream, or an empty string.
  [[nodiscard]] std::string failure() const { return io_ ? io_->failure() : std::string(); }
  /// Returns true if the stream continues with other parameters, which requires a new connection.
  [[nodiscard]] bool has_other_parameters() const noexcept { return io_ && io_->has_ended(); }
  /// Returns when the first byte of the packet's frame arrived, in real time; nullopt if unknown.
  [[nodiscard]] std::optional<TimePoint> arrival(const AVPacket& packet);

 private:
  const std::shared_ptr<std::atomic<bool>> believes_stuffing_;
  std::unique_ptr<FilteredIo> io_;
  TsFilter* stream_ = nullptr;  // the filter of io_, for transport streams
  bool is_on_ = false;          // the parser is disabled
  bool is_playlist_ = false;    // a playlist; the parser is disabled for at least one of its videos
  bool takes_parts_ = false;
  std::optional<PictureNotes> picture_;
};

}  // namespace freshframe::media
