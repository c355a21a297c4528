// A reader for exactly the three messages: strings, one array of strings, one number.
// SPDX-License-Identifier: Apache-2.0
#include "serve/page_message.hpp"

#include <charconv>
#include <system_error>
#include <utility>

namespace freshframe::serve {
namespace {

constexpr int kMaxWidth = 1 << 16;

class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  bool take(char wanted) {
    skip_space();
    if (rest_.empty() || rest_.front() != wanted) return false;
    rest_.remove_prefix(1);
    return true;
  }
  [[nodiscard]] bool at_end() {
    skip_space();
    return rest_.empty();
  }

  std::optional<std::string> string() {
    if (!take('"')) return std::nullopt;
    std::string text;
    while (!rest_.empty()) {
      const char next = rest_.front();
      rest_.remove_prefix(1);
      if (next == '"') return text;
      if (static_cast<unsigned char>(next) < 0x20) return std::nullopt;
      if (next != '\\') {
        text += next;
      } else if (!escape(text)) {
        return std::nullopt;
      }
    }
    return std::nullopt;
  }

  std::optional<int> whole_number() {
    skip_space();
    int number = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), number);
    if (error != std::errc()) return std::nullopt;
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    return number;
  }

  std::optional<std::vector<std::string>> strings() {
    if (!take('[')) return std::nullopt;
    std::vector<std::string> items;
    if (take(']')) return items;
    do {
      auto item = string();
      if (!item || items.size() == kMaxViewed) return std::nullopt;
      items.push_back(*std::move(item));
    } while (take(','));
    if (!take(']')) return std::nullopt;
    return items;
  }

 private:
  void skip_space() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\n' || rest_.front() == '\t' ||
                              rest_.front() == '\r')) {
      rest_.remove_prefix(1);
    }
  }

  bool escape(std::string& text) {
    if (rest_.empty()) return false;
    const char kind = rest_.front();
    rest_.remove_prefix(1);
    constexpr std::string_view kNames = "\"\\/bfnrt";
    constexpr std::string_view kMeant = "\"\\/\b\f\n\r\t";
    if (const auto at = kNames.find(kind); at != std::string_view::npos) {
      text += kMeant[at];
      return true;
    }
    if (kind != 'u') return false;
    auto code = unit();
    if (!code) return false;
    if (*code >= 0xD800 && *code <= 0xDBFF) {  // the first half of a pair
      if (!rest_.starts_with("\\u")) return false;
      rest_.remove_prefix(2);
      const auto second = unit();
      if (!second || *second < 0xDC00 || *second > 0xDFFF) return false;
      code = 0x10000 + ((*code - 0xD800) << 10) + (*second - 0xDC00);
    } else if (*code >= 0xDC00 && *code <= 0xDFFF) {
      return false;
    }
    append_utf8(text, *code);
    return true;
  }

  std::optional<unsigned> unit() {
    unsigned code = 0;
    if (rest_.size() < 4) return std::nullopt;
    const std::string digits(rest_.substr(0, 4));
    const char* const last = digits.data() + digits.size();
    const auto [end, error] = std::from_chars(digits.data(), last, code, 16);
    if (error != std::errc() || end != last) return std::nullopt;
    rest_.remove_prefix(4);
    return code;
  }

  static void append_utf8(std::string& text, unsigned code) {
    const auto put = [&](unsigned byte) { text += static_cast<char>(byte); };
    if (code < 0x80) {
      put(code);
    } else if (code < 0x800) {
      put(0xC0 | (code >> 6));
      put(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
      put(0xE0 | (code >> 12));
      put(0x80 | ((code >> 6) & 0x3F));
      put(0x80 | (code & 0x3F));
    } else {
      put(0xF0 | (code >> 18));
      put(0x80 | ((code >> 12) & 0x3F));
      put(0x80 | ((code >> 6) & 0x3F));
      put(0x80 | (code & 0x3F));
    }
  }

  std::string_view rest_;
};

bool read_view(Reader& reader, PageMessage& message) {
  auto names = reader.strings();
  if (!names) return false;
  message.kind = PageMessage::Kind::View;
  message.view = *std::move(names);
  if (!reader.take(',')) return true;
  const auto key = reader.string();
  if (key != "width" || !reader.take(':')) return false;
  const auto width = reader.whole_number();
  if (!width || *width < 1 || *width > kMaxWidth) return false;
  message.width = *width;
  return true;
}

bool read_ack(Reader& reader, PageMessage& message) {
  const auto what = reader.string();
  if (what != "state" && what != "picture") return false;
  message.kind = what == "state" ? PageMessage::Kind::AckState : PageMessage::Kind::AckPicture;
  return true;
}

}  // namespace

std::optional<PageMessage> parse_page_message(std::string_view text) {
  if (text.size() > kMaxPageMessage) return std::nullopt;
  Reader reader(text);
  PageMessage message;
  if (!reader.take('{')) return std::nullopt;
  const auto key = reader.string();
  if (!key || !reader.take(':')) return std::nullopt;
  bool good = false;
  if (*key == "ack") good = read_ack(reader, message);
  if (*key == "view") good = read_view(reader, message);
  if (!good || !reader.take('}') || !reader.at_end()) return std::nullopt;
  return message;
}

}  // namespace freshframe::serve
