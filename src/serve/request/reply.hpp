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
  std::string_view type = "text/plain; charset=utf-8";  // static, or owned by `keep`
  std::string body = {};                                // used unless `fixed` is set
  std::string_view fixed = {};                          // static
  std::string headers = {};                             // additional headers, each with its CRLF
  bool sized = true;                                    // false omits Content-Length
  bool framed = false;                                  // other sites may embed this page
  std::shared_ptr<const void> keep = {};                // owns `fixed` and `type` if they are not static
};

/// The status line, all headers and the empty line. Every response has the same security headers.
[[nodiscard]] std::string format_head(const Reply& reply, bool keep_alive);
/// A plain-text response.
[[nodiscard]] Reply plain(unsigned status, std::string text);

}  // namespace freshframe::serve
