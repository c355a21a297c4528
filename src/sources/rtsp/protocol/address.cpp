// Splits RTSP URLs, and resolves the URLs in a server's description.
// SPDX-License-Identifier: Apache-2.0
#include "sources/rtsp/protocol/address.hpp"

#include <algorithm>

#include "core/ascii.hpp"
#include "core/percent_escape.hpp"
#include "core/url/url_authority.hpp"

namespace freshframe::media::rtsp {
namespace {

constexpr std::string_view kScheme = "rtsp://";
constexpr long kLargestPort = 65535;

bool is_rtsp(std::string_view url) {
  return core::lower_case(url.substr(0, kScheme.size())) == kScheme;
}

/// A control character could inject another header.
bool is_clean(std::string_view text) {
  return std::ranges::none_of(text, [](unsigned char c) { return c < ' ' || c == 0x7F; });
}

std::string without_credentials(std::string_view url) {
  const auto parts = core::parse_authority(url, kScheme.size());
  return std::string(kScheme) + std::string(url.substr(parts.host_begin));
}

}  // namespace

std::optional<Address> parse_address(std::string_view url) {
  if (!is_rtsp(url)) return std::nullopt;
  const auto parts = core::parse_authority(url, kScheme.size());
  Address address{.host = std::string(url.substr(parts.host_begin, parts.host_end - parts.host_begin)),
                  .port = kDefaultPort,
                  .url = without_credentials(url),
                  .credentials = {}};
  if (parts.bracketed) address.host = address.host.substr(1, address.host.find(']') - 1);
  if (address.host.empty() || !is_clean(address.url)) return std::nullopt;
  const auto port = url.substr(parts.host_end, parts.end - parts.host_end);
  if (port.size() > 1) {
    const auto number = core::number_at(port.substr(1), kLargestPort);
    if (port.front() != ':' || !core::all_digits(port.substr(1)) || !number || *number == 0)
      return std::nullopt;
    address.port = static_cast<int>(*number);
  }
  if (!parts.user_end) return address;
  const auto user = url.substr(parts.begin, *parts.user_end - parts.begin);
  const auto colon = user.find(':');
  address.credentials = Credentials{.user = core::percent_decoded(user.substr(0, colon)),
                                    .password = colon == std::string_view::npos
                                                    ? std::string()
                                                    : core::percent_decoded(user.substr(colon + 1))};
  if (!is_clean(address.credentials->user) || !is_clean(address.credentials->password)) return std::nullopt;
  return address;
}

std::string base_url(std::string_view request, std::string_view content_base,
                     std::string_view content_location) {
  std::string own(request);
  const auto authority = own.substr(0, core::parse_authority(own, kScheme.size()).end);
  for (const auto given : {core::trimmed(content_base), core::trimmed(content_location)}) {
    if (given.empty() || given == "*") continue;
    if (is_rtsp(given)) return without_credentials(given);
    if (given.front() == '/') return authority + std::string(given);
    // Some cameras omit the scheme: "192.0.2.1/stream/".
    if (given.starts_with(std::string_view(authority).substr(kScheme.size()))) {
      return std::string(kScheme) + std::string(given);
    }
  }
  return own;
}

std::string control_url(const std::string& base, std::string_view control) {
  control = core::trimmed(control);
  if (control.empty() || control == "*") return base;
  if (is_rtsp(control)) return without_credentials(control);
  if (control.front() == '/') control.remove_prefix(1);
  const bool joined = base.ends_with('/') || control.starts_with('?');
  return base + (joined ? "" : "/") + std::string(control);
}

}  // namespace freshframe::media::rtsp
