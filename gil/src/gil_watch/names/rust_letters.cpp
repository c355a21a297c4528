// Parses numbers and identifiers of Rust's v0 mangling.
// SPDX-License-Identifier: Apache-2.0
#include "gil_watch/names/rust_letters.hpp"

#include "gil_watch/names/utf8.hpp"

namespace freshframe::gil {

namespace {

constexpr std::uint32_t kBase = 36;
constexpr std::uint32_t kMinThreshold = 1;
constexpr std::uint32_t kMaxThreshold = 26;
constexpr std::uint32_t kSkew = 38;
constexpr std::uint32_t kDamp = 700;
constexpr std::uint32_t kFirstBias = 72;
constexpr std::uint32_t kFirstPoint = 128;
constexpr std::size_t kMaxLetters = 128;  // longer names are not decoded

std::uint32_t adapted(std::uint32_t delta, std::uint32_t letters, bool first) {
  delta /= first ? kDamp : 2;
  delta += delta / letters;
  std::uint32_t steps = 0;
  while (delta > (kBase - kMinThreshold) * kMaxThreshold / 2) {
    delta /= kBase - kMinThreshold;
    steps += kBase;
  }
  return steps + (kBase - kMinThreshold + 1) * delta / (delta + kSkew);
}

std::optional<std::uint32_t> digit_of(char letter) {
  if (letter >= 'a' && letter <= 'z') return static_cast<std::uint32_t>(letter - 'a');
  if (letter >= '0' && letter <= '9') return static_cast<std::uint32_t>(letter - '0') + 26;
  return std::nullopt;
}

// Reads the next delta of `rest`. Returns nullopt if it is truncated or too large.
std::optional<std::uint32_t> next_delta(std::string_view& rest, std::uint32_t bias) {
  std::uint64_t delta = 0;
  std::uint64_t weight = 1;
  for (std::uint32_t k = kBase;; k += kBase) {
    if (rest.empty()) return std::nullopt;
    const auto digit = digit_of(rest.front());
    rest.remove_prefix(1);
    if (!digit) return std::nullopt;
    delta += *digit * weight;
    if (delta > std::uint64_t{kLastPoint} * kMaxLetters) return std::nullopt;
    const std::uint32_t threshold =
        k <= bias ? kMinThreshold : std::min(std::max(k - bias, kMinThreshold), kMaxThreshold);
    if (*digit < threshold) return static_cast<std::uint32_t>(delta);
    weight *= kBase - threshold;
  }
}

}  // namespace

std::optional<std::string> from_punycode(std::string_view bytes) {
  const std::size_t mark = bytes.rfind('_');
  std::u32string letters;
  if (mark != std::string_view::npos)
    letters.assign(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(mark));
  std::string_view rest = mark == std::string_view::npos ? bytes : bytes.substr(mark + 1);
  if (rest.empty()) return std::nullopt;
  std::uint32_t point = kFirstPoint;
  std::uint32_t at = 0;
  std::uint32_t bias = kFirstBias;
  for (bool first = true; !rest.empty(); first = false) {
    const auto delta = next_delta(rest, bias);
    if (!delta || letters.size() >= kMaxLetters) return std::nullopt;
    const auto count = static_cast<std::uint32_t>(letters.size()) + 1;
    bias = adapted(*delta, count, first);
    const std::uint64_t sum = std::uint64_t{at} + *delta;
    point += static_cast<std::uint32_t>(sum / count);
    at = static_cast<std::uint32_t>(sum % count);
    if (point > kLastPoint) return std::nullopt;
    letters.insert(letters.begin() + at, static_cast<char32_t>(point));
    ++at;
  }
  std::string text;
  for (const char32_t letter : letters) {
    if (!append_point(text, static_cast<std::uint32_t>(letter))) return std::nullopt;
  }
  return text;
}

}  // namespace freshframe::gil
