// Reads part of a file: finds its first frame, with the number and timestamp it has when reading the whole
// file.
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
  double time = 0;                       // seconds in the file
  std::optional<std::int64_t> seq = {};  // nullopt if it is simply the next number
};

/// The part from `start` to `end` of OpenOptions. Not thread-safe.
class FilePart {
 public:
  /// The choice of the first frame.
  enum class Begin : std::uint8_t {
    At,      // the first with a pts at or after `start`
    Showing  // the last with a pts at or before `start`, which a player would show
  };

  /// All references must outlive this object.
  FilePart(FileDecoding& decoding, const SourceUrl& url, const OpenOptions& options, Begin begin)
      : decoding_(decoding), url_(url), options_(options), begin_(begin) {}

  /// Returns the first frame of the part. Throws SourceError if there is none.
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
