// Judges the head of an HTTP response that FFmpeg would misread.
// SPDX-License-Identifier: Apache-2.0
#include "media/http/http_head.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>

#include "core/ascii.hpp"
#include "media/ffmpeg/log.hpp"

namespace freshframe::media {
namespace {

constexpr std::size_t kMostLines = 256;
constexpr int kPartial = 206;

std::string name_of(std::string_view line) {
  return core::lower_case(core::trimmed(line.substr(0, line.find(':'))));
}

/// Splits comma-separated header values such as "gzip, chunked" into their elements, in lower case. Ignores
/// empty elements (RFC 9110, 5.6.1).
std::vector<std::string> elements(const std::vector<std::string_view>& values) {
  std::vector<std::string> result;
  for (auto rest : values) {
    while (!rest.empty()) {
      const auto end = std::min(rest.find(','), rest.size());
      if (const auto element = core::trimmed(rest.substr(0, end)); !element.empty())
        result.push_back(core::lower_case(element));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  return result;
}

std::string joined(const std::vector<std::string_view>& values) {
  std::string text;
  for (const auto value : values) text.append(text.empty() ? "" : ", ").append(value);
  return "'" + shown_words(text) + "'";
}

/// Returns true if FFmpeg reads this as the length, or as endless: cameras send -1 for that.
bool is_length(std::string_view text) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  return core::all_digits(text);
}

}  // namespace

void HttpHead::begin(std::string_view status_line, std::int64_t first_byte) {
  const auto number = status_line.substr(std::min(status_line.find(' '), status_line.size()));
  status_ = static_cast<int>(core::number_at(number, 999).value_or(0));
  first_byte_ = first_byte;
  lines_.clear();
}

void HttpHead::add(std::string_view line) {
  const bool goes_on = line.starts_with(' ') || line.starts_with('\t');
  if (goes_on && !lines_.empty()) {
    lines_.back().text.append(" ").append(core::trimmed(line));
    lines_.back().folded = true;
  } else if (lines_.size() < kMostLines) {
    lines_.push_back({std::string(line)});
  }
}

bool HttpHead::is_redirect() const noexcept {
  constexpr std::array<int, 5> kRedirects{301, 302, 303, 307, 308};
  return std::ranges::find(kRedirects, status_) != kRedirects.end();
}

bool HttpHead::may_be_kept() const {
  constexpr int kMoved = 301;
  constexpr int kMovedForGood = 308;
  if (status_ == kMoved || status_ == kMovedForGood || !values("expires").empty()) return true;
  // FFmpeg ignores the continuation line of a folded header, which may contain no-store.
  if (std::ranges::any_of(
          lines_, [](const auto& line) { return line.folded && name_of(line.text) == "cache-control"; }))
    return true;
  return std::ranges::any_of(values("cache-control"), [](std::string_view value) {
    const auto text = core::lower_case(value);
    const bool has_age = text.find_first_of("123456789") != std::string::npos;
    return has_age && text.find("no-cache") == std::string::npos &&
           text.find("no-store") == std::string::npos;
  });
}

std::vector<std::string_view> HttpHead::values(std::string_view name) const {
  std::vector<std::string_view> found;
  for (const auto& line : lines_) {
    const std::string_view text = line.text;
    const auto colon = text.find(':');
    if (colon != std::string_view::npos && name_of(text) == name)
      found.push_back(core::trimmed(text.substr(colon + 1)));
  }
  return found;
}

std::string HttpHead::fault() const {
  if (status_ >= 400) return {};  // FFmpeg reports it
  if (auto fault = fault_of_folds(); !fault.empty()) return fault;
  if (is_redirect()) return fault_of_redirect();
  for (const auto check : {&HttpHead::fault_of_status, &HttpHead::fault_of_length, &HttpHead::fault_of_coding,
                           &HttpHead::fault_of_range}) {
    if (auto fault = (this->*check)(); !fault.empty()) return fault;
  }
  return {};
}

std::string HttpHead::fault_of_status() const {
  constexpr std::array<int, 3> kWithoutBody{204, 205, 304};
  const auto number = std::to_string(status_);
  if (status_ >= 100 && status_ < 200)
    return "the server sends " + number +
           " before its response, which FFmpeg cannot read; turn off early hints and 'continue' there";
  const bool has_body = std::ranges::find(kWithoutBody, status_) == kWithoutBody.end();
  if (has_body && (status_ < 300 || status_ >= 400)) return {};
  return "the server answered " + number + ", which contains no video";
}

std::string HttpHead::fault_of_redirect() const {
  const auto places = values("location");
  const auto number = std::to_string(status_);
  if (places.empty()) return "the server answered " + number + " without a URL to redirect to (Location)";
  const auto place = places.front();
  if (std::ranges::any_of(places, [&](const auto& other) { return other != place; }))
    return "the server sends several different Location headers: " + joined(places);
  const auto colon = place.find(':');
  const bool is_absolute = colon < place.find_first_of("/?#");
  if (!is_absolute || place.starts_with("http://") || place.starts_with("https://")) return {};
  return "the server redirects to '" + shown_words(place) +
         "'; only URLs that begin with http:// or https:// are followed";
}

/// FFmpeg ignores the continuation of a header.
std::string HttpHead::fault_of_folds() const {
  constexpr std::array<std::string_view, 5> kRead{"content-length", "transfer-encoding", "content-encoding",
                                                  "content-range", "location"};
  for (const auto& line : lines_) {
    const auto name = name_of(line.text);
    if (line.folded && std::ranges::find(kRead, name) != kRead.end())
      return "the server sends the header " + name + " on several lines, which FFmpeg cannot read";
  }
  return {};
}

std::string HttpHead::fault_of_length() const {
  const auto lengths = values("content-length");
  if (lengths.empty()) return {};
  const auto given = elements(lengths);
  const bool is_valid = !given.empty() && std::ranges::all_of(given, is_length);
  if (!is_valid) return "the server sends an invalid Content-Length: " + joined(lengths);
  if (std::ranges::any_of(given, [&](const auto& other) { return other != given.front(); }))
    return "the server sends several different Content-Length headers: " + joined(lengths);
  // A length after it would make FFmpeg cut the chunks.
  const auto place = [&](std::string_view name) {
    return std::ranges::find(lines_, name, [](const Line& line) { return name_of(line.text); });
  };
  const auto coding = place("transfer-encoding");
  return coding != lines_.end() && coding < place("content-length") &&
                 elements(values("transfer-encoding")) != std::vector<std::string>{"identity"}
             ? "the server sends Transfer-Encoding and Content-Length, which contradict each other"
             : "";
}

std::string HttpHead::fault_of_coding() const {
  const auto transfer = elements(values("transfer-encoding"));
  const bool is_plain = transfer.empty() || transfer == std::vector<std::string>{"identity"};
  if (!is_plain && transfer != std::vector<std::string>{"chunked"})
    return "the server sends it with Transfer-Encoding " + joined(values("transfer-encoding")) +
           "; only 'chunked' can be read";
  const auto content = elements(values("content-encoding"));
  const auto is_read = [](const std::string& coding) {  // FFmpeg has zlib in all usual builds
    return coding == "gzip" || coding == "deflate" || coding == "identity";
  };
  if (content.size() <= 1 && std::ranges::all_of(content, is_read)) return {};
  return "the server sends it with Content-Encoding " + joined(values("content-encoding")) +
         ", which was not requested; turn off compression for videos there";
}

/// FFmpeg skips a segment of a playlist whose range it does not get, without an error.
std::string HttpHead::fault_of_range() const {
  const auto range = values("content-range");
  std::int64_t first = 0;
  if (status_ == kPartial) {
    if (range.empty()) return {};
    const auto digits = range.front().find_first_of("0123456789");
    if (digits == std::string_view::npos) return {};
    first =
        core::number_at(range.front().substr(digits), std::numeric_limits<std::int64_t>::max()).value_or(0);
  }
  if (first == first_byte_) return {};
  return "the server sends the bytes from " + std::to_string(first) + " although those from " +
         std::to_string(first_byte_) + " were requested; it must support byte ranges (Range)";
}

}  // namespace freshframe::media
