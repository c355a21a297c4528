// HTTP's requirements for every request, whatever its path (RFC 9110, RFC 9112).
// SPDX-License-Identifier: Apache-2.0
#include "serve/request/request_rules.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

#include "core/ascii.hpp"

namespace freshframe::serve {
namespace {

constexpr std::size_t kMaxTarget = 2048;  // maximum length of path and query in bytes
constexpr std::string_view kAllow = "Allow: GET, HEAD, OPTIONS\r\n";

Reply refuse_method(std::string_view method) {
  constexpr std::array<std::string_view, 6> kKnown{"POST", "PUT", "DELETE", "PATCH", "CONNECT", "TRACE"};
  const bool is_known = std::ranges::find(kKnown, method) != kKnown.end();
  auto reply = plain(is_known ? 405 : 501, "this server answers GET, HEAD and OPTIONS only");
  if (is_known) reply.headers = kAllow;
  return reply;
}

bool is_letter_of_name(char letter) {
  constexpr std::string_view kOthers = "-._~!$&'()*+,;=%";
  const char small = core::lower_case(letter);
  return core::is_digit(letter) || (small >= 'a' && small <= 'z') ||
         kOthers.find(letter) != std::string_view::npos;
}

/// Returns true for a name or address with an optional port (RFC 9110, 7.2).
bool is_authority(std::string_view text) {
  auto name = text.substr(0, text.rfind(':'));
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return false;
    name = text.substr(0, end + 1);
    const auto inside = name.substr(1, name.size() - 2);
    if (inside.find_first_not_of("0123456789abcdefABCDEF:.") != std::string_view::npos) return false;
  } else if (!std::ranges::all_of(name, is_letter_of_name)) {
    return false;
  }
  auto port = text.substr(name.size());
  if (port.empty()) return true;
  port.remove_prefix(1);
  return text[name.size()] == ':' && std::ranges::all_of(port, core::is_digit);
}

/// Handles "http://host/path": the target becomes "/path" and the host replaces the Host header (RFC 9112,
/// 3.2.2). Returns false if the target is in another form that does not begin with '/'.
bool take_absolute_form(RequestHead& head) {
  const auto colon = head.target.find("://");
  if (colon == std::string_view::npos) return false;
  const auto scheme = core::lower_case(head.target.substr(0, colon));
  if (scheme != "http" && scheme != "https") return false;
  auto rest = head.target.substr(colon + 3);
  const auto end = std::min(rest.find_first_of("/?#"), rest.size());
  head.host = rest.substr(0, end);
  rest.remove_prefix(end);
  head.target = rest.empty() ? "/" : rest;
  return !head.host.empty() && is_authority(head.host) && head.target.starts_with('/');
}

}  // namespace

std::optional<Reply> apply_rules(RequestHead& head, const RequestFacts& facts) {
  const bool needs_host = facts.version >= 11;
  if (facts.hosts > 1 || (needs_host && facts.hosts == 0) || facts.origins > 1)
    return plain(400, "a request must have one Host header, and at most one Origin");
  if (!is_authority(head.host))
    return plain(400, "Host must be a name or an address, optionally followed by a port");
  if (facts.has_other_coding) return plain(400, "Transfer-Encoding must be chunked");
  if (head.method != "GET" && head.method != "HEAD" && head.method != "OPTIONS")
    return refuse_method(head.method);
  if (facts.has_body) return plain(413, "a request must not have a body");
  if (head.target.size() > kMaxTarget) return plain(414, "the URL is too long");
  if (head.method == "OPTIONS" && head.target == "*") head.target = "/";
  if (!head.target.starts_with('/') && !take_absolute_form(head))
    return plain(400, "the address must begin with /, or with http:// and a host");
  if (head.method == "OPTIONS") return Reply{.status = 204, .headers = std::string(kAllow)};
  // Old clients may omit Host. Browsers never do, so this does not weaken the protection against DNS
  // rebinding.
  if (facts.hosts == 0 && head.host.empty()) head.host = facts.own_host;
  return std::nullopt;
}

}  // namespace freshframe::serve
