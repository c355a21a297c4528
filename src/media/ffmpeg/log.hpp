// FFmpeg's log lines, sent to freshframe's sink instead of stderr.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace freshframe::media {

// Text from servers and devices, made safe for a terminal.

/// The text as UTF-8. Bytes that are not, and control characters (C0, DEL and C1), which can move a terminal's
/// cursor or forge a log line, become U+FFFD.
[[nodiscard]] std::string visible_text(std::string_view text);

/// A server's words for a message: without passwords, secrets of the URLs that are open, and control characters, and only then cut after 100 bytes.
[[nodiscard]] std::string shown_words(std::string_view text);

/// Installs the callback, once per process. All code in media that uses FFmpeg calls it first.
void install_ffmpeg_log();

/// While it lives, the cause among FFmpeg's errors on this thread is kept here. The innermost capture counts.
class FfmpegErrorCapture {
 public:
  enum class Purpose {
    Exception,  // an exception will report the error: the lines are logged as debug only
    Opening,    // the same, also for warnings: those while streams are detected or joined
    Reader      // notes errors of the container's reader: the lines keep their levels
  };

  explicit FfmpegErrorCapture(Purpose purpose = Purpose::Exception);
  FfmpegErrorCapture(const FfmpegErrorCapture&) = delete;
  FfmpegErrorCapture& operator=(const FfmpegErrorCapture&) = delete;
  ~FfmpegErrorCapture();

  /// The first error that names a cause, or else the first error, because later ones are consequences. Empty
  /// means there was none.
  [[nodiscard]] const std::string& cause() const noexcept { return cause_; }
  /// " (moov atom not found)", or nothing.
  [[nodiscard]] std::string in_brackets() const;

  /// FFmpeg found more streams than AVFormatContext::max_streams.
  [[nodiscard]] bool met_stream_limit() const noexcept { return met_stream_limit_; }

  /// FFmpeg ignored an MP4's table of the frames' times.
  [[nodiscard]] bool met_damaged_times() const noexcept { return met_damaged_times_; }

  /// An MP4 has a second index: FFmpeg reads only the frames of the first.
  [[nodiscard]] bool met_second_index() const noexcept { return met_second_index_; }

  /// `end` is called when a server has sent FFmpeg elsewhere more than `most` times in a row.
  void limit_redirects(int most, std::function<void()> end) {
    most_redirects_ = most;
    end_ = std::move(end);
  }
  /// A server has sent FFmpeg elsewhere, and it has connected to no server since.
  [[nodiscard]] bool ends_with_redirect() const noexcept { return is_redirected_; }
  [[nodiscard]] bool limits_redirects() const noexcept { return end_ != nullptr; }
  /// For the log callback: a server's answer. `elsewhere`: it is a redirect.
  void note_answer(bool elsewhere) {
    redirects_ = elsewhere ? redirects_ + 1 : 0;
    is_redirected_ = elsewhere;
    if (redirects_ > most_redirects_) end_();
  }

  /// For the log callback: FFmpeg begins to connect to a server.
  void note_connection() noexcept { is_redirected_ = false; }

  /// The latest answer over HTTP comes in chunks, whose last one is empty: only that is its end.
  [[nodiscard]] bool met_chunks() const noexcept { return met_chunks_; }
  /// The innermost capture of this thread has met the last chunk of the latest answer.
  [[nodiscard]] static bool met_last_chunk() noexcept;
  /// Whether the latest answer that the innermost capture of this thread has met comes in chunks; nullopt means that it
  /// has met none.
  [[nodiscard]] static std::optional<bool> chunks_of_answer() noexcept;
  /// For the log callback: the last chunk has come.
  void note_last_chunk() noexcept { met_last_chunk_ = true; }
  /// For the log callback: a line of an answer's head.
  void note_header(std::string_view line);

  [[nodiscard]] bool hushes_warnings() const noexcept { return purpose_ == Purpose::Opening; }
  /// For the log callback: a warning.
  void note(const std::string& line) {
    met_damaged_times_ = met_damaged_times_ || line.find("CTTS invalid") != std::string::npos;
    met_second_index_ = met_second_index_ || line.find("duplicated MOOV") != std::string::npos;
  }
  /// For the log callback: takes the line. True means log it as debug.
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
  std::function<void()> end_;  // empty means there is no limit
  FfmpegErrorCapture* outer_ = nullptr;
};

/// While it lives, gets each line of the heads of the answers over HTTP that FFmpeg reads on this thread, until the empty
/// line that ends a head. Only the innermost one gets them.
class HttpListening {
 public:
  /// `request`: the protocol's context, which av_opt_set() takes.
  using Hear = std::function<void(void* request, std::string_view line)>;

  explicit HttpListening(Hear hear);
  HttpListening(const HttpListening&) = delete;
  HttpListening& operator=(const HttpListening&) = delete;
  ~HttpListening();

  void hear(void* request, std::string_view line) const { hear_(request, line); }

 private:
  Hear hear_;
  HttpListening* outer_;
};

}  // namespace freshframe::media
