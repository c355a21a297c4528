// Formats the response head, with security headers in every response.
// SPDX-License-Identifier: Apache-2.0
#include "serve/request/reply.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <string_view>
#include <utility>

#include "core/utc_parts.hpp"
#include <boost/beast/http/status.hpp>

namespace freshframe::serve {
namespace {

// Allows only this server's scripts and styles; no embedding in other sites' pages; no referrer.
constexpr std::string_view kProtection =
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: "
    "data:; media-src blob:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "X-Frame-Options: DENY\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Cross-Origin-Opener-Policy: same-origin\r\n";
constexpr std::string_view kFramedProtection =
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' "
    "blob: data:; media-src blob:; connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors *\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "Referrer-Policy: no-referrer\r\n";
constexpr std::string_view kOnlyOurPages = "Cross-Origin-Resource-Policy: same-origin\r\n";

/// The Date header with its CRLF (RFC 9110, 6.6.1).
std::string date_header() {
  constexpr std::array<std::string_view, 7> kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  const auto parts = core::utc_parts(now.time_since_epoch().count());
  const auto two = [](int number) { return (number < 10 ? "0" : "") + std::to_string(number); };
  std::string text = "Date: ";
  text.append(kDays.at(static_cast<std::size_t>(parts.tm_wday))).append(", ");
  text.append(two(parts.tm_mday)).append(" ");
  text.append(kMonths.at(static_cast<std::size_t>(parts.tm_mon))).append(" ");
  text.append(std::to_string(parts.tm_year + 1900)).append(" ").append(two(parts.tm_hour));
  text.append(":").append(two(parts.tm_min)).append(":").append(two(parts.tm_sec));
  return text.append(" GMT\r\n");
}

}  // namespace

Reply plain(unsigned status, std::string text) {
  text += '\n';
  return {.status = status, .body = std::move(text)};
}

std::string format_head(const Reply& reply, bool keep_alive) {
  const auto size = reply.fixed.empty() ? reply.body.size() : reply.fixed.size();
  std::string head = "HTTP/1.1 " + std::to_string(reply.status) + " ";
  const auto reason =
      boost::beast::http::obsolete_reason(static_cast<boost::beast::http::status>(reply.status));
  head.append(reason.data(), reason.size());
  head += "\r\nContent-Type: ";
  head += reply.type;
  if (reply.sized && reply.status != 204 && reply.status != 304)
    head += "\r\nContent-Length: " + std::to_string(size);
  head += keep_alive ? "\r\n" : "\r\nConnection: close\r\n";
  head += reply.framed ? kFramedProtection : kProtection;
  if (reply.headers.find("Cross-Origin-Resource-Policy") == std::string::npos) head += kOnlyOurPages;
  if (reply.headers.find("Cache-Control") == std::string::npos) head += "Cache-Control: no-store\r\n";
  head += date_header();
  head += reply.headers;
  head += "\r\n";
  return head;
}

}  // namespace freshframe::serve
