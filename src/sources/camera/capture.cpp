// An opened, streaming camera: negotiates format and frame rate, maps the driver's buffers and waits for
// frames.
// SPDX-License-Identifier: Apache-2.0
#include "sources/camera/capture.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <limits>
#include <sstream>

#include "media/stream/reconnect.hpp"
#include "sources/camera/fault.hpp"
#include <linux/videodev2.h>

namespace freshframe::media {
namespace {

constexpr std::size_t kLongestLine = std::size_t{1} << 18;  // twice a line of 32768 pixels of 4 bytes

ColorRange read_camera_range(const v4l2_pix_format& format) {
  if (format.quantization == V4L2_QUANTIZATION_FULL_RANGE) return ColorRange::Full;
  if (format.quantization == V4L2_QUANTIZATION_LIM_RANGE) return ColorRange::Limited;
  // Monochrome sensors deliver raw values in full range.
  const bool full = format.colorspace == V4L2_COLORSPACE_JPEG || format.pixelformat == V4L2_PIX_FMT_GREY;
  return full ? ColorRange::Full : ColorRange::Limited;
}

ColorSpace read_camera_space(const v4l2_pix_format& format) {
  if (format.colorspace == V4L2_COLORSPACE_DEFAULT) return ColorSpace::Unspecified;
  const auto encoding = format.ycbcr_enc != V4L2_YCBCR_ENC_DEFAULT
                            ? format.ycbcr_enc
                            : static_cast<__u32>(V4L2_MAP_YCBCR_ENC_DEFAULT(format.colorspace));
  switch (encoding) {
    case V4L2_YCBCR_ENC_601:
    case V4L2_YCBCR_ENC_XV601:
      return ColorSpace::Bt601;
    case V4L2_YCBCR_ENC_709:
    case V4L2_YCBCR_ENC_XV709:
    case V4L2_YCBCR_ENC_SMPTE240M:
      return ColorSpace::Bt709;
    case V4L2_YCBCR_ENC_BT2020:
    case V4L2_YCBCR_ENC_BT2020_CONST_LUM:
      return ColorSpace::Bt2020;
    default:
      return ColorSpace::Unspecified;
  }
}

/// Separate fields are rejected, because they would have to be combined.
bool whole_pictures(std::uint32_t field) {
  return field == V4L2_FIELD_NONE || field == V4L2_FIELD_ANY || field == V4L2_FIELD_INTERLACED ||
         field == V4L2_FIELD_INTERLACED_TB || field == V4L2_FIELD_INTERLACED_BT;
}

std::optional<TimePoint> read_timestamp(const v4l2_buffer& buffer) {
  if ((buffer.flags & V4L2_BUF_FLAG_TIMESTAMP_MASK) != V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC) return std::nullopt;
  return TimePoint(std::chrono::seconds(buffer.timestamp.tv_sec) +
                   std::chrono::microseconds(buffer.timestamp.tv_usec));
}

/// Rounds up, so that poll() does not return just before the deadline and loop with a timeout of 0.
int milliseconds(TimePoint::duration left) {
  constexpr auto kMost = std::chrono::milliseconds(std::numeric_limits<int>::max());
  if (left <= TimePoint::duration::zero()) return 0;
  return static_cast<int>(std::min(std::chrono::ceil<std::chrono::milliseconds>(left), kMost).count());
}

v4l2_fract make_interval(double fps) {
  constexpr double kUnits = 10000;
  return {static_cast<std::uint32_t>(kUnits), static_cast<std::uint32_t>(std::lround(fps * kUnits))};
}

}  // namespace

V4l2Capture::V4l2Capture(V4l2System& system, CameraFinder& place, const CameraWish& wish, int buffers,
                         CameraControls& controls)
    : path_(place.path()), device_(system, path_) {
  if (device_.error() != 0) throw_camera_fault(path_, "open", device_.error());
  check_device();
  const auto offer = camera_offer(device_);
  if (offer.code != 0) throw_camera_fault(path_, "open", offer.code);
  const auto mode = choose_mode(offer.formats, wish);
  if (!mode) refuse("it cannot deliver " + wish_text(wish) + "; it can: " + offer_text(offer.formats));
  settle_format(*mode, wish);
  settle_rate(*mode, wish);
  controls.apply(device_);  // must follow the format, which changes the ranges of some controls
  buffers_.emplace(device_, path_, buffers, raw_size(picture_));
  start();
  place.remember(device_);  // last, because a device that cannot be set up is not the source's camera
}

V4l2Capture::~V4l2Capture() {
  if (!streaming_) return;
  int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
  // errors are ignored, because closing the device stops the stream as well
  static_cast<void>(device_.control(VIDIOC_STREAMOFF, type));
}

void V4l2Capture::check_device() {
  v4l2_capability capability{};
  const int code = device_.control(VIDIOC_QUERYCAP, capability);
  if (code == ENOTTY || code == EINVAL) refuse("it is not a camera; 'freshframe devices' lists the cameras");
  if (code != 0) throw_camera_fault(path_, "open", code);
  name_ = driver_text(capability.card);
  const auto can = device_abilities(capability);
  if ((can & V4L2_CAP_VIDEO_CAPTURE) == 0) {
    refuse((can & V4L2_CAP_VIDEO_CAPTURE_MPLANE) != 0
               ? "it delivers images in several buffers each (multi-planar), which is not supported"
               : "it delivers no images: perhaps another /dev/video* of the same device does; "
                 "'freshframe devices' lists the cameras");
  }
  if ((can & V4L2_CAP_STREAMING) == 0) refuse("its driver cannot stream into mapped memory");
}

void V4l2Capture::settle_format(const CameraMode& mode, const CameraWish& wish) {
  v4l2_format format{};
  format.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
  if (mode.width == 0) {
    if (const int code = device_.control(VIDIOC_G_FMT, format); code != 0)
      throw_camera_fault(path_, "set the format of", code);
  }
  auto& pixels = format.fmt.pix;
  const auto width = mode.width == 0 ? pixels.width : static_cast<std::uint32_t>(mode.width);
  const auto height = mode.width == 0 ? pixels.height : static_cast<std::uint32_t>(mode.height);
  pixels = {};
  pixels.width = width;
  pixels.height = height;
  pixels.pixelformat = mode.code;
  pixels.field = V4L2_FIELD_NONE;
  if (const int code = device_.control(VIDIOC_S_FMT, format); code != 0)
    throw_camera_fault(path_, "set the format of", code);
  const bool granted =
      pixels.pixelformat == mode.code && (!wish.width || (pixels.width == width && pixels.height == height));
  if (!granted) {
    refuse("it cannot deliver " + wish_text(wish) + "; asked for " + std::to_string(width) + "x" +
           std::to_string(height) + " in " + camera_format_name(mode.code) + " its driver offered " +
           std::to_string(pixels.width) + "x" + std::to_string(pixels.height) + " in " +
           camera_format_name(pixels.pixelformat));
  }
  if (!whole_pictures(pixels.field)) refuse("it delivers half frames (fields), which is not supported");
  constexpr std::uint32_t kLargestSide = 32768;
  if (pixels.width == 0 || pixels.height == 0 || pixels.width > kLargestSide ||
      pixels.height > kLargestSide) {
    refuse("its driver reports a size of " + std::to_string(pixels.width) + "x" +
           std::to_string(pixels.height));
  }
  picture_ = {.code = readable_format(pixels.pixelformat)->code,
              .width = static_cast<int>(pixels.width),
              .height = static_cast<int>(pixels.height),
              .bytes_per_line = pixels.bytesperline,
              .range = read_camera_range(pixels),
              .space = read_camera_space(pixels)};
  const auto least = least_bytes_per_line(picture_);
  if (picture_.bytes_per_line == 0) picture_.bytes_per_line = least;
  if (picture_.bytes_per_line < least || picture_.bytes_per_line > kLongestLine) {
    refuse("its driver reports that a line of " + std::to_string(picture_.width) + " pixels has " +
           std::to_string(picture_.bytes_per_line) + " bytes");
  }
}

void V4l2Capture::settle_rate(const CameraMode& mode, const CameraWish& wish) {
  v4l2_streamparm parameters{};
  parameters.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
  auto& capture = parameters.parm.capture;
  int code = device_.control(VIDIOC_G_PARM, parameters);
  if (code == 0 && mode.fps && (capture.capability & V4L2_CAP_TIMEPERFRAME) != 0) {
    capture.timeperframe = make_interval(*mode.fps);
    code = device_.control(VIDIOC_S_PARM, parameters);
  }
  if (!is_no(code)) throw_camera_fault(path_, "set the rate of", code);
  const auto& interval = capture.timeperframe;
  if (code == 0 && interval.numerator != 0 && interval.denominator != 0)
    fps_ = static_cast<double>(interval.denominator) / interval.numerator;
  if (wish.fps && !(fps_ && same_rate(*fps_, *wish.fps))) {
    std::ostringstream text;
    text << "it cannot deliver " << wish_text(wish) << "; ";
    if (fps_) {
      text << "its driver offered " << *fps_ << " fps";
    } else {
      text << "its driver does not let the rate be set: open it without fps";
    }
    refuse(text.str());
  }
}

void V4l2Capture::start() {
  for (int i = 0; i < buffers_->count(); ++i) {
    if (const int code = buffers_->try_give(static_cast<std::uint32_t>(i)); code != 0)
      throw_camera_fault(path_, "start", code);
  }
  int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
  if (const int code = device_.control(VIDIOC_STREAMON, type); code != 0)
    throw_camera_fault(path_, "start", code);
  streaming_ = true;
}

V4l2Capture::Result V4l2Capture::wait(const Clock& clock, TimePoint deadline, const core::StopEvent& stop) {
  if (lost_ != 0) lose(lost_);
  constexpr int kMostEmpty = 100;  // polls in a row that report "ready" without a buffer
  for (int empty = 0; empty < kMostEmpty;) {
    const auto left = deadline - clock.now();
    std::array<pollfd, 2> waiting = {{{device_.descriptor(), POLLIN, 0}, {stop.descriptor(), POLLIN, 0}}};
    const int ready = device_.system().poll(waiting, milliseconds(left));
    if (ready == -EINTR) continue;
    if (ready < 0) lose(-ready);
    if (waiting[1].revents != 0) return Result::Stopped;
    if (ready == 0) {
      if (left <= TimePoint::duration::zero()) return Result::Timeout;
      continue;
    }
    const int code = take();
    if (code == 0) return Result::Buffer;
    if (code != EAGAIN) lose(code);
    if ((waiting[0].revents & (POLLERR | POLLHUP | POLLNVAL)) != 0) lose(EIO);
    ++empty;
  }
  lose(EIO);
}

int V4l2Capture::take() {
  v4l2_buffer filled{};
  if (const int code = buffers_->take(filled); code != 0) return code;
  taken_ = filled.index;
  const auto bytes = buffers_->bytes(filled);
  const bool whole = !bytes.empty() && bytes.size() >= raw_size(picture_);
  buffer_ = {.bytes = bytes,
             .sequence = filled.sequence,
             .timestamp = read_timestamp(filled),
             .damaged = !whole || (filled.flags & V4L2_BUF_FLAG_ERROR) != 0};
  return 0;
}

void V4l2Capture::give_back() {
  if (!taken_) return;
  const auto index = *taken_;
  taken_.reset();
  buffer_ = {};
  lost_ = buffers_->try_give(index);
}

void V4l2Capture::lose(int code) const {
  throw_camera_fault(path_, "read", code);
}

void V4l2Capture::refuse(const std::string& why) const {
  const auto name = name_.empty() ? "" : " (" + name_ + ")";
  throw SourceRefused("cannot open camera '" + path_ + "'" + name + ": " + why, path_, EINVAL);
}

namespace {

constexpr std::uint32_t kMostBuffers = 64;
// Bytes: four times an 8K image with 4 bytes per pixel.
constexpr std::size_t kLargestPicture = std::size_t{1} << 29;

v4l2_buffer blank() {
  v4l2_buffer buffer{};
  buffer.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
  buffer.memory = V4L2_MEMORY_MMAP;
  return buffer;
}

}  // namespace

V4l2Buffers::V4l2Buffers(const V4l2Handle& device, const std::string& path, int count,
                         std::size_t least_bytes)
    : device_(device), path_(path) {
  v4l2_requestbuffers request{};
  request.count = static_cast<std::uint32_t>(count);
  request.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
  request.memory = V4L2_MEMORY_MMAP;
  if (const int code = device_.control(VIDIOC_REQBUFS, request); code != 0)
    throw_camera_fault(path_, "get buffers of", code);
  if (request.count < 2 || request.count > kMostBuffers) {
    throw SourceError("cannot read camera '" + path_ + "': its driver returned " +
                          std::to_string(request.count) + " buffers, expected 2 to " +
                          std::to_string(kMostBuffers),
                      path_, EPROTO);
  }
  mapped_.resize(request.count);
  try {
    for (std::uint32_t i = 0; i < request.count; ++i) map(i, least_bytes);
  } catch (...) {
    for (const auto& one : mapped_) {
      if (one.memory != nullptr) device_.system().unmap(one.memory, one.length);
    }
    throw;
  }
}

V4l2Buffers::~V4l2Buffers() {
  for (const auto& one : mapped_) device_.system().unmap(one.memory, one.length);
}

void V4l2Buffers::map(std::uint32_t index, std::size_t least_bytes) {
  auto buffer = blank();
  buffer.index = index;
  if (const int code = device_.control(VIDIOC_QUERYBUF, buffer); code != 0)
    throw_camera_fault(path_, "get buffers of", code);
  if (buffer.length == 0 || buffer.length < least_bytes || buffer.length > kLargestPicture) {
    throw SourceError("cannot read camera '" + path_ + "': its driver returned a buffer of " +
                          std::to_string(buffer.length) + " bytes, expected " + std::to_string(least_bytes) +
                          " to " + std::to_string(kLargestPicture),
                      path_, EPROTO);
  }
  const auto [memory, result] =
      device_.system().map(device_.descriptor(), buffer.length, static_cast<std::int64_t>(buffer.m.offset));
  if (memory == nullptr) throw_camera_fault(path_, "map buffers of", -result);
  mapped_[index].memory = memory;
  mapped_[index].length = buffer.length;
}

int V4l2Buffers::try_give(std::uint32_t index) {
  auto buffer = blank();
  buffer.index = index;
  const int code = device_.control(VIDIOC_QBUF, buffer);
  mapped_[index].with_driver = code == 0;
  return code;
}

int V4l2Buffers::take(v4l2_buffer& buffer) {
  buffer = blank();
  if (const int code = device_.control(VIDIOC_DQBUF, buffer); code != 0) return code;
  if (buffer.index >= mapped_.size() || !mapped_[buffer.index].with_driver) {
    throw SourceError("cannot read camera '" + path_ + "': its driver returned buffer " +
                          std::to_string(buffer.index) + ", which does not exist",
                      path_, EPROTO);
  }
  mapped_[buffer.index].with_driver = false;
  return 0;
}

std::span<const std::uint8_t> V4l2Buffers::bytes(const v4l2_buffer& buffer) const {
  const auto& mapped = mapped_[buffer.index];
  if (buffer.bytesused > mapped.length) return {};
  return {static_cast<const std::uint8_t*>(mapped.memory), buffer.bytesused};
}

}  // namespace freshframe::media
