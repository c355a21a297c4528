// Exposure, gain, focus and white balance: sets V4L2 controls in the right order and reads them back.
// SPDX-License-Identifier: Apache-2.0
#include "sources/camera/controls.hpp"

#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <optional>
#include <system_error>
#include <utility>

#include "media/stream/reconnect.hpp"
#include "sources/camera/fault.hpp"
#include <linux/videodev2.h>

namespace freshframe::media {
namespace {

constexpr const char* kAutomatic = "auto";
constexpr int kMostControls = 1000;  // for drivers whose lists never end
constexpr std::int64_t kMostWords = 256;

/// The controls of one setting. A driver has at most one of `values`. For a number, `automatic` is first set
/// to `manual`, because drivers otherwise mark the value inactive. For "auto" it is set to the first of
/// `automatics` that the driver has.
struct CameraSettingRow {
  const char* name;
  std::array<std::uint32_t, 2> values;
  std::uint32_t automatic;
  std::int32_t manual;
  std::array<std::int32_t, 2> automatics;
};

constexpr std::array<CameraSettingRow, 4> kSettingRows{{
    {"exposure",
     {V4L2_CID_EXPOSURE_ABSOLUTE, V4L2_CID_EXPOSURE},
     V4L2_CID_EXPOSURE_AUTO,
     V4L2_EXPOSURE_MANUAL,
     {V4L2_EXPOSURE_AUTO, V4L2_EXPOSURE_APERTURE_PRIORITY}},
    {"gain", {V4L2_CID_GAIN, V4L2_CID_ANALOGUE_GAIN}, V4L2_CID_AUTOGAIN, 0, {1, 1}},
    {"focus", {V4L2_CID_FOCUS_ABSOLUTE, V4L2_CID_FOCUS_ABSOLUTE}, V4L2_CID_FOCUS_AUTO, 0, {1, 1}},
    {"white_balance",
     {V4L2_CID_WHITE_BALANCE_TEMPERATURE, V4L2_CID_WHITE_BALANCE_TEMPERATURE},
     V4L2_CID_AUTO_WHITE_BALANCE,
     0,
     {1, 1}},
}};

const CameraSettingRow& find_setting(const std::string& name) {
  const auto* found = std::find_if(kSettingRows.begin(), kSettingRows.end(),
                                   [&](const CameraSettingRow& setting) { return setting.name == name; });
  if (found == kSettingRows.end()) {
    throw OptionError("a camera's setting must be exposure, gain, focus or white_balance, got '" + name +
                      "'");
  }
  return *found;
}

std::optional<std::int32_t> setting_number(const std::string& text) {
  std::int32_t number = 0;
  const auto [stopped, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || stopped != text.data() + text.size()) return std::nullopt;
  return number;
}

bool has_number(const v4l2_queryctrl& query) {
  return (query.flags & V4L2_CTRL_FLAG_DISABLED) == 0 &&
         (query.type == V4L2_CTRL_TYPE_INTEGER || query.type == V4L2_CTRL_TYPE_BOOLEAN ||
          query.type == V4L2_CTRL_TYPE_MENU || query.type == V4L2_CTRL_TYPE_INTEGER_MENU);
}

/// Returns nullopt if the camera does not have the control.
std::optional<v4l2_queryctrl> control_query(const V4l2Handle& device, std::uint32_t id) {
  v4l2_queryctrl query{};
  query.id = id;
  if (device.control(VIDIOC_QUERYCTRL, query) != 0 || !has_number(query)) return std::nullopt;
  return query;
}

std::optional<v4l2_queryctrl> value_control(const V4l2Handle& device, const CameraSettingRow& setting) {
  for (const auto id : setting.values) {
    if (auto query = control_query(device, id)) return query;
  }
  return std::nullopt;
}

bool has_word(const V4l2Handle& device, const v4l2_queryctrl& control, std::int64_t index) {
  if (index < control.minimum || index > control.maximum) return false;
  if (control.type == V4L2_CTRL_TYPE_BOOLEAN) return true;
  v4l2_querymenu word{};
  word.id = control.id;
  word.index = static_cast<std::uint32_t>(index);
  return device.control(VIDIOC_QUERYMENU, word) == 0;
}

/// Returns the value of `automatic` for "auto", or nullopt if the camera does not have that mode.
std::optional<std::int32_t> automatic_mode(const V4l2Handle& device, const CameraSettingRow& setting,
                                           const std::optional<v4l2_queryctrl>& automatic) {
  if (!automatic) return std::nullopt;
  for (const auto mode : setting.automatics) {
    if (has_word(device, *automatic, mode)) return mode;
  }
  return std::nullopt;
}

std::vector<std::pair<std::int64_t, std::string>> control_menu(const V4l2Handle& device,
                                                               const v4l2_queryctrl& control) {
  std::vector<std::pair<std::int64_t, std::string>> menu;
  const bool words = control.type == V4L2_CTRL_TYPE_MENU;
  if (!words && control.type != V4L2_CTRL_TYPE_INTEGER_MENU) return menu;
  const std::int64_t last = std::min<std::int64_t>(control.maximum, control.minimum + kMostWords);
  for (std::int64_t index = control.minimum; index <= last; ++index) {
    v4l2_querymenu word{};
    word.id = control.id;
    word.index = static_cast<std::uint32_t>(index);
    if (device.control(VIDIOC_QUERYMENU, word) != 0) continue;
    menu.emplace_back(index, words ? driver_text(word.name) : std::to_string(word.value));
  }
  return menu;
}

std::string control_range(const v4l2_queryctrl& control) {
  return std::to_string(control.minimum) + " to " + std::to_string(control.maximum) + " in steps of " +
         std::to_string(std::max(control.step, 1)) + " (default " + std::to_string(control.default_value) +
         ")";
}

std::string control_names(const std::vector<CameraControl>& controls) {
  std::string names;
  for (const auto& control : controls) names += (names.empty() ? "" : ", ") + control.name;
  return names.empty() ? "no controls" : names;
}

/// The source's camera, opened a second time on a thread other than the capture thread. Throws SourceError if
/// another camera now has its path.
struct SourcesCamera {
  SourcesCamera(const CameraFinder& place, V4l2System& system, const std::string& verb)
      : path(place.path()), device(system, path) {
    if (const int code = place.find_fault(device); code != 0) throw_camera_fault(path, verb, code);
  }

  const std::string path;
  const V4l2Handle device;
};

/// Sets or reads one setting on an open device.
class Adjustment {
 public:
  Adjustment(const V4l2Handle& device, const std::string& path, const CameraSettingRow& setting)
      : device_(device),
        path_(path),
        setting_(setting),
        value_(value_control(device, setting)),
        automatic_(control_query(device, setting.automatic)) {}

  /// Throws like set() if the camera does not support the control or value.
  void check(const std::string& text) {
    const auto number = setting_number(text);
    number ? check_number(*number) : static_cast<void>(mode());
  }

  /// Adds a line to `told` for each value that the driver adjusted.
  void set(const std::string& text, std::vector<std::string>& told) {
    check(text);
    const auto number = setting_number(text);
    if (!number) return write(*automatic_, mode(), told);
    if (automatic_) write(*automatic_, setting_.manual, told);
    write(*value_, *number, told);
  }

  /// Restores what set() changed, even if it failed: the value first, while manual mode still permits it.
  void undo() {
    for (; !before_.empty(); before_.pop_back()) {
      static_cast<void>(device_.control(VIDIOC_S_CTRL, before_.back()));
    }
  }

  [[nodiscard]] std::string get() {
    const auto& modes = setting_.automatics;
    if (automatic_ && std::ranges::find(modes, read(*automatic_)) != modes.end()) return kAutomatic;
    if (!value_) lacks(setting_.name);
    return std::to_string(read(*value_));
  }

 private:
  std::int32_t mode() {
    if (const auto mode = automatic_mode(device_, setting_, automatic_)) return *mode;
    lacks(std::string("automatic ") + setting_.name);
  }

  void check_number(std::int32_t number) {
    if (!value_) lacks(setting_.name);
    const std::int64_t step = std::max(value_->step, 1);
    const auto above = static_cast<std::int64_t>(number) - value_->minimum;
    if (above < 0 || number > value_->maximum || above % step != 0) {
      fail(std::string(setting_.name) + " must be " + control_range(*value_) + ", got " +
               std::to_string(number),
           EINVAL);
    }
  }

  void write(const v4l2_queryctrl& control, std::int32_t value, std::vector<std::string>& told) {
    before_.push_back({.id = control.id, .value = read(control)});
    v4l2_control order{.id = control.id, .value = value};
    if (const int code = device_.control(VIDIOC_S_CTRL, order); code != 0) {
      const auto why = code == EACCES
                           ? "the driver does not let '" + driver_text(control.name) + "' be set at present"
                           : camera_fault_text(path_, code);
      fail("cannot set " + std::string(setting_.name) + ": " + why, code);
    }
    const auto found = read(control);
    if (found == value) return;
    told.push_back("camera '" + path_ + "': the driver set '" + driver_text(control.name) + "' to " +
                   std::to_string(found) + " instead of " + std::to_string(value));
  }

  [[nodiscard]] std::int32_t read(const v4l2_queryctrl& control) {
    v4l2_control answer{.id = control.id, .value = 0};
    if (const int code = device_.control(VIDIOC_G_CTRL, answer); code != 0)
      fail("cannot read " + std::string(setting_.name) + ": " + camera_fault_text(path_, code), code);
    return answer.value;
  }

  [[noreturn]] void lacks(const std::string& what) {
    fail("it has no " + what + "; it has: " + control_names(camera_controls(device_)), EINVAL);
  }
  /// Retrying does not help if the value or camera is wrong, but it does if the camera was lost.
  [[noreturn]] void fail(const std::string& why, int code) {
    const auto text = "camera '" + path_ + "': " + why;
    if (code == EINVAL || code == EACCES || code == ERANGE) throw SourceRefused(text, path_, code);
    throw SourceError(text, path_, code);
  }

  const V4l2Handle& device_;
  const std::string& path_;
  const CameraSettingRow& setting_;
  std::optional<v4l2_queryctrl> value_;
  std::optional<v4l2_queryctrl> automatic_;
  std::vector<v4l2_control> before_;  // previous values, in the order in which set() changed them
};

void tell_settings(const std::vector<std::string>& told) {
  for (const auto& line : told) log(LogLevel::Warning, line);
}

}  // namespace

std::vector<CameraControl> camera_controls(const V4l2Handle& device) {
  std::map<std::uint32_t, const CameraSettingRow*> settings;  // settings by the ID of their value control
  for (const auto& setting : kSettingRows) {
    if (const auto value = value_control(device, setting)) settings.emplace(value->id, &setting);
  }
  std::vector<CameraControl> controls;
  v4l2_queryctrl query{};
  query.id = V4L2_CTRL_FLAG_NEXT_CTRL;
  for (int i = 0; i < kMostControls && device.control(VIDIOC_QUERYCTRL, query) == 0; ++i) {
    if (has_number(query)) {
      v4l2_control answer{.id = query.id, .value = query.default_value};
      static_cast<void>(device.control(VIDIOC_G_CTRL, answer));  // write-only: returns the default
      const auto found = settings.find(query.id);
      const auto* setting = found == settings.end() ? nullptr : found->second;
      controls.push_back(
          {.name = driver_text(query.name),
           .min = query.minimum,
           .max = query.maximum,
           .step = std::max(query.step, 1),
           .standard = query.default_value,
           .current = answer.value,
           .setting = setting != nullptr ? setting->name : "",
           .automatic = setting != nullptr &&
                        automatic_mode(device, *setting, control_query(device, setting->automatic)),
           .inactive = (query.flags & V4L2_CTRL_FLAG_INACTIVE) != 0,
           .menu = control_menu(device, query)});
    }
    query.id |= V4L2_CTRL_FLAG_NEXT_CTRL;
  }
  return controls;
}

void check_setting(const std::string& name, const std::string& value) {
  if (value != kAutomatic && !setting_number(value)) {
    throw OptionError(std::string(find_setting(name).name) + " must be a 32-bit integer or \"auto\", got '" +
                      value + "'");
  }
}

CameraControls::CameraControls(const CameraFinder& place, std::map<std::string, std::string> wishes,
                               V4l2System& system)
    : place_(place), system_(system) {
  for (auto& [name, wish] : wishes) settings_[name].wish = std::move(wish);
}

void CameraControls::set(const std::string& name, const std::string& value) {
  const auto& row = find_setting(name);
  check_setting(name, value);
  std::vector<std::string> told;
  {
    const Lock lock(mutex_);
    const SourcesCamera camera(place_, system_, "set " + name + " of");
    Adjustment adjustment(camera.device, camera.path, row);
    try {
      adjustment.set(value, told);
      settings_[name] = {.wish = value, .found = adjustment.get()};
    } catch (const SourceError&) {
      adjustment.undo();
      throw;
    }
    changed_ = true;
  }
  tell_settings(told);
}

std::string CameraControls::get(const std::string& name) const {
  const auto& row = find_setting(name);
  const SourcesCamera camera(place_, system_, "read " + name + " of");
  return Adjustment(camera.device, camera.path, row).get();
}

std::vector<CameraControl> CameraControls::all() const {
  return camera_controls(SourcesCamera(place_, system_, "read the controls of").device);
}

void CameraControls::apply(const V4l2Handle& device) {
  std::vector<std::string> told;
  {
    const Lock lock(mutex_);
    all_were_taken_ ? apply_each(device, told) : apply_all(device, told);
    all_were_taken_ = changed_ = true;
  }
  tell_settings(told);
}

void CameraControls::apply_all(const V4l2Handle& device, std::vector<std::string>& told) {
  const auto path = place_.path();
  std::vector<Adjustment> adjustments;
  for (const auto& [name, setting] : settings_) {
    adjustments.emplace_back(device, path, find_setting(name)).check(setting.wish);
  }
  auto adjustment = adjustments.begin();
  try {
    for (auto& [name, setting] : settings_) {
      adjustment->set(setting.wish, told);
      setting.found = adjustment->get();
      ++adjustment;
    }
  } catch (const SourceError&) {
    for (auto each = adjustment + 1; each != adjustments.begin();) (--each)->undo();
    throw;
  }
}

void CameraControls::apply_each(const V4l2Handle& device, std::vector<std::string>& told) {
  const auto path = place_.path();
  for (auto& [name, setting] : settings_) {
    Adjustment adjustment(device, path, find_setting(name));
    try {
      adjustment.set(setting.wish, told);
      setting.found = adjustment.get();
      setting.refused.clear();
    } catch (const SourceError& error) {
      if (error.code() == ENODEV) throw;
      adjustment.undo();
      if (std::exchange(setting.refused, error.what()) != error.what())
        told.push_back(setting.refused + "; the camera runs without it");
      setting.found.reset();
    }
  }
}

void CameraControls::show(SourceCounters& book) const {
  std::map<std::string, std::optional<std::int64_t>> found;
  std::string refused;
  {
    const Lock lock(mutex_);
    for (const auto& [name, setting] : settings_) {
      if (setting.found) found.emplace(name, setting_number(*setting.found));
      if (!setting.refused.empty()) refused += (refused.empty() ? "" : "; ") + setting.refused;
    }
  }
  book.set_settings(std::move(found), std::move(refused));
}

}  // namespace freshframe::media
