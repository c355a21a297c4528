// Answers HTTP servers that want a user's name and password, for FFmpeg, which knows only Basic and MD5.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "media/ffmpeg/log.hpp"
#include "media/ffmpeg/ptr.hpp"
#include "media/http/authorization.hpp"
#include "media/http/http_url.hpp"

namespace freshframe::media {

/// Note [Authorization in FFmpeg's requests]: FFmpeg gets URLs without credentials, and each request gets the header of
/// `Authorization` by FFmpeg's option "headers". A server's challenge is known only from FFmpeg's log. FFmpeg asks a
/// second time after a first 401, with the headers that the option then has. So the option is set while the last line of
/// the answer's head is logged. The same place sees a redirect before FFmpeg follows it, and takes the header out unless
/// the next URL has the origin to which the credentials belong. One thread. Outlives the inputs that it has opened.
class HttpAccess {
 public:
  /// Opens a URL as FFmpeg does: 0 or its error.
  using Open = std::function<int(AVIOContext*& io, const std::string& url, AVDictionary** options)>;

  /// `options`: of the user. If they contain an authorization, FFmpeg does all by itself. `seeks`: a request is often
  /// followed by another one of the same input, which then has the header from the beginning.
  HttpAccess(Dictionary options, bool seeks);
  HttpAccess(const HttpAccess&) = delete;
  HttpAccess& operator=(const HttpAccess&) = delete;

  /// Returns the URL that FFmpeg gets, without credentials, and remembers these for their origin.
  [[nodiscard]] std::string enter(const std::string& url);
  /// `url`: of enter(). Takes the entries that FFmpeg knows from `options`, which may be null.
  [[nodiscard]] int open(AVIOContext*& io, const std::string& url, AVDictionary** options, const Open& open);
  /// While it lives, FFmpeg's requests on this thread are looked after.
  [[nodiscard]] HttpListening listen();
  /// The last answer is a range of a file whose length the server does not know ("bytes 0-99/*").
  [[nodiscard]] bool lacks_length() const noexcept { return lacks_length_; }
  /// Why the last answer was 401, for messages; empty if it was another one.
  [[nodiscard]] const std::string& refusal() const noexcept { return refusal_; }

 private:
  [[nodiscard]] int open_once(AVIOContext*& io, const std::string& url, AVDictionary** options,
                              const Open& open);
  void hear(void* request, std::string_view line);
  void begin_head(void* request, std::string_view line);
  void end_head(void* request);
  void note_range(void* request);
  void on_refusal(void* request);
  void on_success(void* request);
  void warn_of_basic(Authorization& authorization, const std::vector<std::string_view>& challenges);
  /// Sets the headers of the next request.
  void prepare(void* request, const std::string& url);
  [[nodiscard]] std::string header_for(const std::string& url);
  [[nodiscard]] std::vector<std::string_view> headers(std::string_view name) const;

  const bool is_left_to_ffmpeg_;
  const bool seeks_;
  std::map<std::string, Authorization> known_;  // by origin
  // The answer that is being read.
  std::string base_;  // URL of its request
  int status_ = 0;
  bool is_complete_ = false;         // its head
  std::vector<std::string> head_{};  // its headers
  bool may_try_again_ = false;       // FFmpeg has not sent the header that a challenge wants
  bool is_refused_ = false;          // no other request would be answered
  bool lacks_length_ = false;
  bool warned_ = false;
  std::string refusal_;
};

}  // namespace freshframe::media
