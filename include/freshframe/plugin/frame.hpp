// The frames that a node is given, and the frames that it makes.
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

/// An immutable frame of the engine's: a view that is valid during the call, or, from keep() and Context, a
/// separate handle. Use such a handle only as long as its node lives. It may be destroyed at any time.
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
    if (release_ != nullptr) release_(nullptr, frame_);  // abi.h: not by way of the host, which may be gone
  }
  /// Takes over a handle.
  [[nodiscard]] static Frame adopt(const freshframe_host* host, freshframe_frame* frame) noexcept {
    Frame result(host, frame);
    result.release_ = host->release_frame;
    return result;
  }

  [[nodiscard]] explicit operator bool() const noexcept { return frame_ != nullptr; }
  /// For the border.
  [[nodiscard]] const freshframe_frame* handle() const noexcept { return frame_; }
  /// Returns the picture as decoded.
  [[nodiscard]] Picture picture() const { return view_as(nullptr); }
  /// In another format, converted once and shared by all users. Throws std::runtime_error.
  [[nodiscard]] Picture to(const char* format) const { return view_as(format); }
  /// The luma; of a YUV frame without a copy, in the video's range.
  [[nodiscard]] Plane gray() const { return view_as("gray").planes[0]; }
  [[nodiscard]] Plane bgr() const { return view_as("bgr").planes[0]; }
  [[nodiscard]] Plane rgb() const { return view_as("rgb").planes[0]; }
  /// A handle that outlives the call: a loan, which the pipeline counts and bounds.
  [[nodiscard]] Frame keep() const {
    auto* const kept = frame_ != nullptr ? host_->keep_frame(host_->self, frame_) : nullptr;
    if (kept == nullptr)
      throw std::runtime_error("the frame cannot be kept: it is empty, or the node is closed");
    return adopt(host_, kept);
  }
  /// For the border: gives the handle up.
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
      throw std::runtime_error(std::string("the frame cannot be shown ") +
                               (format != nullptr ? "as '" + std::string(format) + "'; the formats are " +
                                                        detail::kFormats + ", as long as the node is open"
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
  void (*release_)(void*, freshframe_frame*) = nullptr;  // for a separate handle
};

/// One component array that may be written.
struct MutablePlane {
  std::uint8_t* data = nullptr;
  int rows = 0;
  int row_bytes = 0;
  std::ptrdiff_t stride = 0;  // bytes from row start to row start

  [[nodiscard]] std::uint8_t* row(int y) const noexcept { return data + y * stride; }
};

/// A frame in the engine's memory that is being written, through a NewFrame that is not const.
class NewFrame {
 public:
  NewFrame(Frame frame, Picture picture) : frame_(std::move(frame)), picture_(std::move(picture)) {}

  [[nodiscard]] const Picture& picture() const noexcept { return picture_; }
  /// Throws std::out_of_range when no plane has that index, as after publish().
  [[nodiscard]] MutablePlane plane(int index = 0) {
    const Plane& from = picture_.plane(index);
    // make_frame() of abi.h says that this memory may be written.
    return {const_cast<std::uint8_t*>(from.data), from.rows, from.row_bytes, from.stride};
  }
  [[nodiscard]] std::uint8_t* row(int y, int plane = 0) { return this->plane(plane).row(y); }
  /// Ends the writing: the value to return. Pointers to rows must no longer be written.
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
