// Parses "demo:circles?..." and "demo:shapes?..." URLs, and rejects unknown options.
// SPDX-License-Identifier: Apache-2.0
#include "sources/demo/demo_url.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <vector>

#include "core/url/masked_url.hpp"

namespace freshframe::media {
namespace {

constexpr std::string_view kCircles = "demo:circles";
constexpr std::string_view kShapes = "demo:shapes";
constexpr std::string_view kAccepted =
    "demo:circles or demo:shapes, with each parameter at most once, such as demo:circles?fps=60&size=1280x720: "
    "fps (above 0, at most 1000), size (even numbers, 16x16 to 8192x8192), balls or, in demo:shapes, shapes (0 "
    "to 100), seed (0 or more), pace (1, or 0 for as fast as it is read), frames (1 or more)";

struct KeyAndValue {
  std::string_view key;
  std::string_view value;
};

[[noreturn]] void refuse_url(const std::string& url, const std::string& why) {
  throw OptionError("cannot use '" + core::shown_url(url) + "': " + why + "; expected " +
                    std::string(kAccepted));
}

template <class T>
std::optional<T> number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

template <class T>
bool assign(T& option, std::optional<T> value, T least, T most) {
  if (!value || !(*value >= least && *value <= most)) return false;
  option = *value;
  return true;
}

bool assign_size(DemoOptions& options, std::string_view text) {
  const auto cross = text.find('x');
  if (cross == std::string_view::npos) return false;
  const bool in_range = assign(options.width, number<int>(text.substr(0, cross)), 16, 8192) &&
                        assign(options.height, number<int>(text.substr(cross + 1)), 16, 8192);
  return in_range && options.width % 2 == 0 && options.height % 2 == 0;
}

bool assign_pair(DemoOptions& options, const KeyAndValue& pair, const std::string& url) {
  const auto& [key, value] = pair;
  if (key == "fps") return assign(options.fps, number<double>(value), 0.0, 1000.0) && options.fps > 0;
  if (key == "size") return assign_size(options, value);
  if (key == (options.shapes ? "shapes" : "balls")) return assign(options.balls, number<int>(value), 0, 100);
  if (key == "seed") return assign(options.seed, number<std::uint64_t>(value), std::uint64_t{0}, UINT64_MAX);
  if (key == "pace") {
    options.paced = value != "0";
    return value == "0" || value == "1";
  }
  if (key == "frames") {
    options.frames = number<std::int64_t>(value);
    return options.frames && *options.frames >= 1;
  }
  refuse_url(url, "there is no option '" + std::string(key) + "'");
}

std::vector<KeyAndValue> split(std::string_view query) {
  std::vector<KeyAndValue> pairs;
  while (true) {
    const auto part = query.substr(0, query.find('&'));
    const auto equals = std::min(part.find('='), part.size());
    pairs.push_back({part.substr(0, equals), part.substr(std::min(equals + 1, part.size()))});
    if (part.size() == query.size()) return pairs;
    query.remove_prefix(part.size() + 1);
  }
}

}  // namespace

DemoOptions parse_demo_url(const std::string& url) {
  const std::string_view text = url;
  const auto scene = text.substr(0, text.find('?'));
  if (scene != kCircles && scene != kShapes) {
    refuse_url(url, "the built-in scenes are called demo:circles and demo:shapes");
  }
  std::string_view rest = text.substr(scene.size());
  DemoOptions options;
  options.shapes = scene == kShapes;
  if (options.shapes) options.balls = 4;
  if (rest.empty()) return options;
  rest.remove_prefix(1);
  std::vector<std::string_view> seen;
  for (const KeyAndValue& pair : split(rest)) {
    if (!assign_pair(options, pair, url)) {
      refuse_url(url, std::string(pair.key) + "='" + std::string(pair.value) + "' is not possible");
    }
    if (std::ranges::find(seen, pair.key) != seen.end())
      refuse_url(url, std::string(pair.key) + " is given twice");
    seen.push_back(pair.key);
  }
  return options;
}

}  // namespace freshframe::media
