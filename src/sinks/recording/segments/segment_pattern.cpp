// Parses and matches patterns of segment names.
// SPDX-License-Identifier: Apache-2.0
#include "sinks/recording/segments/segment_pattern.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>
#include <system_error>

#include "core/ascii.hpp"
#include "core/file_place.hpp"
#include "core/utc_parts.hpp"

namespace freshframe::media {

namespace {

// Checks whether two patterns can produce the same file name.

/// One character, one digit, or any number of digits.
struct Step {
  enum class Kind : std::uint8_t { Letter, Digit, Digits };
  Kind kind = Kind::Letter;
  char letter = 0;
};

std::vector<Step> list_steps(const std::vector<PatternPiece>& pieces) {
  std::vector<Step> steps;
  for (const auto& piece : pieces) {
    for (const char letter : piece.text) steps.push_back({.letter = letter});
    const auto least = piece.kind == PatternPiece::Kind::Number && piece.digits == 0 ? 1 : piece.digits;
    if (piece.kind != PatternPiece::Kind::Text) steps.insert(steps.end(), least, {Step::Kind::Digit});
    if (piece.kind == PatternPiece::Kind::Number) steps.push_back({Step::Kind::Digits});
  }
  return steps;
}

bool share_a_letter(const Step& one, const Step& other) {
  if (one.kind == Step::Kind::Letter && other.kind == Step::Kind::Letter) return one.letter == other.letter;
  if (one.kind == Step::Kind::Letter) return core::is_digit(one.letter);
  return other.kind != Step::Kind::Letter || core::is_digit(other.letter);
}

/// Returns true if some string matches both. Numbers and time fields match any digits.
[[nodiscard]] bool patterns_meet(const std::vector<PatternPiece>& one,
                                 const std::vector<PatternPiece>& other) {
  const auto a = list_steps(one);
  const auto b = list_steps(other);
  const auto width = b.size() + 1;
  std::vector<bool> reached((a.size() + 1) * width, false);
  reached[0] = true;
  const auto reach = [&](std::size_t i, std::size_t j) { reached[i * width + j] = true; };
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (!reached[i * width + j]) continue;
      const bool many_a = i < a.size() && a[i].kind == Step::Kind::Digits;
      const bool many_b = j < b.size() && b[j].kind == Step::Kind::Digits;
      if (many_a) reach(i + 1, j);
      if (many_b) reach(i, j + 1);
      if (i < a.size() && j < b.size() && share_a_letter(a[i], b[j]))
        reach(many_a ? i : i + 1, many_b ? j : j + 1);
    }
  }
  return reached.back();
}

using Kind = PatternPiece::Kind;
using Part = std::vector<PatternPiece>;

constexpr std::string_view kTime = "{time:";
constexpr std::size_t kMostNumberDigits = 18;  // such numbers fit in 64 bits

[[noreturn]] void refuse(const std::string& path, const std::string& why) {
  throw OptionError("cannot write '" + path + "': " + why);
}

/// Returns the number of digits of a time field, or 0 if the directive is not one.
std::size_t count_digits(char directive) {
  switch (directive) {
    case 'Y':
      return 4;
    case 'j':
      return 3;
    case 'm':
    case 'd':
    case 'H':
    case 'M':
    case 'S':
      return 2;
    default:
      return 0;
  }
}

/// The length of a number field, "%d" or "%05d", at `at`, or 0 if there is none.
std::size_t number_field(std::string_view text, std::size_t at) {
  if (at >= text.size() || text[at] != '%') return 0;
  auto end = at + 1;
  while (end < text.size() && core::is_digit(text[end])) ++end;
  return end < text.size() && text[end] == 'd' ? end + 1 - at : 0;
}

/// The end of a "{time:...}" at `at`, or 0 if there is none.
std::size_t time_field_end(std::string_view text, std::size_t at) {
  if (text.substr(at, kTime.size()) != kTime) return 0;
  const auto end = text.find('}', at);
  return end == std::string_view::npos ? 0 : end + 1;
}

void add_text(Part& pieces, char letter) {
  if (pieces.empty() || pieces.back().kind != Kind::Text) pieces.push_back({});
  pieces.back().text += letter;
}

/// Adds the fields of a "{time:...}".
void add_time(Part& pieces, std::string_view format, const std::string& path) {
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%') {
      add_text(pieces, format[i]);
      continue;
    }
    const char directive = ++i < format.size() ? format[i] : '\0';
    if (directive == '%') {
      add_text(pieces, '%');
      continue;
    }
    const auto digits = count_digits(directive);
    if (digits == 0) {
      refuse(path, "{time:...} has the fields %Y, %m, %d, %H, %M, %S and %j, got '%" +
                       std::string(directive == '\0' ? 0 : 1, directive) + "'");
    }
    pieces.push_back({.kind = Kind::Time, .directive = directive, .digits = digits});
  }
}

std::size_t parse_width(std::string_view digits, const std::string& path) {
  if (digits.empty()) return 0;
  std::size_t width = 0;
  const auto [rest, error] = std::from_chars(digits.data(), digits.data() + digits.size(), width);
  if (digits.front() != '0' || digits.size() < 2 || error != std::errc() || width == 0 ||
      width > kMostNumberDigits)
    refuse(path, "a number is written %d (1, 2, ... 10) or %05d (00001, with 1 to 18 digits)");
  return width;
}

Part split_path(const std::string& path) {
  Part pieces;
  const std::string_view text = path;
  for (std::size_t i = 0; i < text.size();) {
    if (const auto end = time_field_end(text, i)) {
      add_time(pieces, text.substr(i + kTime.size(), end - 1 - i - kTime.size()), path);
      i = end;
    } else if (const auto length = number_field(text, i)) {
      pieces.push_back({.kind = Kind::Number, .digits = parse_width(text.substr(i + 1, length - 2), path)});
      i += length;
    } else {
      add_text(pieces, text[i]);
      i += text.substr(i, 2) == "%%" ? 2 : 1;
    }
  }
  return pieces;
}

/// Splits at each '/'.
std::vector<Part> split_parts(const Part& pieces) {
  std::vector<Part> parts(1);
  for (const auto& piece : pieces) {
    if (piece.kind != Kind::Text) {
      parts.back().push_back(piece);
      continue;
    }
    for (const char letter : piece.text) {
      if (letter == '/') {
        parts.emplace_back();
      } else {
        add_text(parts.back(), letter);
      }
    }
  }
  return parts;
}

bool is_text(const Part& part) {
  return std::ranges::all_of(part, [](const PatternPiece& piece) { return piece.kind == Kind::Text; });
}

std::string join_pieces(const Part& part) {
  return part.empty() ? std::string() : part.front().text;
}

std::string zero_padded(std::int64_t number, std::size_t width) {
  const auto digits = std::to_string(number);
  return std::string(width > digits.size() ? width - digits.size() : 0, '0') + digits;
}

std::int64_t time_value(const std::tm& time, char directive) {
  switch (directive) {
    case 'Y':
      return time.tm_year + 1900;
    case 'j':
      return time.tm_yday + 1;
    case 'm':
      return time.tm_mon + 1;
    case 'd':
      return time.tm_mday;
    case 'H':
      return time.tm_hour;
    case 'M':
      return time.tm_min;
    default:
      return time.tm_sec;
  }
}

/// Matches a name against the pieces of a path component.
struct Matcher {
  const Part& pieces;
  std::string_view name;
  std::int64_t number = 0;

  bool rest(std::size_t piece, std::size_t at) {
    if (piece == pieces.size()) return at == name.size();
    const auto& wanted = pieces[piece];
    if (wanted.kind == Kind::Text)
      return name.substr(at, wanted.text.size()) == wanted.text && rest(piece + 1, at + wanted.text.size());
    std::size_t digits = 0;
    while (at + digits < name.size() && core::is_digit(name[at + digits])) ++digits;
    if (wanted.kind == Kind::Time) return digits >= wanted.digits && rest(piece + 1, at + wanted.digits);
    for (; digits > 0; --digits) {
      if (is_number(name.substr(at, digits), wanted.digits) && rest(piece + 1, at + digits)) {
        std::from_chars(name.data() + at, name.data() + at + digits, number);
        return true;
      }
    }
    return false;
  }

  static bool is_number(std::string_view digits, std::size_t width) {
    if (digits.size() > kMostNumberDigits || digits.size() < width) return false;
    return digits.front() != '0' || digits.size() <= std::max<std::size_t>(width, 1);
  }
};

}  // namespace

bool SegmentPattern::is_pattern(std::string_view path) noexcept {
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path.substr(i, 2) == "%%") {
      ++i;
    } else if (number_field(path, i) != 0 || time_field_end(path, i) != 0) {
      return true;
    }
  }
  return false;
}

std::string SegmentPattern::other_field(std::string_view path) {
  for (std::size_t i = 0; i < path.size();) {
    const auto end = time_field_end(path, i);
    const auto number = number_field(path, i);
    if (end != 0) {
      i = end;
    } else if (number != 0) {
      i += number;
    } else if (path[i] == '%' && path.substr(i, 2) != "%%") {
      return std::string(path.substr(i, 2));
    } else {
      i += path[i] == '%' ? 2 : 1;
    }
  }
  return {};
}

SegmentPattern::SegmentPattern(const std::string& path) {
  auto parts = split_parts(split_path(path));
  const auto dynamic = std::ranges::find_if(parts, [](const Part& part) { return !is_text(part); });
  const auto first = std::min(dynamic, parts.end() - 1);
  for (auto part = parts.begin(); part != first; ++part) {
    base_ += (part == parts.begin() ? "" : "/") + join_pieces(*part);
  }
  if (base_.empty()) base_ = first == parts.begin() ? "." : "/";
  parts_.assign(std::make_move_iterator(first), std::make_move_iterator(parts.end()));
  check(path);
  has_number_ = !is_text(parts_.back()) && std::ranges::any_of(parts_.back(), [](const PatternPiece& piece) {
    return piece.kind == Kind::Number;
  });
  const auto& last = parts_.back().back();
  const auto dot = last.kind == Kind::Text ? last.text.rfind('.') : std::string::npos;
  if (dot != std::string::npos) suffix_ = last.text.substr(dot);
}

void SegmentPattern::settle() {
  base_ = core::lasting_path(base_);
}

void SegmentPattern::check(const std::string& path) const {
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    const auto& part = parts_[i];
    const auto numbers = std::ranges::count(part, Kind::Number, &PatternPiece::kind);
    if (numbers > 0 && i + 1 < parts_.size())
      refuse(path, "only the name of the file may contain a number, not that of a folder");
    if (numbers > 1) refuse(path, "the name may contain only one number");
    const auto text = is_text(part) ? join_pieces(part) : std::string("x");
    if (text.empty() || text == "." || text == "..")
      refuse(path, "a part between two '/' after the first field must be a name");
    for (std::size_t n = 1; n < part.size(); ++n) {
      if ((part[n].kind == Kind::Number && part[n - 1].kind == Kind::Time) ||
          (part[n].kind == Kind::Time && part[n - 1].kind == Kind::Number))
        refuse(path, "the number and {time:...} need a letter between them");
    }
  }
}

std::string SegmentPattern::make_name(std::int64_t unix_time, std::int64_t number, int copy) const {
  const auto time = core::utc_parts(unix_time);
  std::string name;
  for (const auto& part : parts_) {
    if (&part != parts_.data()) name += '/';
    for (const auto& piece : part) {
      if (piece.kind == Kind::Text) name += piece.text;
      if (piece.kind == Kind::Number) name += zero_padded(number, piece.digits);
      if (piece.kind == Kind::Time) name += zero_padded(time_value(time, piece.directive), piece.digits);
    }
  }
  if (copy > 1) name.insert(name.size() - suffix_.size(), "_" + std::to_string(copy));
  return name;
}

bool SegmentPattern::is_folder(std::size_t level, std::string_view name) const {
  return level + 1 < parts_.size() && Matcher{parts_[level], name}.rest(0, 0);
}

std::optional<SegmentPattern::Name> SegmentPattern::parse(std::string_view file_name) const {
  Matcher matcher{parts_.back(), file_name};
  if (matcher.rest(0, 0)) return Name{.number = matcher.number};
  if (has_number_ || file_name.size() <= suffix_.size()) return std::nullopt;
  const auto stem = file_name.substr(0, file_name.size() - suffix_.size());
  const auto line = stem.rfind('_');
  if (line == std::string_view::npos) return std::nullopt;
  int copy = 0;
  const auto digits = stem.substr(line + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), copy);
  if (error != std::errc() || end != digits.data() + digits.size() || copy < 2 || digits.front() == '0')
    return std::nullopt;
  const auto name = std::string(stem.substr(0, line)) + std::string(file_name.substr(stem.size()));
  if (!Matcher{parts_.back(), name}.rest(0, 0)) return std::nullopt;
  return Name{.copy = copy};
}

Part SegmentPattern::all_pieces(bool with_copy) const {
  Part pieces{{.text = base_ + "/"}};
  for (const auto& part : parts_) {
    if (&part != parts_.data()) pieces.push_back({.text = "/"});
    pieces.insert(pieces.end(), part.begin(), part.end());
  }
  if (!with_copy || pieces.back().kind != Kind::Text) return pieces;
  auto& last = pieces.back().text;
  last.resize(last.size() - suffix_.size());
  pieces.back().text += '_';
  pieces.push_back({.kind = Kind::Number});
  pieces.push_back({.text = suffix_});
  return pieces;
}

bool SegmentPattern::can_meet(const SegmentPattern& other) const {
  const auto absolute = [](const SegmentPattern& pattern, bool with_copy) {
    auto pieces = pattern.all_pieces(with_copy);
    const auto base = core::one_name(pattern.base_);
    pieces.front().text = base == "/" ? "/" : base.string() + "/";
    return pieces;
  };
  constexpr std::array<bool, 2> kBoth{false, true};
  return std::ranges::any_of(kBoth, [&](bool mine) {
    return std::ranges::any_of(kBoth, [&](bool second) {
      if ((mine && has_number_) || (second && other.has_number_)) return false;
      return patterns_meet(absolute(*this, mine), absolute(other, second));
    });
  });
}

}  // namespace freshframe::media
