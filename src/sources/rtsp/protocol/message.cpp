// Parses and writes RTSP messages, and describes failed sessions.
// SPDX-License-Identifier: Apache-2.0
#include "sources/rtsp/protocol/message.hpp"

#include <algorithm>
#include <cstddef>
#include <system_error>
#include <utility>

#include "core/ascii.hpp"

namespace freshframe::media::rtsp {

// Explains why a session with an RTSP server failed or ended.

std::string errno_text(int code) {
  auto text = std::generic_category().message(code);
  if (!text.empty()) text[0] = core::lower_case(text[0]);
  return text;
}

namespace {

constexpr std::size_t kMostHeaders = 256;
constexpr long kLargestSequence = 2'000'000'000;

bool parse_status_line(std::string_view line, Message& message) {
  const auto space = line.find(' ');
  if (space == std::string_view::npos) return false;
  const auto status = core::number_at(line.substr(space), 999);
  if (!status || *status < 100) return false;
  message.status = static_cast<int>(*status);
  const auto digits = line.find_first_not_of(' ', space);
  message.reason = core::trimmed(line.substr(std::min(digits + 3, line.size())));
  return true;
}

bool parse_request_line(std::string_view line, Message& message) {
  const auto first = line.find(' ');
  const auto second = line.rfind(' ');
  if (first == std::string_view::npos || second <= first) return false;
  message.method = line.substr(0, first);
  message.target = core::trimmed(line.substr(first, second - first));
  return line.substr(second + 1).starts_with("RTSP/");
}

void parse_header(std::string_view line, Message& message) {
  if ((line.front() == ' ' || line.front() == '\t') && !message.headers.empty()) {
    auto& folded = message.headers.back().value;  // RFC 2326, 15.1: a value may continue on the next line
    folded.append(" ").append(core::trimmed(line));
    return;
  }
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || message.headers.size() >= kMostHeaders) return;
  message.headers.push_back({core::lower_case(core::trimmed(line.substr(0, colon))),
                             std::string(core::trimmed(line.substr(colon + 1)))});
}

}  // namespace

std::string_view Message::header(std::string_view name) const noexcept {
  const auto found = std::ranges::find(headers, name, &Header::name);
  return found == headers.end() ? std::string_view() : std::string_view(found->value);
}

std::vector<std::string_view> Message::find_headers(std::string_view name) const {
  std::vector<std::string_view> values;
  for (const auto& one : headers) {
    if (one.name == name) values.emplace_back(one.value);
  }
  return values;
}

std::optional<int> Message::sequence() const noexcept {
  const auto number = core::number_at(header("cseq"), kLargestSequence);
  return number ? std::optional(static_cast<int>(*number)) : std::nullopt;
}

void SessionHeader::update(std::string_view value) {
  constexpr long kLongestTimeout = 86400;
  constexpr std::string_view kTimeout = "timeout";
  auto end = value.find_first_of(";,");
  const auto given = core::trimmed(value.substr(0, end));
  previous.clear();  // the request succeeded, so the session id was right
  if (!given.empty() && given != id && given != refused) previous = std::exchange(id, std::string(given));
  while (end != std::string_view::npos) {
    value.remove_prefix(end + 1);
    end = value.find_first_of(";,");
    const auto parameter = core::trimmed(value.substr(0, end));
    const auto equals = parameter.find('=');
    if (equals == std::string_view::npos ||
        core::lower_case(core::trimmed(parameter.substr(0, equals))) != kTimeout)
      continue;
    auto number = core::trimmed(parameter.substr(equals + 1));
    if (number.starts_with('"')) number.remove_prefix(1);
    const auto seconds = core::number_at(number, kLongestTimeout);
    if (seconds && *seconds > 0) timeout = Seconds(static_cast<double>(*seconds));
  }
}

bool SessionHeader::return_to_previous() {
  if (previous.empty()) return false;
  refused = std::exchange(id, std::exchange(previous, {}));
  return true;
}

std::optional<Message> parse_head(std::string_view given) {
  // A control character in a value could inject a header into a request that repeats it.
  std::string clean(given);
  std::ranges::replace_if(clean, [](unsigned char c) { return c < ' ' && c != '\n' && c != '\r'; }, ' ');
  std::string_view text(clean);
  Message message;
  bool first = true;
  while (!text.empty()) {
    const auto end = text.find('\n');
    auto line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    line = line.substr(0, line.find('\r'));
    if (line.empty()) continue;
    if (!first) {
      parse_header(line, message);
    } else if (line.starts_with("RTSP/") ? !parse_status_line(line, message)
                                         : !parse_request_line(line, message)) {
      return std::nullopt;
    }
    first = false;
  }
  return first ? std::nullopt : std::optional(std::move(message));
}

}  // namespace freshframe::media::rtsp
