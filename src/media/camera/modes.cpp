// The cameras of this machine, the modes of one, queried from its driver, and the choice of a mode.
// SPDX-License-Identifier: Apache-2.0
#include "media/camera/modes.hpp"

#include "freshframe/camera.hpp"
#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <sstream>
#include <system_error>
#include <tuple>
#include <utility>

#include "core/ascii.hpp"
#include "media/camera/controls.hpp"
#include "media/camera/fault.hpp"
#include "media/camera/format.hpp"
#include <linux/videodev2.h>

namespace freshframe::media {
namespace {

constexpr std::uint32_t kMostEntries = 128;  // of one list; real cameras have at most a few dozen
constexpr int kLargestModeSide = 32768;      // pixels
constexpr double kFastEnough = 25;           // frames per second
constexpr double kFastest = 60.5;            // higher rates are chosen only on request
constexpr int kDefaultWidth = 1280;
constexpr int kDefaultHeight = 720;

std::optional<double> rate_of(const v4l2_fract& interval) {
  if (interval.numerator == 0 || interval.denominator == 0) return std::nullopt;
  return static_cast<double>(interval.denominator) / interval.numerator;
}

/// Returns the errno that ended the list.
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
      const auto highest = rate_of(entry.stepwise.min);
      const auto lowest = rate_of(entry.stepwise.max);
      if (highest && lowest) size.fps = {*highest, *lowest};
      size.fps_range = size.fps.size() == 2;
      return 0;
    }
    if (const auto rate = rate_of(entry.discrete)) size.fps.push_back(*rate);
  }
  std::sort(size.fps.begin(), size.fps.end(), std::greater<>());
  return code;
}

bool plausible(std::uint32_t side) {
  return side > 0 && side <= kLargestModeSide;
}

/// Returns the errno that ended the list.
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

/// The largest value of a grid that is not above `limit`, or its smallest.
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

/// The rate to set: the requested one, or the highest usual one. Outer nullopt: the request cannot be met.
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

/// Greater is better.
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
  if (wish.fps) text << (wish.width ? " at " : "") << *wish.fps << " fps";
  if (wish.code) text << (wish.width || wish.fps ? " in " : "") << camera_format_name(*wish.code);
  return text.str().empty() ? "pictures in any format that freshframe reads" : text.str();
}

std::string offer_text(const std::vector<CameraFormat>& formats) {
  // Drivers that offer many formats mostly offer the same sizes in each.
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

namespace {

namespace fs = std::filesystem;

/// 10 of "video10", -1 of anything else.
int number_of(const std::string& name) {
  constexpr std::string_view kPrefix = "video";
  if (name.rfind(kPrefix, 0) != 0 || name.size() == kPrefix.size() || name.size() > kPrefix.size() + 4)
    return -1;
  int number = 0;
  for (const char c : name.substr(kPrefix.size())) {
    if (!core::is_digit(c)) return -1;
    number = 10 * number + (c - '0');
  }
  return number;
}

/// 0, or the errno of its opening or of its answer.
int ask_device(const V4l2Handle& device, v4l2_capability& into) {
  return device.error() != 0 ? device.error() : device.control(VIDIOC_QUERYCAP, into);
}

}  // namespace

std::optional<CameraInfo> camera_info(V4l2System& system, const std::string& path) {
  CameraInfo info;
  info.path = path;
  const V4l2Handle device(system, path);
  v4l2_capability capability{};
  if (const int code = ask_device(device, capability); code != 0) {
    if (code == ENOTTY || code == EINVAL) return std::nullopt;
    info.problem = camera_fault_text(path, code);
    info.problem_code = code;
    return info;
  }
  info.name = driver_text(capability.card);
  info.driver = driver_text(capability.driver);
  info.bus = driver_text(capability.bus_info);
  const auto can = device_abilities(capability);
  if ((can & V4L2_CAP_VIDEO_CAPTURE) == 0) {
    if ((can & V4L2_CAP_VIDEO_CAPTURE_MPLANE) == 0) return std::nullopt;
    info.problem = "it delivers pictures in several buffers each (multi-planar), which is not supported";
    info.problem_code = ENOTSUP;
    return info;
  }
  auto offer = camera_offer(device);
  info.formats = std::move(offer.formats);
  info.controls = camera_controls(device);
  if (offer.code != 0) info.problem = camera_fault_text(path, offer.code);
  info.problem_code = offer.code;
  return info;
}

namespace {

bool is_numbered(const std::string& path) {
  std::error_code ignored;
  return number_of(fs::path(path).filename().string()) >= 0 && !fs::is_symlink(path, ignored);
}

/// The same device once more.
bool is_link_to_numbered(const fs::path& path) {
  std::error_code ignored;
  return fs::is_symlink(path, ignored) && number_of(fs::canonical(path, ignored).filename().string()) >= 0;
}

}  // namespace

std::vector<std::string> camera_paths(const std::string& folder) {
  std::vector<std::pair<int, std::string>> found;
  std::error_code ignored;
  for (fs::directory_iterator entry(folder, ignored), end; !ignored && entry != end;
       entry.increment(ignored)) {
    const int number = number_of(entry->path().filename().string());
    if (number >= 0 && !is_link_to_numbered(entry->path()))
      found.emplace_back(number, entry->path().string());
  }
  std::sort(found.begin(), found.end());
  std::vector<std::string> paths;
  for (auto& [number, path] : found) paths.push_back(std::move(path));
  return paths;
}

CameraPlace::CameraPlace(std::string path, V4l2System& system)
    : given_(std::move(path)), numbered_(is_numbered(given_)), system_(system), path_(given_) {}

std::string CameraPlace::path() const {
  const Lock lock(mutex_);
  return path_;
}

void CameraPlace::remember(const V4l2Handle& device) {
  v4l2_capability capability{};
  if (ask_device(device, capability) != 0) return;  // it is lost again
  refused_ = false;
  const Lock lock(mutex_);
  identity_ = identity_of(capability);
}

int CameraPlace::fault_of(const V4l2Handle& device) const {
  const auto expected = identity();
  if (!numbered_ || expected.text.empty()) return device.error();
  v4l2_capability capability{};
  if (const int code = ask_device(device, capability); code != 0) return code;
  return identity_of(capability) == expected ? 0 : ENODEV;
}

CameraPlace::Identity CameraPlace::identity() const {
  const Lock lock(mutex_);
  return identity_;
}

void CameraPlace::find() {
  const auto lost = identity().text;
  if (!numbered_ || lost.empty() || look(path()) == Found::Same) return;
  std::vector<std::string> same;
  for (auto& path : system_.paths()) {
    if (look(path) == Found::Same) same.push_back(std::move(path));
  }
  if (same.size() == 1) {
    log(LogLevel::Warning,
        "camera '" + given_ +
            (same.front() == given_ ? "' has its own number again"
                                    : "' is '" + same.front() + "' since it was plugged in again"));
    return move(same.front());
  }
  move(given_);
  if (look(given_) != Found::Other || std::exchange(refused_, true)) return;
  throw SourceError("cannot open camera '" + given_ + "': it is another one now, and " + lost +
                        ", which was read before, is nowhere",
                    given_, ENODEV);
}

/// A device at path() that does not answer may be the camera.
CameraPlace::Found CameraPlace::look(const std::string& path) const {
  const V4l2Handle device(system_, path);
  v4l2_capability capability{};
  const int code = ask_device(device, capability);
  if (code == ENOENT || code == ENXIO || code == ENODEV) return Found::Absent;
  const bool same = code != 0 ? path == this->path() : identity_of(capability) == identity();
  return same ? Found::Same : Found::Other;
}

CameraPlace::Identity CameraPlace::identity_of(const v4l2_capability& capability) {
  const auto bus = driver_text(capability.bus_info);
  if (bus.empty()) return {};
  return {driver_text(capability.card) + " (" + driver_text(capability.driver) + " at " + bus + ")",
          capability.device_caps};
}

void CameraPlace::move(const std::string& path) {
  const Lock lock(mutex_);
  path_ = path;
}

}  // namespace freshframe::media

namespace freshframe {

std::vector<CameraInfo> cameras() {
  std::vector<CameraInfo> result;
  for (const auto& path : media::camera_paths("/dev")) {
    if (auto info = media::camera_info(media::V4l2System::kernel(), path)) result.push_back(*std::move(info));
  }
  return result;
}

}  // namespace freshframe
