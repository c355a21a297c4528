// FFmpeg's log lines, led to freshframe's sink instead of stderr.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace freshframe {

/// Installs the callback, once per process. Everything in media that touches FFmpeg calls it first.
void install_ffmpeg_log();

/// While it lives, FFmpeg's errors on this thread are kept here instead of being logged: an error that is
/// about to be thrown is told once. Not nested.
class FfmpegErrorCapture {
 public:
  FfmpegErrorCapture();
  FfmpegErrorCapture(const FfmpegErrorCapture&) = delete;
  FfmpegErrorCapture& operator=(const FfmpegErrorCapture&) = delete;
  ~FfmpegErrorCapture();

  /// The first error, which names the cause; those after it are consequences. Empty when there was none.
  [[nodiscard]] const std::string& first() const noexcept { return first_; }
  void add(const std::string& line) {
    if (first_.empty()) first_ = line;
  }

 private:
  std::string first_;
};

}  // namespace freshframe
