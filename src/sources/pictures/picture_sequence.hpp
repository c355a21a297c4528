// Reads a sequence of image files as a video.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/media.hpp"

#include <cstdint>
#include <optional>
#include <string>

#include "core/pacer.hpp"
#include "media/ffmpeg/read/frame_maker.hpp"
#include "media/url/picture_list.hpp"
#include "media/url/source_url.hpp"
#include "sources/pictures/picture_decoder.hpp"

namespace freshframe::media {

/// Image n has the number n and the time n / fps. An image that is missing or cannot be decoded leaves a gap
/// and counts as `decode`. Lossless by default. With `realtime` it behaves like a camera that delivers each
/// image at its time; images that cannot be delivered in time count as `device`.
class PictureSequence final : public VideoSource {
 public:
  /// Throws OptionError for an invalid pattern.
  PictureSequence(SourceUrl url, OpenOptions options);

  [[nodiscard]] std::string url() const override { return url_.masked; }
  [[nodiscard]] VideoInfo info() const override { return info_; }
  [[nodiscard]] bool live() const noexcept override { return options_.realtime; }
  /// Total number of images, without gaps.
  [[nodiscard]] std::optional<std::int64_t> total() const override;

  /// Lists the images. The first one that can be decoded determines the format.
  void open(const Context& context) override;
  std::optional<SourceItem<Frame>> read(const Context& context) override;

 private:
  /// A step of the sequence: its number, counted across repetitions, and its due time.
  struct Step {
    std::int64_t n = 0;
    const ListedPicture* picture = nullptr;  // null for a gap
    TimePoint due{};
  };

  void describe(const Context& context);
  /// Keeps only the images from `start` to `end`. Throws SourceError if none is left.
  void select();
  /// Returns nullopt at the end, or after a stop.
  [[nodiscard]] std::optional<Step> next_step(const Context& context);
  void count_missing_before(std::int64_t place, const Context& context);
  [[nodiscard]] std::optional<Step> paced_step(const Context& context);
  [[nodiscard]] bool start_again();
  /// Throws SourceError.
  [[nodiscard]] DecodedPicture decode(const ListedPicture& picture, double limit, Dictionary& options,
                                      const Context& context) const;
  [[nodiscard]] double fps() const noexcept;
  void warn_about_missing() const;

  const SourceUrl url_;
  OpenOptions options_;
  VideoInfo info_;
  std::string directory_;  // the working directory at open(), for relative paths
  PictureList list_;
  std::int64_t begin_ = 0;  // first position that is read
  std::int64_t end_ = 0;    // position after the last one that is read
  FrameMaker maker_;
  SizeWatch sizes_;
  std::optional<core::Pacer> pacer_;  // realtime
  std::size_t next_ = 0;              // index into list_.pictures
  std::int64_t place_ = 0;            // position after the image before next_
  std::int64_t passes_ = 0;           // repetitions with `loop`
  std::int64_t decoded_in_pass_ = 0;
};

}  // namespace freshframe::media
