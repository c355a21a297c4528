// Pictures in files, one after the other, as a video.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/media.hpp"

#include <cstdint>
#include <optional>
#include <string>

#include "media/ffmpeg/frame_maker.hpp"
#include "media/file/picture_decoder.hpp"
#include "media/file/picture_list.hpp"
#include "media/live/pacer.hpp"

namespace freshframe::media {

/// Picture n has the number n and lies at n / fps. One that is not there or cannot be decoded leaves its
/// place empty and counts as `decode`. Lossless by default; with `realtime` a camera that shows each picture
/// at its time, and those that it cannot make in time count as `device`.
class PictureSequence final : public VideoSource {
 public:
  /// Throws OptionError for a pattern that cannot be.
  PictureSequence(std::string url, OpenOptions options);

  [[nodiscard]] std::string url() const override;
  [[nodiscard]] VideoInfo info() const override { return info_; }
  [[nodiscard]] bool live() const noexcept override { return options_.realtime; }
  /// Without the empty places.
  [[nodiscard]] std::optional<std::int64_t> total() const override;

  /// Looks which pictures there are; the first that can be decoded says what they are like.
  void open(const Context& context) override;
  std::optional<SourceItem<Frame>> read(const Context& context) override;

 private:
  /// One turn of the sequence: its number, counted through all loops, and when it was due.
  struct Turn {
    std::int64_t n = 0;
    const ListedPicture* picture = nullptr;  // null: an empty place
    TimePoint due{};
  };

  void describe(const Context& context);
  /// Leaves the pictures from `start` to `end`. Throws SourceError when there are none.
  void select();
  /// nullopt: the end, or stopped.
  [[nodiscard]] std::optional<Turn> next_turn(const Context& context);
  [[nodiscard]] std::optional<Turn> paced_turn(const Context& context);
  [[nodiscard]] bool start_again();
  /// Throws SourceError.
  [[nodiscard]] DecodedPicture decode(const ListedPicture& picture, double limit, Dictionary& options,
                                      const Context& context) const;
  [[nodiscard]] double fps() const noexcept;
  void warn_of_missing() const;

  std::string url_;
  OpenOptions options_;
  VideoInfo info_;
  PictureList list_;
  std::int64_t begin_ = 0;  // the first place that is read
  std::int64_t end_ = 0;    // behind the last
  FrameMaker maker_;
  SizeWatch sizes_;
  std::optional<Pacer> pacer_;  // realtime
  std::size_t next_ = 0;        // index into list_.pictures
  std::int64_t place_ = 0;      // behind the picture before next_
  std::int64_t passes_ = 0;     // how often `loop` started again
  std::int64_t decoded_in_pass_ = 0;
};

}  // namespace freshframe::media
