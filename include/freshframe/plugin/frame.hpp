// Frames that a node receives or creates.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/abi.h"
#include "freshframe/plugin/picture.hpp"

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

namespace freshframe::plugin {
inline namespace v1 {

/// An immutable frame of the engine. Either a view that is valid only during the call, or, from keep() and
/// Context, a handle of its own. Such a handle must not be used after its node is gone, but may be destroyed
/// at any time.
class Frame {
 public:
  Frame() noexcept = default;
  Frame(const freshframe_host* host, const freshframe_frame* frame) noexcept
      : host_(host), frame_(const_cast<freshframe_frame*>(frame)) {}
  Frame(Frame&& other) noexcept { swap(other); }
  Frame& operator=(Frame&& other) noexcept {
    swap(other);
    return *this;
  }
  ~Frame() {
    // As abi.h allows, without `self`: the host may be gone.
    if (release_ != nullptr) release_(nullptr, frame_);
  }
  /// Takes ownership of a handle.
  [[nodiscard]] static Frame adopt(const freshframe_host* host, freshframe_frame* frame) noexcept {
    Frame result(host, frame);
    result.release_ = host->release_frame;
    return result;
  }

  [[nodiscard]] explicit operator bool() const noexcept { return frame_ != nullptr; }
  /// For the C interface.
  [[nodiscard]] const freshframe_frame* handle() const noexcept { return frame_; }
  /// The image in its original format.
  [[nodiscard]] Picture picture() const { return view_as(nullptr); }
  /// The image in another format, converted once and shared by all users. Throws std::runtime_error.
  [[nodiscard]] Picture to(const char* format) const { return view_as(format); }
  /// The luma. For a YUV frame it is not copied, and has the video's range.
  [[nodiscard]] Plane gray() const { return view_as("gray").planes[0]; }
  [[nodiscard]] Plane bgr() const { return view_as("bgr").planes[0]; }
  [[nodiscard]] Plane rgb() const { return view_as("rgb").planes[0]; }
  /// Returns a handle that outlives the call. It is on loan: the pipeline counts these frames and limits
  /// them.
  [[nodiscard]] Frame keep() const {
    auto* const kept = frame_ != nullptr ? host_->keep_frame(host_->self, frame_) : nullptr;
    if (kept == nullptr)
      throw std::runtime_error("the frame cannot be kept: it is empty, or the node is closed");
    return adopt(host_, kept);
  }
  /// For the C interface: gives up ownership of the handle.
  [[nodiscard]] freshframe_frame* release() && noexcept {
    release_ = nullptr;
    return frame_;
  }

 private:
  [[nodiscard]] Picture view_as(const char* format) const {
    freshframe_picture picture{};
    picture.size = sizeof picture;
    if (frame_ == nullptr) throw std::runtime_error("the frame is empty");
    if (host_->picture(host_->self, frame_, format, &picture) < 0) {
      throw std::runtime_error(std::string("cannot read the frame ") +
                               (format != nullptr ? "as '" + std::string(format) + "'; the formats are " +
                                                        detail::kFormats + ", and the node must be open"
                                                  : "after the node's close()"));
    }
    return detail::view_picture(picture);
  }
  void swap(Frame& other) noexcept {
    std::swap(host_, other.host_);
    std::swap(frame_, other.frame_);
    std::swap(release_, other.release_);
  }

  const freshframe_host* host_ = nullptr;
  freshframe_frame* frame_ = nullptr;
  void (*release_)(void*, freshframe_frame*) = nullptr;  // set if the frame owns a handle
};

/// A writable plane of an image.
struct MutablePlane {
  std::uint8_t* data = nullptr;
  int rows = 0;
  int row_bytes = 0;
  std::ptrdiff_t stride = 0;  // bytes from the start of one row to the start of the next

  [[nodiscard]] std::uint8_t* row(int y) const noexcept { return data + y * stride; }
};

/// A frame in the engine's memory that is still being written. Only a non-const NewFrame gives write access.
class NewFrame {
 public:
  NewFrame(Frame frame, Picture picture) : frame_(std::move(frame)), picture_(std::move(picture)) {}

  [[nodiscard]] const Picture& picture() const noexcept { return picture_; }
  /// Throws std::out_of_range if there is no plane with this index, also after publish().
  [[nodiscard]] MutablePlane plane(int index = 0) {
    const Plane& from = picture_.plane(index);
    // abi.h: memory from make_frame() may be written.
    return {const_cast<std::uint8_t*>(from.data), from.rows, from.row_bytes, from.stride};
  }
  [[nodiscard]] std::uint8_t* row(int y, int plane = 0) { return this->plane(plane).row(y); }
  /// Finishes the frame and returns it. Its pixels must not be written any more.
  [[nodiscard]] Frame publish() && {
    picture_.plane_count = 0;
    return std::move(frame_);
  }

 private:
  Frame frame_;
  Picture picture_;
};

}  // namespace v1
}  // namespace freshframe::plugin
