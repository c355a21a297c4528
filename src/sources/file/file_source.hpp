// Source for video and image files, local or over HTTP.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/media.hpp"

#include <cstdint>
#include <optional>
#include <string>

#include "core/file_claim.hpp"
#include "media/ffmpeg/read/frame_maker.hpp"
#include "media/url/source_url.hpp"
#include "sources/file/file_decoding.hpp"
#include "sources/file/file_part.hpp"
#include "sources/file/timeline.hpp"

namespace freshframe::media {

/// Lossless by default, as fast as it is read. With `realtime` it behaves like a camera: each frame is
/// delivered at its time in the file, whether or not the pipeline is ready.
class FileSource final : public VideoSource {
 public:
  using Begin = FilePart::Begin;

  /// http:// and https:// URLs name files to read over HTTP.
  FileSource(SourceUrl url, OpenOptions options, Begin begin = Begin::At);

  [[nodiscard]] std::string url() const override { return url_.masked; }
  [[nodiscard]] VideoInfo info() const override { return info_; }
  [[nodiscard]] bool live() const noexcept override { return options_.realtime; }
  [[nodiscard]] std::optional<std::string> reads_from() const override;
  [[nodiscard]] std::optional<std::int64_t> total() const override;

  /// Opens the file and decodes the first frame. Fails if no frame can be decoded.
  void open(const Context& context) override;
  std::optional<SourceItem<Frame>> read(const Context& context) override;
  void close() override;

 private:
  /// A frame and its position among the delivered frames.
  struct Placed {
    FileFrame file;
    double pts = 0;
    std::int64_t left_out = 0;  // skipped frames before this one
  };

  [[nodiscard]] Placed first_frame(const Context& context);
  void describe(const AVFrame& first);
  void tell_choice() const;
  [[nodiscard]] Placed place(FileFrame frame);
  /// Returns the next frame before `end`, or nullopt at the end and after a stop.
  [[nodiscard]] std::optional<Placed> next_frame(const Context& context);
  [[nodiscard]] bool start_again(const Context& context);
  void open_again(const Context& context);
  [[nodiscard]] bool wait_until_due(double pts, const Context& context);
  [[nodiscard]] std::optional<std::int64_t> find_number(const Placed& placed);
  [[nodiscard]] Utc find_utc(const Placed& placed) const;

  const SourceUrl url_;
  const OpenOptions options_;
  FileDecoding decoding_;
  FilePart part_;
  VideoInfo info_;
  std::optional<core::ReadClaim> claim_;
  FrameMaker maker_;
  SizeWatch sizes_;
  std::optional<Timeline> frame_times_;  // across all repetitions
  std::optional<Placed> first_;          // decoded by open()
  std::optional<double> created_;        // Unix time of the file's time 0
  double last_time_ = 0;                 // seconds in the file, of the latest frame
  double last_shown_for_ = 0;            // seconds
  std::int64_t first_number_ = 0;        // number of the first frame
  std::int64_t next_number_ = 0;
  std::optional<TimePoint> started_;  // first read()
  TimePoint due_{};                   // with `realtime`: when the current frame is due
  std::optional<double> first_due_;   // with `realtime`: the pts at started_
  bool by_seek_ = false;              // this repetition started with a seek
  bool ended_ = false;
};

}  // namespace freshframe::media
