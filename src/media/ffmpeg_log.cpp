// FFmpeg's log lines, led to freshframe's sink instead of stderr.
// SPDX-License-Identifier: Apache-2.0
#include "media/ffmpeg_log.hpp"

#include "freshframe/log.hpp"

#include <array>
#include <cstdarg>
#include <mutex>
#include <optional>
#include <string>

#include "media/url.hpp"

extern "C" {
#include <libavutil/log.h>
}

namespace freshframe {
namespace {

thread_local FfmpegErrorCapture* capture = nullptr;

/// FFmpeg's "info" is chatter (encoder statistics): our INFO is for sources that open or get lost.
std::optional<LogLevel> level_of(int level) {
  if (level <= AV_LOG_ERROR) return LogLevel::Error;
  if (level <= AV_LOG_WARNING) return LogLevel::Warning;
  if (level <= AV_LOG_INFO) return LogLevel::Debug;
  return std::nullopt;
}

/// FFmpeg prints some lines in pieces: a line is complete at its newline.
std::optional<std::string> complete_line(void* object, int level, const char* format, va_list arguments) {
  thread_local std::string pending;
  thread_local int print_prefix = 1;
  std::array<char, 1024> buffer{};
  av_log_format_line2(object, level, format, arguments, buffer.data(), static_cast<int>(buffer.size()),
                      &print_prefix);
  pending += buffer.data();
  constexpr std::size_t kLongest = 4096;
  if ((pending.empty() || pending.back() != '\n') && pending.size() < kLongest) return std::nullopt;
  std::string line;
  line.swap(pending);
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.pop_back();
  return line;
}

/// "[mov,mp4 @ 0x55d0c8] moov atom not found" -> "moov atom not found"
std::string without_prefix(const std::string& line) {
  const auto end = line.front() == '[' ? line.rfind("] ", line.find("] ") + 2) : std::string::npos;
  return end == std::string::npos ? line : line.substr(end + 2);
}

void on_line(void* object, int raw_level, const char* format, va_list arguments) noexcept {
  try {
    const int level = raw_level & 0xff;  // the bits above are a colour
    const auto ours = level_of(level);
    if (!ours || level > av_log_get_level()) return;
    const auto line = complete_line(object, level, format, arguments);
    if (!line || line->empty()) return;
    const auto safe = mask_passwords(*line);
    if (capture != nullptr && *ours == LogLevel::Error) {
      capture->add(without_prefix(safe));
    } else {
      log(*ours, safe);
    }
  } catch (...) {  // out of memory: a log line may be lost, FFmpeg's C code must not be unwound
  }
}

}  // namespace

void install_ffmpeg_log() {
  static std::once_flag once;
  std::call_once(once, [] { av_log_set_callback(on_line); });
}

FfmpegErrorCapture::FfmpegErrorCapture() {
  install_ffmpeg_log();
  capture = this;
}

FfmpegErrorCapture::~FfmpegErrorCapture() {
  capture = nullptr;
}

}  // namespace freshframe
