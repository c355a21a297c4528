// Lets FFmpeg's demuxer give a picture when its last byte has come, where the stream's format allows it.
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

// The input of FFmpeg's demuxer with a filter in front.

/// Cannot seek. One thread. It outlives the demuxer, which does not close it.
class FilteredIo {
 public:
  FilteredIo(IoPtr network, std::unique_ptr<ByteFilter> filter);
  FilteredIo(const FilteredIo&) = delete;
  FilteredIo& operator=(const FilteredIo&) = delete;
  ~FilteredIo() = default;

  [[nodiscard]] AVIOContext* io() noexcept { return io_.get(); }
  /// Real time. `place`: as for FilteredBytes.
  [[nodiscard]] std::optional<TimePoint> arrival(std::int64_t place) { return bytes_.arrival(place); }
  /// Calls `add` with what the demuxer reads next.
  template <class Add>
  void put(const Add& add) {
    add(bytes_);
  }
  /// Why the filter has ended the stream; empty means it has not.
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

/// Ends pictures early in transport streams with one video of H.264 or H.265, and in MJPEG. It ends MP4 and Matroska
/// before other parameters. It changes no other stream.
///
/// Two waits are undone for a transport stream. The demuxer waits for the next picture: the filter ends each
/// one. FFmpeg's parser then waits for the next one, too: it is left out, and look_at()
/// finds what it would find. It returns when the stream's packets are not one picture each. One thread;
/// outlives the demuxer.
class EarlyEnds {
 public:
  /// `believes_stuffing`: of all connections to this server.
  explicit EarlyEnds(std::shared_ptr<std::atomic<bool>> believes_stuffing)
      : believes_stuffing_(std::move(believes_stuffing)) {}
  ~EarlyEnds();
  EarlyEnds(const EarlyEnds&) = delete;
  EarlyEnds& operator=(const EarlyEnds&) = delete;

  /// The stream's own input, as FFmpeg has opened it. False means it needs no filter.
  [[nodiscard]] bool put_filter(AVFormatContext& input, AVIOContext*& io);
  /// A segment of a playlist in `input`, before FFmpeg opens the demuxer of the playlist. See SegmentTails: where each
  /// segment's last picture is given at its end, its demuxer has no parser.
  void prepare_playlist(AVFormatContext& input, const std::optional<TsVideo>& video);
  /// When `input` is open. True means each packet is one picture, and nothing has to be read ahead to
  /// describe the stream.
  [[nodiscard]] bool begin_input(AVFormatContext& input);
  /// At each packet of the video: whether decoding can begin with it is then among its flags.
  void look_at(AVPacket& packet, AVFormatContext& input);
  /// Whether the packets of a playlist, which has no parser, are not one picture each.
  [[nodiscard]] bool takes_parts() const noexcept { return takes_parts_; }
  /// The notes on that packet; nullopt if FFmpeg's parser has seen it.
  [[nodiscard]] const std::optional<PictureNotes>& picture() const noexcept { return picture_; }
  /// Why the filter has ended the stream; empty means it has not.
  [[nodiscard]] std::string failure() const { return io_ ? io_->failure() : std::string(); }
  /// Whether the stream goes on with other parameters, which take a new connection.
  [[nodiscard]] bool has_other_parameters() const noexcept { return io_ && io_->has_ended(); }
  /// When the first byte of its picture came, in real time; nullopt means it is not known.
  [[nodiscard]] std::optional<TimePoint> arrival(const AVPacket& packet);

 private:
  const std::shared_ptr<std::atomic<bool>> believes_stuffing_;
  std::unique_ptr<FilteredIo> io_;
  TsFilter* stream_ = nullptr;  // the filter of io_, if it is a transport stream's
  bool is_on_ = false;          // no parser
  bool is_playlist_ = false;    // without a parser, at least for one of its videos
  bool takes_parts_ = false;
  std::optional<PictureNotes> picture_;
};

}  // namespace freshframe::media
