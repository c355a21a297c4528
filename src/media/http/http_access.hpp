// Authenticates HTTP requests for FFmpeg, which supports only Basic and Digest with MD5.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "media/ffmpeg/log.hpp"
#include "media/ffmpeg/ptr.hpp"
#include "media/http/authorization.hpp"
#include "media/http/http_head.hpp"
#include "media/http/http_url.hpp"

namespace freshframe::media {

/// Note [Authorization in FFmpeg's requests]: FFmpeg gets URLs without credentials, and each request gets its
/// `Authorization` header through FFmpeg's option "headers". The challenge is only visible in FFmpeg's log.
/// After a first 401 FFmpeg repeats the request with the current value of the option, so the option is set
/// while the last header line of the response is being logged. Redirects are detected in the same way before
/// FFmpeg follows them, and the header is removed unless the next URL has the origin that the credentials
/// belong to, and put back for a later request to the first URL. Not thread-safe. Must outlive the inputs it
/// opened.
class HttpAccess {
 public:
  /// Opens a URL like FFmpeg. Returns 0 or FFmpeg's error.
  using Open = std::function<int(AVIOContext*& io, const std::string& url, AVDictionary** options)>;

  /// `options`: the user's. If they contain an authorization, FFmpeg handles everything itself. `end`: ends
  /// the call of FFmpeg that is running, for a body that it would try to read for ever.
  explicit HttpAccess(Dictionary options, std::function<void()> end = {});
  HttpAccess(const HttpAccess&) = delete;
  HttpAccess& operator=(const HttpAccess&) = delete;

  /// Returns the URL for FFmpeg, without credentials, which are stored for their origin.
  [[nodiscard]] std::string enter(const std::string& url);
  /// `url`: from enter(). Removes the entries that FFmpeg knows from `options`, which may be null.
  [[nodiscard]] int open(AVIOContext*& io, const std::string& url, AVDictionary** options, const Open& open);
  /// While the result exists, FFmpeg's requests on this thread are authenticated. Forgets earlier refusals,
  /// so call it once for each call of FFmpeg whose failure reason() explains.
  [[nodiscard]] HttpListening listen();
  /// The last response is a range of a file of unknown length ("bytes 0-99/*").
  [[nodiscard]] bool lacks_length() const noexcept { return lacks_length_; }
  /// Returns why a call of FFmpeg failed, for messages. `error`: the call's result, or 0. If the server did
  /// not refuse the request with 401 or 403, this is `why`, followed by other files that the server has
  /// refused: FFmpeg skips those, such as subtitles, without an error.
  [[nodiscard]] std::string reason(int error, const std::string& why) const;
  /// Returns `what`, followed by the server's response or FFmpeg's message that explains it, such as a
  /// timeout.
  [[nodiscard]] std::string with_cause(const std::string& what, const FfmpegErrorCapture& errors) const;
  /// Returns what FFmpeg logged about the failure, in brackets, or an empty string if reason() says it all.
  [[nodiscard]] std::string cause(const FfmpegErrorCapture& errors) const;
  /// Returns why open() has returned AVERROR_EXIT: FFmpeg would misread the response (see HttpHead::fault()),
  /// or its body cannot be read. Empty if there is no such fault. The connection must then end, because
  /// FFmpeg would only skip a segment.
  [[nodiscard]] const std::string& fault() const noexcept { return fault_; }

 private:
  [[nodiscard]] HttpListening attach();
  /// Returns true if the server refused the request that failed with `error`.
  [[nodiscard]] bool is_denied(int error) const noexcept;
  [[nodiscard]] int open_once(AVIOContext*& io, const std::string& url, AVDictionary** options,
                              const Open& open);
  void hear(void* request, std::string_view line);
  void begin_head(void* request, std::string_view line);
  void end_head(void* request);
  /// Returns the URL that the redirect leads to. Ends the call and returns an empty string for a redirect
  /// that must not be followed.
  [[nodiscard]] std::string next_url();
  /// Removes the user's own Authorization and Cookie headers before a redirect to another origin.
  void keep_secrets(void* request, const std::string& next);
  /// Restores the headers that keep_secrets() has removed, for the next request to the first URL.
  void restore_secrets(void* request);
  void note_redirect(const std::string& next);
  /// Returns the URL to which FFmpeg sends the next request, for example to seek; empty if it may have
  /// another origin.
  [[nodiscard]] std::string later_url(void* request) const;
  /// Sets fault_. Adds the URL unless it is that of the first open(), for example for a redirect or segment.
  void set_fault(const std::string& fault);
  void note_range(void* request);
  void fail_body();
  void on_refusal(void* request);
  void on_success(void* request);
  void warn_of_basic(Authorization& authorization, const std::vector<std::string_view>& challenges);
  /// Sets the headers of the next request.
  void prepare(void* request, const std::string& url);
  /// Describes FFmpeg's error for 401 or 403.
  [[nodiscard]] std::string text_of(int refusal) const;
  [[nodiscard]] std::string header_for(const std::string& url);

  const bool is_left_to_ffmpeg_;
  const std::function<void()> end_;
  std::map<std::string, Authorization> known_;  // by origin
  std::string opened_;                          // URL of the first open()
  // The redirects being followed.
  const void* redirected_ = nullptr;  // the request whose response is a redirect, or null
  bool is_kept_ = true;               // FFmpeg may send later requests directly to the next URL
  std::string first_;                 // URL to which FFmpeg sends a later request
  std::string removed_;               // the headers before keep_secrets() changed them
  // The response being read.
  std::string base_;  // URL of its request
  HttpHead head_{};
  std::int64_t first_byte_ = 0;  // first byte of the range that open() requests
  bool is_complete_ = false;     // all headers were received
  bool may_try_again_ = false;   // FFmpeg has not sent the header that the challenge requires
  bool is_refused_ = false;      // retrying would not help
  bool lacks_length_ = false;
  bool warned_ = false;
  std::string refusal_;
  std::string fault_;
  // Since listen().
  bool is_opening_ = false;  // open() is running
  int denied_ = 0;       // FFmpeg's error for the last response outside open(), such as to a seek, if refused
  std::string skipped_;  // describes the last file that open() was refused
};

}  // namespace freshframe::media
