// Judges the head of an HTTP response that FFmpeg would misread.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace freshframe::media {

/// The head of one response (RFC 9112). Not thread-safe.
class HttpHead {
 public:
  /// `status_line`: "HTTP/1.1 200 OK". `first_byte`: start of the range that the request asks for.
  void begin(std::string_view status_line, std::int64_t first_byte);
  /// Adds a header line, or the continuation of the previous one if it starts with a blank (obs-fold).
  void add(std::string_view line);

  /// 0 if the status line has no number.
  [[nodiscard]] int status() const noexcept { return status_; }
  [[nodiscard]] bool is_redirect() const noexcept;
  /// Returns true if FFmpeg may remember this redirect, and send later requests directly to the other URL.
  /// Otherwise it requests the first URL again.
  [[nodiscard]] bool may_be_kept() const;
  /// `name`: in lower case. The values are valid until the next call of begin() or add().
  [[nodiscard]] std::vector<std::string_view> values(std::string_view name) const;
  /// Returns why FFmpeg would read other bytes as the body than the server has sent, without reporting an
  /// error, or an empty string. The reason continues a message after "cannot open: ".
  [[nodiscard]] std::string fault() const;

 private:
  struct Line {
    std::string text;
    bool folded = false;
  };

  [[nodiscard]] std::string fault_of_status() const;
  [[nodiscard]] std::string fault_of_redirect() const;
  [[nodiscard]] std::string fault_of_folds() const;
  [[nodiscard]] std::string fault_of_length() const;
  [[nodiscard]] std::string fault_of_coding() const;
  [[nodiscard]] std::string fault_of_range() const;

  int status_ = 0;
  std::int64_t first_byte_ = 0;
  std::vector<Line> lines_;
};

}  // namespace freshframe::media
