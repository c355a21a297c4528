// A camera without hardware: acts as the driver behind V4l2System, following a test's script.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <iterator>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "sources/camera/system.hpp"
#include <gtest/gtest.h>
#include <linux/videodev2.h>

namespace freshframe::test {

using namespace freshframe::media;  // NOLINT(google-build-using-namespace)

/// What happens at one wait of the reader for a frame.
struct CameraStep {
  enum class Kind { Picture, Silence, Spurious, Interrupted, Unplugged, Failed, Stop };
  Kind kind = Kind::Picture;
  std::uint32_t sequence_step = 1;
  std::uint32_t flags = 0;
  std::optional<std::uint32_t> bytes_used = {};
  std::optional<std::uint32_t> index = {};
  double timestamp_error = 0;  // seconds
  int code = 0;                // Failed: errno of DQBUF
  double seconds = 0;          // Silence, Unplugged: duration
  std::string path = {};       // Unplugged: the camera's new path; empty if unchanged
};

/// A V4L2 camera that follows a script. At the end of the script, it requests a stop of the pipeline. Waits take no
/// real time but advance the simulated clock. Single-threaded.
class FakeCamera final : public V4l2System {
 public:
  using Step = CameraStep;
  struct Mode {
    std::uint32_t code;
    int width;
    int height;
    std::vector<int> fps;
  };
  /// A control of the driver. It is inactive while the control `automatic` is not `manual`.
  struct Control {
    v4l2_queryctrl query;
    std::int32_t value = 0;
    std::uint32_t automatic = 0;
    std::int32_t manual = 0;
    std::vector<std::int32_t> words = {};  // the valid values of a menu
    std::int32_t rounds_to = 1;            // the driver silently rounds values to a multiple of it
    int code = 0;                          // errno when it is set
  };
  FakeCamera(SimulatedClock& clock, std::stop_source& stop) : clock_(clock), stop_(stop) {}
  ~FakeCamera() override {
    EXPECT_EQ(open_, 0) << "descriptors left open";
    EXPECT_EQ(mapped_, 0) << "buffers left mapped";
  }

  // The driver's description of the device.
  std::vector<Mode> modes = {{V4L2_PIX_FMT_YUYV, 64, 48, {30}}};
  std::uint32_t capabilities = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
  bool lists_sizes = true;
  bool sets_rate = true;
  std::uint32_t timestamp_type = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
  std::vector<Control> controls;
  std::vector<std::uint8_t> picture;  // content of each buffer; if empty, zeros of the format's size
  std::function<std::vector<std::uint8_t>()> next_picture = {};  // if set, replaces `picture`
  std::function<void(v4l2_pix_format&)> bend_format = [](v4l2_pix_format&) {};
  std::optional<std::uint32_t> buffer_count = {};
  std::optional<std::uint32_t> buffer_length = {};
  std::string at = "/dev/video7";  // the camera's current path
  std::string bus = "usb-fake-1";
  std::map<std::string, std::string> others;  // path and bus of cameras that deliver nothing
  int open_code = 0;                          // errno of open()
  std::map<unsigned long, int> ioctl_code;    // errno of every such ioctl
  std::optional<int> unplug_at_ioctl = {};    // ENODEV from this ioctl on, counted from 0, for one second
  int interrupt_every = 0;                    // every n-th call is interrupted with EINTR; 0: none
  std::deque<Step> script;

  // Recorded calls and states.
  int opens = 0;
  int ioctls = 0;
  std::uint32_t sequence = 0;
  [[nodiscard]] int open_now() const { return open_; }
  [[nodiscard]] int buffers_with_driver() const {
    return static_cast<int>(std::count(queued_.begin(), queued_.end(), true));
  }

  void pictures(int count, Step step = {}) {
    script.insert(script.end(), static_cast<std::size_t>(count), step);
  }

  int open(const std::string& path) override {
    if (interrupts()) return -EINTR;
    if (const auto other = others.find(path); other != others.end())
      return kOther + static_cast<int>(std::distance(others.begin(), other));
    if (path != at) return -ENOENT;
    ++opens;
    if (!plugged_in()) return -ENOENT;
    if (open_code != 0) return -open_code;
    if (++open_ > 1) return 1000;  // opened a second time, while the source has it open
    streaming_ = false;
    stale_ = false;
    return 1000;
  }
  void close(int descriptor) override { open_ -= descriptor >= kOther ? 0 : 1; }

  int ioctl(int descriptor, unsigned long request, void* argument) override {
    if (interrupts()) return -EINTR;
    if (descriptor >= kOther) {
      if (request != VIDIOC_QUERYCAP) return -ENOTTY;
      return query(*static_cast<v4l2_capability*>(argument),
                   std::next(others.begin(), descriptor - kOther)->second);
    }
    if (unplug_at_ioctl && ioctls == *unplug_at_ioctl) {
      unplug_at_ioctl.reset();
      unplug(1.0);
    }
    ++ioctls;
    if (!plugged_in() || stale_) return -ENODEV;
    if (const auto found = ioctl_code.find(request); found != ioctl_code.end()) return -found->second;
    switch (request) {
      case VIDIOC_QUERYCAP:
        return query(*static_cast<v4l2_capability*>(argument), bus);
      case VIDIOC_QUERYCTRL:
        return query_control(*static_cast<v4l2_queryctrl*>(argument));
      case VIDIOC_QUERYMENU:
        return query_word(*static_cast<v4l2_querymenu*>(argument));
      case VIDIOC_G_CTRL:
        return get_control(*static_cast<v4l2_control*>(argument));
      case VIDIOC_S_CTRL:
        return set_control(*static_cast<v4l2_control*>(argument));
      case VIDIOC_ENUM_FMT:
        return list_format(*static_cast<v4l2_fmtdesc*>(argument));
      case VIDIOC_ENUM_FRAMESIZES:
        return list_size(*static_cast<v4l2_frmsizeenum*>(argument));
      case VIDIOC_ENUM_FRAMEINTERVALS:
        return list_rate(*static_cast<v4l2_frmivalenum*>(argument));
      case VIDIOC_G_FMT:
        return get_format(*static_cast<v4l2_format*>(argument));
      case VIDIOC_S_FMT:
        return set_format(*static_cast<v4l2_format*>(argument));
      case VIDIOC_G_PARM:
        return get_rate(*static_cast<v4l2_streamparm*>(argument));
      case VIDIOC_S_PARM:
        return set_rate(*static_cast<v4l2_streamparm*>(argument));
      case VIDIOC_REQBUFS:
        return request_buffers(*static_cast<v4l2_requestbuffers*>(argument));
      case VIDIOC_QUERYBUF:
        return query_buffer(*static_cast<v4l2_buffer*>(argument));
      case VIDIOC_QBUF:
        return queue(*static_cast<v4l2_buffer*>(argument));
      case VIDIOC_DQBUF:
        return dequeue(*static_cast<v4l2_buffer*>(argument));
      case VIDIOC_STREAMON:
        streaming_ = true;
        return 0;
      case VIDIOC_STREAMOFF:
        streaming_ = false;
        return 0;
      default:
        return -ENOTTY;
    }
  }

  std::pair<void*, int> map(int /*descriptor*/, std::size_t length, std::int64_t offset) override {
    auto& memory = memory_.at(static_cast<std::size_t>(offset));
    memory.assign(length, 0);  // the exact size, so that ASan detects reads beyond it
    ++mapped_;
    return {memory.data(), 0};
  }
  std::vector<std::string> paths() override {
    std::vector<std::string> all = {at};
    for (const auto& [path, plug] : others) all.push_back(path);
    return all;
  }
  void unmap(void* /*memory*/, std::size_t /*length*/) override { --mapped_; }

  int poll(std::span<pollfd> waiting, int timeout_ms) override {
    if (interrupts()) return -EINTR;
    if (waiting.size() == 1) return pass(waiting, timeout_ms);  // a wait for nothing but a stop
    if (script.empty()) stop_.request_stop();
    if (stopped(waiting)) return 1;
    auto& step = script.front();
    switch (step.kind) {
      case Step::Kind::Silence:
        return be_silent(step, waiting, timeout_ms);
      case Step::Kind::Stop:
        stop_.request_stop();
        script.pop_front();
        return stopped(waiting) ? 1 : 0;
      case Step::Kind::Interrupted:
        script.pop_front();
        return -EINTR;
      case Step::Kind::Unplugged:
        unplug(step.seconds);
        if (!step.path.empty()) at = step.path;
        script.pop_front();
        waiting[0].revents = POLLERR | POLLHUP;
        return 1;
      default:
        waiting[0].revents = POLLIN;
        return 1;
    }
  }

  /// Adds a control with its default value.
  Control& has(std::uint32_t id, const char* name, std::int32_t min, std::int32_t max,
               std::int32_t standard) {
    Control control{};
    control.query.id = id;
    control.query.type = V4L2_CTRL_TYPE_INTEGER;
    std::strcpy(reinterpret_cast<char*>(control.query.name), name);
    control.query.minimum = min;
    control.query.maximum = max;
    control.query.step = 1;
    control.query.default_value = control.value = standard;
    return controls.emplace_back(control);
  }
  [[nodiscard]] std::int32_t value(std::uint32_t id) { return control_of(id)->value; }
  [[nodiscard]] Control& control(std::uint32_t id) { return *control_of(id); }

  /// Called instead of a wait of the source outside poll().
  void pass_until(TimePoint deadline) {
    if (stop_while_waiting) stop_.request_stop();
    if (!stop_.stop_requested()) clock_.advance(std::max(Seconds(0), Seconds(deadline - clock_.now())));
  }

 private:
  static constexpr int kOther = 2000;  // descriptor
  static int listed(bool there) { return there ? 0 : -EINVAL; }

  bool interrupts() {
    if (interrupt_every == 0) return false;
    return ++calls_ % interrupt_every == 0;
  }
  [[nodiscard]] bool plugged_in() const { return clock_.now() >= back_at_; }
  void unplug(double seconds) {
    back_at_ = clock_.now() + to_duration(Seconds(seconds));
    stale_ = open_ > 0;
    for (auto& control : controls) control.value = control.query.default_value;
  }

  Control* control_of(std::uint32_t id) {
    const auto found =
        std::find_if(controls.begin(), controls.end(), [&](const auto& one) { return one.query.id == id; });
    return found == controls.end() ? nullptr : &*found;
  }
  [[nodiscard]] bool inactive(const Control& control) {
    const auto* automatic = control.automatic == 0 ? nullptr : control_of(control.automatic);
    return automatic != nullptr && automatic->value != control.manual;
  }
  int query_control(v4l2_queryctrl& query) {
    const bool next = (query.id & V4L2_CTRL_FLAG_NEXT_CTRL) != 0;
    const auto id = query.id & ~V4L2_CTRL_FLAG_NEXT_CTRL;
    for (const auto& control : controls) {
      if (next ? control.query.id <= id : control.query.id != id) continue;
      query = control.query;
      if (inactive(control)) query.flags |= V4L2_CTRL_FLAG_INACTIVE;
      return 0;
    }
    return -EINVAL;
  }
  int query_word(v4l2_querymenu& word) {
    const auto* control = control_of(word.id);
    const auto index = static_cast<std::int32_t>(word.index);
    if (control == nullptr || std::ranges::find(control->words, index) == control->words.end())
      return -EINVAL;
    std::strcpy(reinterpret_cast<char*>(word.name), ("word " + std::to_string(index)).c_str());
    return 0;
  }
  int get_control(v4l2_control& answer) {
    const auto* control = control_of(answer.id);
    if (control == nullptr) return -EINVAL;
    answer.value = control->value;
    return 0;
  }
  int set_control(const v4l2_control& order) {
    auto* control = control_of(order.id);
    if (control == nullptr) return -EINVAL;
    if (inactive(*control)) return -EACCES;
    if (control->code != 0) return -control->code;
    control->value = order.value / control->rounds_to * control->rounds_to;
    return 0;
  }

  bool stopped(std::span<pollfd> waiting) {
    pollfd& wake = waiting.back();
    return ::poll(&wake, 1, 0) == 1;
  }
  int pass(std::span<pollfd> waiting, int timeout_ms) {
    if (stop_while_waiting) stop_.request_stop();
    if (stopped(waiting)) return 1;
    clock_.advance(Seconds(timeout_ms / 1e3));
    return 0;
  }
  int be_silent(Step& step, std::span<pollfd> waiting, int timeout_ms) {
    const double slice = std::min(step.seconds, timeout_ms / 1e3);
    clock_.advance(Seconds(slice));
    step.seconds -= slice;
    if (step.seconds <= 1e-9) script.pop_front();
    waiting[0].revents = 0;
    return 0;
  }

  int query(v4l2_capability& capability, const std::string& plug) const {
    std::strcpy(reinterpret_cast<char*>(capability.card), "Fake Camera");
    std::strcpy(reinterpret_cast<char*>(capability.driver), "fake");
    std::strcpy(reinterpret_cast<char*>(capability.bus_info), plug.c_str());
    capability.capabilities = capabilities | V4L2_CAP_DEVICE_CAPS | V4L2_CAP_META_CAPTURE;
    capability.device_caps = capabilities;
    return 0;
  }
  [[nodiscard]] std::vector<std::uint32_t> codes() const {
    std::vector<std::uint32_t> result;
    for (const auto& mode : modes) {
      if (std::find(result.begin(), result.end(), mode.code) == result.end()) result.push_back(mode.code);
    }
    return result;
  }
  int list_format(v4l2_fmtdesc& entry) const {
    const auto known = codes();
    if (entry.index >= known.size()) return -EINVAL;
    entry.pixelformat = known[entry.index];
    std::strcpy(reinterpret_cast<char*>(entry.description), "a format");
    return 0;
  }
  int list_size(v4l2_frmsizeenum& entry) const {
    if (!lists_sizes) return -ENOTTY;
    std::uint32_t index = 0;
    for (const auto& mode : modes) {
      if (mode.code != entry.pixel_format || index++ != entry.index) continue;
      entry.type = V4L2_FRMSIZE_TYPE_DISCRETE;
      entry.discrete = {static_cast<std::uint32_t>(mode.width), static_cast<std::uint32_t>(mode.height)};
      return 0;
    }
    return -EINVAL;
  }
  [[nodiscard]] const Mode* find(std::uint32_t code, std::uint32_t width, std::uint32_t height) const {
    for (const auto& mode : modes) {
      if (mode.code == code && mode.width == static_cast<int>(width) &&
          mode.height == static_cast<int>(height))
        return &mode;
    }
    return nullptr;
  }
  int list_rate(v4l2_frmivalenum& entry) const {
    const Mode* mode = find(entry.pixel_format, entry.width, entry.height);
    if (mode == nullptr || entry.index >= mode->fps.size()) return -EINVAL;
    entry.type = V4L2_FRMIVAL_TYPE_DISCRETE;
    entry.discrete = {1, static_cast<std::uint32_t>(mode->fps[entry.index])};
    return 0;
  }
  int get_format(v4l2_format& format) const {
    format.fmt.pix = current_;
    if (current_.width == 0) {
      format.fmt.pix.width = static_cast<std::uint32_t>(modes[0].width);
      format.fmt.pix.height = static_cast<std::uint32_t>(modes[0].height);
    }
    return 0;
  }
  /// Chooses the nearest available setting as drivers do, here the first.
  int set_format(v4l2_format& format) {
    auto& pixels = format.fmt.pix;
    const Mode* mode = find(pixels.pixelformat, pixels.width, pixels.height);
    if (mode == nullptr) mode = &modes[0];
    pixels.pixelformat = mode->code;
    pixels.width = static_cast<std::uint32_t>(mode->width);
    pixels.height = static_cast<std::uint32_t>(mode->height);
    pixels.field = V4L2_FIELD_NONE;
    pixels.colorspace = V4L2_COLORSPACE_SRGB;
    size_of(pixels);
    fps_ = mode->fps.empty() ? 30 : mode->fps[0];
    bend_format(pixels);
    current_ = pixels;
    return 0;
  }
  static void size_of(v4l2_pix_format& pixels) {
    const auto area = pixels.width * pixels.height;
    switch (pixels.pixelformat) {
      case V4L2_PIX_FMT_YUYV:
      case V4L2_PIX_FMT_UYVY:
        pixels.bytesperline = 2 * pixels.width;
        pixels.sizeimage = 2 * area;
        break;
      case V4L2_PIX_FMT_NV12:
      case V4L2_PIX_FMT_YUV420:
        pixels.bytesperline = pixels.width;
        pixels.sizeimage = area * 3 / 2;
        break;
      case V4L2_PIX_FMT_GREY:
        pixels.bytesperline = pixels.width;
        pixels.sizeimage = area;
        break;
      default:
        pixels.bytesperline = 0;
        pixels.sizeimage = 1U << 18;
    }
  }
  int get_rate(v4l2_streamparm& parameters) const {
    if (!sets_rate) return -ENOTTY;
    parameters.parm.capture.capability = V4L2_CAP_TIMEPERFRAME;
    parameters.parm.capture.timeperframe = {1000, static_cast<std::uint32_t>(fps_ * 1000)};
    return 0;
  }
  int set_rate(v4l2_streamparm& parameters) {
    const auto& wish = parameters.parm.capture.timeperframe;
    const double rate = static_cast<double>(wish.denominator) / wish.numerator;
    const Mode* mode = find(current_.pixelformat, current_.width, current_.height);
    for (const int known : mode != nullptr ? mode->fps : std::vector<int>()) {
      if (std::abs(known - rate) < std::abs(fps_ - rate)) fps_ = known;
    }
    return get_rate(parameters);
  }
  int request_buffers(v4l2_requestbuffers& request) {
    request.count = buffer_count.value_or(request.count);
    memory_.assign(request.count, {});
    queued_.assign(request.count, false);
    next_ = 0;
    sequence = 0;
    first_ = true;
    return 0;
  }
  int query_buffer(v4l2_buffer& buffer) const {
    buffer.length = buffer_length.value_or(current_.sizeimage);
    buffer.m.offset = buffer.index;
    return listed(buffer.index < memory_.size());
  }
  int queue(const v4l2_buffer& buffer) {
    if (buffer.index >= queued_.size()) return -EINVAL;
    queued_[buffer.index] = true;
    return 0;
  }
  int dequeue(v4l2_buffer& buffer) {
    if (!streaming_ || script.empty()) return -EAGAIN;
    const Step step = script.front();
    script.pop_front();
    if (step.kind == Step::Kind::Spurious) return -EAGAIN;
    if (step.kind == Step::Kind::Failed) return -step.code;
    while (!queued_.at(next_)) next_ = (next_ + 1) % queued_.size();
    queued_[next_] = false;
    clock_.advance(Seconds(1.0 / fps_));
    sequence += first_ ? 0 : step.sequence_step;
    first_ = false;
    auto& memory = memory_[next_];
    if (next_picture) picture = next_picture();
    std::copy_n(picture.begin(), std::min(picture.size(), memory.size()), memory.begin());
    const auto filled = picture.empty() ? memory.size() : picture.size();
    buffer.index = step.index.value_or(static_cast<std::uint32_t>(next_));
    buffer.bytesused = step.bytes_used.value_or(static_cast<std::uint32_t>(filled));
    buffer.sequence = sequence;
    buffer.flags = step.flags | timestamp_type;
    const auto time = clock_.now() + to_duration(Seconds(step.timestamp_error));
    const auto microseconds = std::chrono::ceil<std::chrono::microseconds>(time.time_since_epoch()).count();
    buffer.timestamp = {microseconds / 1'000'000, microseconds % 1'000'000};
    return 0;
  }

 public:
  bool stop_while_waiting = false;  // request a stop at the next wait outside poll()

 private:
  SimulatedClock& clock_;
  std::stop_source& stop_;
  TimePoint back_at_{};
  bool stale_ = false;  // the open descriptor is invalid since the camera was unplugged
  bool streaming_ = false;
  bool first_ = true;
  int open_ = 0;
  int mapped_ = 0;
  int calls_ = 0;
  double fps_ = 30;
  v4l2_pix_format current_{};
  std::vector<std::vector<std::uint8_t>> memory_;
  std::vector<bool> queued_;
  std::size_t next_ = 0;
};

}  // namespace freshframe::test
