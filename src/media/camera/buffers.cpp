// The driver's buffers: every count, size and index from the driver is checked before it is used.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"

#include <cerrno>

#include "media/camera/capture.hpp"
#include "media/camera/fault.hpp"
#include <linux/videodev2.h>

namespace freshframe::media {
namespace {

constexpr std::uint32_t kMostBuffers = 64;
constexpr std::size_t kLargestPicture = std::size_t{1} << 29;  // bytes: an 8K picture of 4 bytes is a quarter

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
    throw SourceError("cannot read camera '" + path_ + "': its driver gave " + std::to_string(request.count) +
                          " buffers, 2 to " + std::to_string(kMostBuffers) + " are needed",
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
    throw SourceError("cannot read camera '" + path_ + "': its driver gave a buffer of " +
                          std::to_string(buffer.length) + " bytes for pictures of " +
                          std::to_string(least_bytes),
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
    throw SourceError("cannot read camera '" + path_ + "': its driver gave buffer " +
                          std::to_string(buffer.index) + ", which it does not have",
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
