// Formats the response head, with security headers in every response.
// SPDX-License-Identifier: Apache-2.0
#include "serve/http/reply.hpp"

#include <array>
#include <chrono>
#include <string_view>
#include <utility>

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

}  // namespace

Reply plain(unsigned status, std::string text) {
  text += '\n';
  return {.status = status, .body = std::move(text)};
}

std::string date_header() {
  constexpr std::array<std::string_view, 7> kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  const auto day = std::chrono::floor<std::chrono::days>(now);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss time{now - day};
  const auto two = [](auto number) {
    const auto text = std::to_string(number);
    return text.size() < 2 ? "0" + text : text;
  };
  std::string text = "Date: ";
  text.append(kDays.at(std::chrono::weekday(day).c_encoding())).append(", ");
  text.append(two(static_cast<unsigned>(date.day()))).append(" ");
  text.append(kMonths.at(static_cast<unsigned>(date.month()) - 1)).append(" ");
  text.append(std::to_string(static_cast<int>(date.year()))).append(" ").append(two(time.hours().count()));
  text.append(":").append(two(time.minutes().count())).append(":").append(two(time.seconds().count()));
  return text.append(" GMT\r\n");
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

std::string format_stream_head(const Reply& reply) {
  std::string head = "HTTP/1.1 200 OK\r\nConnection: close\r\nCache-Control: no-store\r\nContent-Type: ";
  return head.append(kStreamType)
      .append("\r\n")
      .append(kProtection)
      .append(date_header())
      .append(reply.headers)
      .append("\r\n");
}

}  // namespace freshframe::serve
