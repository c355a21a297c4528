// The pattern of a numbered sequence of files: "frames/img_%05d.png".
// SPDX-License-Identifier: Apache-2.0
#include "media/pictures/number_pattern.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <system_error>

#include "core/ascii.hpp"

namespace freshframe::media {
namespace {

constexpr std::size_t kMostDigits = 18;  // such numbers fit into 64 bits

/// A "%...d" within a text: [begin, end).
struct Field {
  std::size_t begin = std::string_view::npos;
  std::size_t end = std::string_view::npos;
};

Field find_field(std::string_view text, std::size_t from) {
  for (auto at = text.find('%', from); at != std::string_view::npos; at = text.find('%', at + 1)) {
    if (at + 1 < text.size() && text[at + 1] == '%') {
      ++at;
      continue;
    }
    auto end = at + 1;
    while (end < text.size() && core::is_digit(text[end])) ++end;
    if (end < text.size() && text[end] == 'd') return {at, end + 1};
  }
  return {};
}

std::string with_single_percents(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    result += text[i];
    if (text[i] == '%' && i + 1 < text.size() && text[i + 1] == '%') ++i;
  }
  return result;
}

[[noreturn]] void refuse_pattern(const std::string& url, const std::string& why) {
  throw OptionError("cannot open '" + url + "': " + why);
}

}  // namespace

bool NumberPattern::is_one(std::string_view path) noexcept {
  return find_field(path, 0).begin != std::string_view::npos;
}

std::string NumberPattern::other_field(std::string_view path) {
  for (auto at = path.find('%'); at != std::string_view::npos; at = path.find('%', at)) {
    const auto number = find_field(path, at);
    if (number.begin == at) {
      at = number.end;
    } else if (path.substr(at, 2) == "%%") {
      at += 2;
    } else {
      return std::string(path.substr(at, 2));
    }
  }
  return {};
}

NumberPattern::NumberPattern(const std::string& path, const std::string& url) {
  const auto slash = path.rfind('/');
  const auto name_begin = slash == std::string::npos ? 0 : slash + 1;
  folder_ = slash == std::string::npos ? "." : path.substr(0, std::max<std::size_t>(slash, 1));
  const std::string_view name = std::string_view(path).substr(name_begin);
  if (find_field(folder_, 0).begin != std::string_view::npos) {
    refuse_pattern(url, "only the name of the file may contain a number, not that of a folder");
  }
  const auto field = find_field(name, 0);
  if (find_field(name, field.end).begin != std::string_view::npos) {
    refuse_pattern(url, "the name may contain only one number");
  }
  const auto digits = name.substr(field.begin + 1, field.end - field.begin - 2);
  if (!digits.empty()) {
    const auto [rest, error] = std::from_chars(digits.data(), digits.data() + digits.size(), width_);
    if (digits.front() != '0' || digits.size() < 2 || error != std::errc() || width_ == 0 ||
        width_ > kMostDigits) {
      refuse_pattern(url, "a number is written %d (1, 2, ... 10) or %05d (00001, with 1 to 18 digits)");
    }
  }
  before_ = with_single_percents(name.substr(0, field.begin));
  after_ = with_single_percents(name.substr(field.end));
}

std::string_view NumberPattern::digits_of(std::string_view name) const noexcept {
  if (name.size() <= before_.size() + after_.size()) return {};
  if (name.substr(0, before_.size()) != before_) return {};
  if (name.substr(name.size() - after_.size()) != after_) return {};
  const auto digits = name.substr(before_.size(), name.size() - before_.size() - after_.size());
  return std::all_of(digits.begin(), digits.end(), core::is_digit) ? digits : std::string_view();
}

std::optional<std::int64_t> NumberPattern::number_of(std::string_view name) const {
  const auto digits = digits_of(name);
  if (digits.empty() || digits.size() > kMostDigits || digits.size() < width_) return std::nullopt;
  if (digits.front() == '0' && digits.size() > std::max<std::size_t>(width_, 1)) return std::nullopt;
  std::int64_t number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return number;
}

std::string NumberPattern::name_of(std::int64_t number) const {
  const auto digits = std::to_string(number);
  const auto zeros = width_ > digits.size() ? width_ - digits.size() : 0;
  return before_ + std::string(zeros, '0') + digits + after_;
}

}  // namespace freshframe::media
