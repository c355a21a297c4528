// HTTP's requirements for every request, whatever its path (RFC 9110, RFC 9112).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "serve/request/gate.hpp"
#include "serve/request/reply.hpp"

namespace freshframe::serve {

/// Properties of a request that are not in its RequestHead.
struct RequestFacts {
  unsigned version = 11;           // HTTP version: 10 for 1.0
  std::size_t hosts = 1;           // number of Host headers
  std::size_t origins = 0;         // number of Origin headers
  bool has_body = false;           // chunked, or Content-Length above 0
  bool has_other_coding = false;   // Transfer-Encoding other than chunked
  std::string_view own_host = {};  // address and port that the client connected to
};

/// Returns the response to OPTIONS and to requests that HTTP or this server does not allow. Otherwise returns
/// nullopt and normalizes `head`: its target begins with '/' and its Host is set.
[[nodiscard]] std::optional<Reply> apply_rules(RequestHead& head, const RequestFacts& facts);

}  // namespace freshframe::serve
