// Checks of the token, Host and Origin. DNS rebinding: an attacker's page makes its own host name resolve to
// 127.0.0.1 and sends requests from the victim's browser. Their Host is the attacker's name, so only
// addresses, localhost and this machine's name are accepted. Requests with the token in a header may use any
// Host, such as a service name in a container network: a browser page cannot have the token.
// SPDX-License-Identifier: Apache-2.0
#include "serve/request/gate.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include "core/ascii.hpp"
#include "platform/random.hpp"
#include <boost/asio/ip/address.hpp>

namespace freshframe::serve {
namespace {

// The base64url alphabet.
constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";

// Removes the port: "host:8080", "[::1]:8080". Returns nullopt if `host` is not a valid authority.
std::optional<std::string_view> without_port(std::string_view host) {
  std::size_t end = host.find(':');
  if (host.starts_with('[')) {
    end = host.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    ++end;
  }
  if (end >= host.size()) return host;
  const auto port = host.substr(end);
  const bool digits = port.size() > 1 && port.size() <= 6 &&
                      port.find_first_not_of("0123456789", 1) == std::string_view::npos;
  if (port.front() != ':' || !digits) return std::nullopt;
  return host.substr(0, end);
}

std::optional<boost::asio::ip::address> parse_address(std::string_view host) {
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  boost::system::error_code error;
  auto address = boost::asio::ip::make_address(host, error);
  if (error) return std::nullopt;
  return address;
}

}  // namespace

bool is_plain_token(std::string_view text) noexcept {
  return text.find_first_not_of(kPlain) == std::string_view::npos;
}

std::string make_token() {
  std::array<std::byte, 32> random{};
  platform::secret_bytes(random);
  std::string token;
  for (const auto byte : random)
    token += kPlain[std::to_integer<unsigned>(byte) & 63U];  // 64 characters: six bits each
  return token;
}

bool equal_in_constant_time(std::string_view a, std::string_view b) noexcept {
  volatile unsigned difference = a.size() == b.size() ? 0U : 1U;
  for (std::size_t i = 0; i < b.size(); ++i) {
    const char from = a.empty() ? '\0' : a[i % a.size()];
    difference = difference | static_cast<unsigned>(static_cast<unsigned char>(from ^ b[i]));
  }
  return difference == 0;
}

bool is_origin(std::string_view text) {
  if (text == "*") return true;
  const auto scheme = core::lower_case(text.substr(0, 8));
  const auto rest = scheme.starts_with("https://")  ? text.substr(8)
                    : scheme.starts_with("http://") ? text.substr(7)
                                                    : "";
  constexpr std::string_view kNotInHosts = "/?#@\\ \t\r\n\"'<>*";
  return !rest.empty() && rest.find_first_of(kNotInHosts) == std::string_view::npos && without_port(rest);
}

bool is_page_of_this_machine(std::string_view referer) {
  constexpr std::string_view kScheme = "http://";
  if (!referer.starts_with(kScheme)) return false;
  referer.remove_prefix(kScheme.size());
  const auto name = without_port(referer.substr(0, referer.find_first_of("/?#")));
  if (!name) return false;
  const auto address = parse_address(*name);
  return address ? address->is_loopback() : core::lower_case(*name) == "localhost";
}

bool PageOrigins::has(std::string_view origin) const {
  const auto asked = core::lower_case(origin);
  return std::ranges::any_of(listed, [&](const auto& each) { return core::lower_case(each) == asked; });
}

bool PageOrigins::has_host(std::string_view host) const {
  return has("https://" + std::string(host)) || has("http://" + std::string(host));
}

Gate::Gate(std::string token, bool loopback, const std::string& machine, unsigned port, std::string pictures)
    : token_(std::move(token)),
      pictures_(std::move(pictures)),
      loopback_(loopback),
      machine_(core::lower_case(machine)),
      cookie_name_("freshframe_" + std::to_string(port)) {}

bool Gate::is_token(std::string_view text) const noexcept {
  return equal_in_constant_time(text, token_);
}

bool Gate::is_our_host(std::string_view host) const {
  const auto name = without_port(host);
  if (!name) return false;
  if (const auto address = parse_address(*name)) return !loopback_ || address->is_loopback();
  const auto known = core::lower_case(*name);
  return known == "localhost" || (!loopback_ && !machine_.empty() && known == machine_);
}

bool Gate::has_bearer(const RequestHead& head) const {
  constexpr std::string_view kBearer = "bearer ";
  const auto& given = head.authorization;
  return wants_token() && given.size() > kBearer.size() &&
         core::lower_case(given.substr(0, kBearer.size())) == kBearer &&
         is_token(given.substr(kBearer.size()));
}

bool Gate::has_cookie(const RequestHead& head) const {
  auto rest = head.cookie;
  while (!rest.empty()) {
    const auto end = std::min(rest.find(';'), rest.size());
    auto pair = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    while (pair.starts_with(' ')) pair.remove_prefix(1);
    if (pair.starts_with(cookie_name_) && pair.substr(cookie_name_.size()).starts_with('=') &&
        is_token(pair.substr(cookie_name_.size() + 1))) {
      return true;
    }
  }
  return false;
}

Verdict Gate::judge(const RequestHead& head, bool is_video) const {
  const bool is_for_all = is_video && origins_.has_all();
  const bool is_program = has_bearer(head);
  const bool is_known = is_for_all || is_our_host(head.host) || origins_.has_host(head.host);
  if (!is_known && !is_program) return Verdict::WrongHost;
  const auto is_own = [&] { return is_known && *head.origin == "http://" + std::string(head.host); };
  if (!is_for_all && head.origin && !is_own() && !origins_.has(*head.origin)) return Verdict::WrongOrigin;
  if (wants_token() && !is_program && !has_cookie(head)) return Verdict::NoToken;
  return Verdict::Welcome;
}

}  // namespace freshframe::serve
