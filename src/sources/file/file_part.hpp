// The part of a file that is wanted: finds its first frame, with the same number and time as when the whole file is read.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/media.hpp"

#include <cstdint>
#include <optional>

#include "media/ffmpeg/ptr.hpp"
#include "sources/file/file_decoding.hpp"
#include "sources/file/start_scan.hpp"

namespace freshframe::media {

/// A decoded frame and its position in the file.
struct FileFrame {
  AvFramePtr frame;
  double time = 0;                       // in the file, in seconds
  std::optional<std::int64_t> seq = {};  // if it is not the next number
};

/// From `start` to `end`, as OpenOptions has them. One thread.
class FilePart {
 public:
  /// The choice of the first frame.
  enum class Begin : std::uint8_t {
    At,      // the first whose pts is at or after `start`
    Showing  // the last whose pts is at or before `start`, as a player shows it
  };

  /// All but `begin` outlive it.
  FilePart(FileDecoding& decoding, const SourceUrl& url, const OpenOptions& options, Begin begin)
      : decoding_(decoding), url_(url), options_(options), begin_(begin) {}

  /// Returns the first frame at `start`. Throws SourceError if no such frame exists.
  [[nodiscard]] FileFrame go_to_start(const Context& context);
  [[nodiscard]] bool is_before_end(double time) const;

 private:
  [[nodiscard]] std::optional<FileFrame> decode_from(StartPoint point, const Context& context);
  [[nodiscard]] FileFrame decode_to_start(const Context& context);
  [[nodiscard]] bool ends_before_start(double end) const;
  [[noreturn]] void fail_start(double last, double lasts) const;
  [[nodiscard]] std::int64_t wanted_ticks() const;
  [[nodiscard]] double tolerance() const;

  FileDecoding& decoding_;
  const SourceUrl& url_;
  const OpenOptions& options_;
  const Begin begin_;
};

}  // namespace freshframe::media
