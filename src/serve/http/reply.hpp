// An HTTP response.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace freshframe::serve {

inline constexpr std::string_view kStreamType = "multipart/x-mixed-replace; boundary=freshframe";

struct Reply {
  unsigned status = 200;
  std::string_view type = "text/plain; charset=utf-8";  // static, or of `keep`
  std::string body = {};                                // unless `fixed` is set
  std::string_view fixed = {};                          // static
  std::string headers = {};                             // more of them, each with its line end
  bool sized = true;                                    // it has a length
  bool framed = false;                                  // a page that others may embed in theirs
  std::shared_ptr<const void> keep = {};                // the owner of `fixed` and `type`
};

/// Makes the head of a stream of pictures, which has no length.
[[nodiscard]] std::string format_stream_head(const Reply& reply);
/// The start line, all headers and the empty line. Every answer carries the same protective headers.
[[nodiscard]] std::string format_head(const Reply& reply, bool keep_alive);
/// A short text as an answer.
[[nodiscard]] Reply plain(unsigned status, std::string text);
/// The Date header with its line end (RFC 9110, 6.6.1).
[[nodiscard]] std::string date_header();

}  // namespace freshframe::serve
