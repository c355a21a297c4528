// Redirects FFmpeg's log lines to freshframe's log sink instead of stderr.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace freshframe::media {

// Makes strings from servers and devices safe to print on a terminal.

/// Returns the string as UTF-8. Invalid bytes and control characters (C0, DEL and C1), which can move a
/// terminal's cursor or forge a log line, become U+FFFD.
[[nodiscard]] std::string visible_text(std::string_view text);

/// Prepares a server's words for a message: masks passwords and secrets of open URLs, replaces control
/// characters, then truncates to 100 bytes.
[[nodiscard]] std::string shown_words(std::string_view text);

/// Installs the callback, once per process. All code in media calls it before using FFmpeg.
void install_ffmpeg_log();

/// While this object exists, collects the cause from FFmpeg's errors on this thread. Only the innermost
/// capture is used.
class FfmpegErrorCapture {
 public:
  enum class Purpose {
    Exception,  // an exception will report the error: log the lines only as debug
    Opening,    // the same, including warnings: while streams are detected or joined
    Reader      // records errors of the demuxer; the lines keep their levels
  };

  explicit FfmpegErrorCapture(Purpose purpose = Purpose::Exception);
  FfmpegErrorCapture(const FfmpegErrorCapture&) = delete;
  FfmpegErrorCapture& operator=(const FfmpegErrorCapture&) = delete;
  ~FfmpegErrorCapture();

  /// The first error that names a cause, otherwise the first error, because later ones are consequences.
  /// Empty if there was none.
  [[nodiscard]] const std::string& cause() const noexcept { return cause_; }
  /// Returns " (moov atom not found)", or an empty string.
  [[nodiscard]] std::string in_brackets() const;

  /// FFmpeg found more streams than AVFormatContext::max_streams.
  [[nodiscard]] bool met_stream_limit() const noexcept { return met_stream_limit_; }

  /// The cause is a response of 401 or 403.
  [[nodiscard]] bool met_denial() const noexcept {
    return cause_.starts_with("HTTP error 401") || cause_.starts_with("HTTP error 403");
  }

  /// FFmpeg ignored an MP4's table of timestamps.
  [[nodiscard]] bool met_damaged_times() const noexcept { return met_damaged_times_; }

  /// An MP4 has a second index: FFmpeg reads only the frames of the first.
  [[nodiscard]] bool met_second_index() const noexcept { return met_second_index_; }

  /// Calls `end` after more than `most` redirects in a row.
  void limit_redirects(int most, std::function<void()> end) {
    most_redirects_ = most;
    end_ = std::move(end);
  }
  /// Returns true if a server has redirected FFmpeg, and FFmpeg has not connected to another one since.
  [[nodiscard]] bool ends_with_redirect() const noexcept { return is_redirected_; }
  [[nodiscard]] bool limits_redirects() const noexcept { return end_ != nullptr; }
  /// Called by the log callback when a server has responded. `elsewhere`: with a redirect.
  void note_answer(bool elsewhere) {
    redirects_ = elsewhere ? redirects_ + 1 : 0;
    is_redirected_ = elsewhere;
    if (redirects_ > most_redirects_) end_();
  }

  /// Called by the log callback when FFmpeg starts to connect.
  void note_connection() noexcept { is_redirected_ = false; }

  /// Returns true if the latest HTTP response is chunked, so that only an empty chunk ends it.
  [[nodiscard]] bool met_chunks() const noexcept { return met_chunks_; }
  /// Returns true if this thread's innermost capture has seen the last chunk of the latest response.
  [[nodiscard]] static bool met_last_chunk() noexcept;
  /// Returns true if the latest response seen by this thread's innermost capture is chunked; nullopt if there
  /// was none.
  [[nodiscard]] static std::optional<bool> chunks_of_answer() noexcept;
  /// Called by the log callback when the last chunk has arrived.
  void note_last_chunk() noexcept { met_last_chunk_ = true; }
  /// Called by the log callback for a header line of a response.
  void note_header(std::string_view line);

  [[nodiscard]] bool hushes_warnings() const noexcept { return purpose_ == Purpose::Opening; }
  /// Called by the log callback for a warning.
  void note(const std::string& line) {
    met_damaged_times_ = met_damaged_times_ || line.find("CTTS invalid") != std::string::npos;
    met_second_index_ = met_second_index_ || line.find("duplicated MOOV") != std::string::npos;
  }
  /// Called by the log callback for an error line. Returns true to log it as debug.
  bool take(const std::string& line, bool from_reader);

 private:
  Purpose purpose_;
  std::string cause_;
  bool met_stream_limit_ = false;
  bool met_damaged_times_ = false;
  bool met_second_index_ = false;
  bool met_answer_ = false;
  bool met_chunks_ = false;
  bool met_last_chunk_ = false;
  int redirects_ = 0;  // in a row
  int most_redirects_ = 0;
  bool is_redirected_ = false;
  std::function<void()> end_;  // empty for no limit
  FfmpegErrorCapture* outer_ = nullptr;
};

/// While this object exists, receives each header line of the HTTP responses that FFmpeg reads on this
/// thread, including the empty line at the end, and is told of a body that FFmpeg cannot decompress. Only the
/// innermost object receives them.
class HttpListening {
 public:
  /// `request`: the protocol's context, for av_opt_set().
  using Hear = std::function<void(void* request, std::string_view line)>;

  HttpListening(Hear hear, std::function<void()> fail_body);
  HttpListening(const HttpListening&) = delete;
  HttpListening& operator=(const HttpListening&) = delete;
  ~HttpListening();

  void hear(void* request, std::string_view line) const { hear_(request, line); }
  void fail_body() const { fail_body_(); }

 private:
  Hear hear_;
  std::function<void()> fail_body_;
  HttpListening* outer_;
};

}  // namespace freshframe::media
