// What HTTP demands of each request before its path matters (RFC 9110, RFC 9112).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "serve/http/gate.hpp"
#include "serve/http/reply.hpp"

namespace freshframe::serve {

/// Facts about a request beside its head.
struct RequestFacts {
  unsigned version = 11;          // of HTTP: 10 for 1.0
  std::size_t hosts = 1;          // Host headers
  std::size_t origins = 0;        // Origin headers
  bool has_body = false;          // chunks, or a length above 0
  bool has_other_coding = false;  // a Transfer-Encoding other than chunked
  std::string_view own_host;      // address and port at which the client has connected
};

/// Returns the answer to a request that HTTP, or this server as a whole, does not allow, or to OPTIONS. Otherwise, changes
/// `head` so that its target begins with '/', its method is GET, and its Host is set.
[[nodiscard]] std::optional<Reply> apply_rules(RequestHead& head, const RequestFacts& facts);

}  // namespace freshframe::serve
