// Queries the modes of a camera, and chooses one.
// SPDX-License-Identifier: Apache-2.0
#include "sources/camera/modes.hpp"

#include "freshframe/camera.hpp"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstddef>
#include <functional>
#include <sstream>
#include <tuple>
#include <utility>

#include "sources/camera/format.hpp"
#include <linux/videodev2.h>

namespace freshframe::media {
namespace {

constexpr std::uint32_t kMostEntries = 128;  // per list; real cameras have at most a few dozen
constexpr int kLargestModeSide = 32768;      // pixels
constexpr double kFastEnough = 25;           // frames per second
constexpr double kFastest = 60.5;            // higher frame rates are used only on request
constexpr int kDefaultWidth = 1280;
constexpr int kDefaultHeight = 720;

std::optional<double> compute_rate(const v4l2_fract& interval) {
  if (interval.numerator == 0 || interval.denominator == 0) return std::nullopt;
  return static_cast<double>(interval.denominator) / interval.numerator;
}

/// Returns the errno that ended the enumeration.
int add_rates(const V4l2Handle& device, std::uint32_t format, CameraSize& size) {
  int code = 0;
  for (std::uint32_t i = 0; i < kMostEntries; ++i) {
    v4l2_frmivalenum entry{};
    entry.index = i;
    entry.pixel_format = format;
    entry.width = static_cast<std::uint32_t>(size.width);
    entry.height = static_cast<std::uint32_t>(size.height);
    code = device.control(VIDIOC_ENUM_FRAMEINTERVALS, entry);
    if (code != 0) break;
    if (entry.type != V4L2_FRMIVAL_TYPE_DISCRETE) {
      const auto highest = compute_rate(entry.stepwise.min);
      const auto lowest = compute_rate(entry.stepwise.max);
      if (highest && lowest) size.fps = {*highest, *lowest};
      size.fps_range = size.fps.size() == 2;
      return 0;
    }
    if (const auto rate = compute_rate(entry.discrete)) size.fps.push_back(*rate);
  }
  std::sort(size.fps.begin(), size.fps.end(), std::greater<>());
  return code;
}

bool plausible(std::uint32_t side) {
  return side > 0 && side <= kLargestModeSide;
}

/// Returns the errno that ended the enumeration.
int add_sizes(const V4l2Handle& device, CameraFormat& format) {
  for (std::uint32_t i = 0; i < kMostEntries; ++i) {
    v4l2_frmsizeenum entry{};
    entry.index = i;
    entry.pixel_format = format.code;
    if (const int code = device.control(VIDIOC_ENUM_FRAMESIZES, entry); code != 0) return code;
    CameraSize size;
    const bool discrete = entry.type == V4L2_FRMSIZE_TYPE_DISCRETE;
    const auto& grid = entry.stepwise;
    const auto width = discrete ? entry.discrete.width : grid.max_width;
    const auto height = discrete ? entry.discrete.height : grid.max_height;
    if (!plausible(width) || !plausible(height)) continue;
    size.width = size.min_width = static_cast<int>(width);
    size.height = size.min_height = static_cast<int>(height);
    if (!discrete) {
      if (!plausible(grid.min_width) || !plausible(grid.min_height)) continue;
      if (grid.min_width > width || grid.min_height > height) continue;
      size.min_width = static_cast<int>(grid.min_width);
      size.min_height = static_cast<int>(grid.min_height);
      size.step_width = static_cast<int>(std::clamp<std::uint32_t>(grid.step_width, 1, kLargestModeSide));
      size.step_height = static_cast<int>(std::clamp<std::uint32_t>(grid.step_height, 1, kLargestModeSide));
    }
    const int code = add_rates(device, format.code, size);
    if (!is_no(code)) return code;
    format.sizes.push_back(std::move(size));
    if (!discrete) break;
  }
  return 0;
}

/// Returns the largest value of a grid that is at most `limit`, or its smallest value.
int on_grid(int limit, int least, int most, int step) {
  if (limit <= least) return least;
  return least + (std::min(limit, most) - least) / step * step;
}

bool has_size(const CameraSize& size, int width, int height) {
  if (size.step_width == 0) return size.width == width && size.height == height;
  return width >= size.min_width && width <= size.width && height >= size.min_height &&
         height <= size.height && (width - size.min_width) % size.step_width == 0 &&
         (height - size.min_height) % size.step_height == 0;
}

/// Returns the frame rate to set: the requested one, or the highest usual one. The outer nullopt means that
/// the request cannot be met.
std::optional<std::optional<double>> pick_rate(const CameraSize& size, const std::optional<double>& wish) {
  if (size.fps.empty()) return wish;
  if (!wish) {
    if (size.fps_range) return std::clamp(kFastest - 0.5, size.fps.back(), size.fps.front());
    const auto usual =
        std::find_if(size.fps.begin(), size.fps.end(), [](double rate) { return rate <= kFastest; });
    return usual == size.fps.end() ? size.fps.back() : *usual;
  }
  if (size.fps_range) {
    const bool within = (*wish <= size.fps.front() || same_rate(*wish, size.fps.front())) &&
                        (*wish >= size.fps.back() || same_rate(*wish, size.fps.back()));
    return within ? std::optional<std::optional<double>>(wish) : std::nullopt;
  }
  for (const double rate : size.fps) {
    if (same_rate(rate, *wish)) return rate;
  }
  return std::nullopt;
}

/// Sort key of a mode: greater is better.
auto rank(const CameraMode& mode) {
  const bool fast = !mode.fps || *mode.fps >= kFastEnough;
  const bool fits = mode.width <= kDefaultWidth && mode.height <= kDefaultHeight;
  const auto area = static_cast<std::int64_t>(mode.width) * mode.height;
  const auto* format = readable_format(mode.code);
  return std::make_tuple(fast, fits, fits ? area : -area, -format->preference, mode.fps.value_or(0));
}

void list_rates(std::ostringstream& text, const CameraSize& size) {
  if (size.fps.empty()) return;
  text << " (";
  for (std::size_t i = 0; i < size.fps.size(); ++i) {
    if (i > 0) text << (size.fps_range ? " to " : ", ");
    text << size.fps[i];
  }
  text << " fps)";
}

std::string sizes_text(const CameraFormat& format) {
  if (format.sizes.empty()) return "(the driver does not list its sizes)";
  std::ostringstream text;
  for (const auto& size : format.sizes) {
    if (text.tellp() > 0) text << ", ";
    if (size.step_width > 0) text << size.min_width << 'x' << size.min_height << " to ";
    text << size.width << 'x' << size.height;
    list_rates(text, size);
  }
  return text.str();
}

}  // namespace

bool same_rate(double one, double other) {
  constexpr double kTolerance = 0.002;
  return std::abs(one - other) <= kTolerance * std::max(one, other);
}

bool is_no(int code) noexcept {
  return code == 0 || code == EINVAL || code == ENOTTY;
}

CameraOffer camera_offer(const V4l2Handle& device) {
  CameraOffer offer;
  for (std::uint32_t i = 0; i < kMostEntries; ++i) {
    v4l2_fmtdesc entry{};
    entry.index = i;
    entry.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    int code = device.control(VIDIOC_ENUM_FMT, entry);
    if (code != 0) {
      if (!is_no(code)) offer.code = code;
      break;
    }
    CameraFormat format;
    format.code = entry.pixelformat;
    format.name = camera_format_name(entry.pixelformat);
    format.description = driver_text(entry.description);
    format.supported = readable_format(entry.pixelformat) != nullptr;
    code = add_sizes(device, format);
    offer.formats.push_back(std::move(format));
    if (!is_no(code)) {
      offer.code = code;
      break;
    }
  }
  return offer;
}

std::optional<CameraMode> choose_mode(const std::vector<CameraFormat>& formats, const CameraWish& wish) {
  std::optional<CameraMode> best;
  const auto offer = [&](const CameraMode& mode) {
    if (!best || rank(mode) > rank(*best)) best = mode;
  };
  for (const auto& format : formats) {
    if (!format.supported || (wish.code && readable_format(*wish.code) != readable_format(format.code)))
      continue;
    if (format.sizes.empty()) offer({format.code, wish.width.value_or(0), wish.height.value_or(0), wish.fps});
    for (const auto& size : format.sizes) {
      if (wish.width && !has_size(size, *wish.width, *wish.height)) continue;
      const auto rate = pick_rate(size, wish.fps);
      if (!rate) continue;
      const bool grid = size.step_width > 0;
      const int width =
          grid ? on_grid(kDefaultWidth, size.min_width, size.width, size.step_width) : size.width;
      const int height =
          grid ? on_grid(kDefaultHeight, size.min_height, size.height, size.step_height) : size.height;
      offer({format.code, wish.width.value_or(width), wish.height.value_or(height), *rate});
    }
  }
  return best;
}

std::string wish_text(const CameraWish& wish) {
  std::ostringstream text;
  if (wish.width) text << *wish.width << 'x' << *wish.height;
  if (wish.width && wish.lies) text << " (" << *wish.height << 'x' << *wish.width << " after rotation)";
  if (wish.fps) text << (wish.width ? " at " : "") << *wish.fps << " fps";
  if (wish.code) text << (wish.width || wish.fps ? " in " : "") << camera_format_name(*wish.code);
  return text.str().empty() ? "images in any format that freshframe reads" : text.str();
}

std::string offer_text(const std::vector<CameraFormat>& formats) {
  // Drivers usually offer the same sizes in all formats, so formats are grouped by sizes.
  std::vector<std::pair<std::string, std::string>> groups;  // sizes, names
  std::string unreadable;
  for (const auto& format : formats) {
    if (!format.supported) {
      unreadable += (unreadable.empty() ? "" : ", ") + format.name;
      continue;
    }
    const auto sizes = sizes_text(format);
    const auto same =
        std::find_if(groups.begin(), groups.end(), [&](const auto& group) { return group.first == sizes; });
    if (same == groups.end()) {
      groups.emplace_back(sizes, format.name);
    } else {
      same->second += ", " + format.name;
    }
  }
  std::string text;
  for (const auto& [sizes, names] : groups) text += (text.empty() ? "" : "; ") + names + " " + sizes;
  if (!unreadable.empty())
    text += (text.empty() ? "" : "; ") + ("formats that freshframe cannot read: " + unreadable);
  return text.empty() ? "nothing" : text;
}

}  // namespace freshframe::media
