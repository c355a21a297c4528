// Splits an HTTP URL into the parts that a request needs.
// SPDX-License-Identifier: Apache-2.0
#include "media/http/http_url.hpp"

#include <algorithm>

#include "core/ascii.hpp"
#include "core/percent_escape.hpp"
#include "core/url/url_authority.hpp"

namespace freshframe::media {
namespace {

constexpr std::string_view kAfterScheme = "://";

std::optional<Credentials> credentials_in(std::string_view user) {
  const auto colon = user.find(':');
  const auto password = colon == std::string_view::npos ? std::string_view() : user.substr(colon + 1);
  return Credentials{.user = core::percent_decoded(user.substr(0, colon)),
                     .password = core::percent_decoded(password)};
}

bool has_scheme(std::string_view text) {
  const auto colon = text.find(':');
  return colon != std::string_view::npos && colon < text.find_first_of("/?#");
}

}  // namespace

std::optional<HttpUrl> parse_http_url(std::string_view url) {
  const auto colon = url.find(kAfterScheme);
  if (colon == std::string_view::npos) return std::nullopt;
  auto scheme = core::lower_case(url.substr(0, colon));
  // FFmpeg's protocol prefixes for encrypted segments
  for (const std::string_view around : {"crypto+", "crypto:"}) {
    if (scheme.starts_with(around)) scheme.erase(0, around.size());
  }
  if (scheme != "http" && scheme != "https") return std::nullopt;
  const auto parts = core::parse_authority(url, colon + kAfterScheme.size());
  HttpUrl result;
  result.plain = std::string(url.substr(0, parts.begin)).append(url.substr(parts.host_begin));
  auto port = url.substr(parts.host_end, parts.end - parts.host_end);
  if (port.starts_with(':')) port.remove_prefix(1);
  result.origin = scheme + "://" +
                  core::lower_case(url.substr(parts.host_begin, parts.host_end - parts.host_begin)) + ":" +
                  std::string(!port.empty() ? port : std::string_view(scheme == "https" ? "443" : "80"));
  const auto path = url.substr(parts.end, url.find('#', parts.end) - parts.end);
  result.path = (path.starts_with('/') ? "" : "/") + std::string(path);
  if (parts.user_end) {
    auto found = credentials_in(url.substr(parts.begin, *parts.user_end - parts.begin));
    if (!found->user.empty() || !found->password.empty()) result.credentials = std::move(found);
  }
  return result;
}

std::string resolve_http_url(std::string_view base, std::string_view location) {
  location = core::trimmed(location);
  if (has_scheme(location)) return std::string(location);
  const auto colon = base.find(kAfterScheme);
  if (colon == std::string_view::npos) return std::string(location);
  if (location.starts_with("//")) return std::string(base.substr(0, colon + 1)).append(location);
  const auto end = core::parse_authority(base, colon + kAfterScheme.size()).end;
  const auto root = base.substr(0, end);
  if (location.starts_with('/')) return std::string(root).append(location);
  const auto path = base.substr(end, std::min(base.find_first_of("?#", end), base.size()) - end);
  if (location.starts_with('?')) return std::string(root).append(path).append(location);
  const auto folder = path.substr(0, path.rfind('/') + 1);
  return std::string(root).append(folder.empty() ? "/" : folder).append(location);
}

}  // namespace freshframe::media
