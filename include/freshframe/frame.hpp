// Pictures: an immutable, shared Frame, its memory, and the builder that writes it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

namespace freshframe::core {
class FrameAccess;    // src/core/frame/frame_access.hpp
class PictureMemory;  // src/core/frame/picture_memory.hpp
struct FrameBody;     // src/core/frame/frame.cpp
}  // namespace freshframe::core

namespace freshframe {

struct DevicePicture;  // device.hpp

/// Layout of the samples in memory, 8 bits each. MJPEG of webcams decodes to I422 or I444.
enum class PixelFormat : std::uint8_t { Gray, Nv12, I420, I422, I444, Bgr, Rgb };
inline constexpr int kPixelFormats = 7;

/// The range of the luma values: Limited is 16..235 (video), Full is 0..255 (JPEG, most webcams).
enum class ColorRange : std::uint8_t { Limited, Full };

/// The YUV matrix (ITU-R BT.601, BT.709, BT.2020). Unspecified: BT.601 below 720 rows, else BT.709, as
/// players do.
enum class ColorSpace : std::uint8_t { Unspecified, Bt601, Bt709, Bt2020 };

/// "gray", "nv12", "i420", "i422", "i444", "bgr", "rgb".
[[nodiscard]] std::string_view to_string(PixelFormat format) noexcept;
[[nodiscard]] std::optional<PixelFormat> pixel_format(std::string_view name) noexcept;
[[nodiscard]] std::string_view to_string(ColorRange range) noexcept;
[[nodiscard]] std::string_view to_string(ColorSpace space) noexcept;

/// One component array. `stride` is the distance between the starts of two rows in bytes; it may exceed
/// `row_bytes`.
struct Plane {
  const std::uint8_t* data = nullptr;
  int rows = 0;
  int row_bytes = 0;
  std::ptrdiff_t stride = 0;

  [[nodiscard]] const std::uint8_t* row(int y) const noexcept { return data + y * stride; }
};

/// The description of a picture, without its pixels.
struct PictureFormat {
  int width = 0;
  int height = 0;
  PixelFormat format = PixelFormat::Gray;
  ColorRange range = ColorRange::Limited;
  ColorSpace space = ColorSpace::Unspecified;

  [[nodiscard]] int plane_count() const noexcept;
  /// Rows and bytes per row of plane `index`; chroma of odd sizes is rounded up.
  [[nodiscard]] Plane plane_shape(int index) const noexcept;
  bool operator==(const PictureFormat&) const = default;
};

/// A borrowed view of a picture's pixels.
struct Picture {
  PictureFormat format;
  std::array<Plane, 3> planes{};
};

/// A picture whose pixels may be written: the picture of a FrameBuilder, or a picture in your own memory.
/// `planes` must lie in writable memory. Functions that only read take it as a Picture.
struct MutablePicture : Picture {
  MutablePicture() = default;
  explicit MutablePicture(const PictureFormat& wanted) : Picture{wanted, {}} {}

  [[nodiscard]] std::uint8_t* row(int plane, int y = 0) const noexcept {
    return const_cast<std::uint8_t*>(planes[static_cast<std::size_t>(plane)].row(y));
  }
};

/// Converts pixels. Given by the maker of a frame and inherited by its copies, so core needs no colour
/// library. Thread-safe; lives as long as the process.
class PixelOps {
 public:
  PixelOps() = default;
  PixelOps(const PixelOps&) = delete;
  PixelOps& operator=(const PixelOps&) = delete;
  virtual ~PixelOps() = default;

  /// Writes `from` into the planes of `to`, of the same size. Returns false when it does not support this
  /// pair of formats.
  [[nodiscard]] virtual bool convert(const Picture& from, const MutablePicture& to) const = 0;
};

/// Core's own: planar YUV to gray (drops the chroma) and copies between equal formats, nothing else.
[[nodiscard]] const PixelOps& basic_pixel_ops() noexcept;

/// An immutable picture, shared by reference count. Copying a Frame never copies pixels.
///
/// A picture that stays on a graphics card comes into the host's memory when somebody first reads its pixels there, once.
/// Functions that read pixels throw DeviceError if that fails.
///
/// A handle is either held by the engine (queues, nodes) or *on loan* (Python, a C++ program that uses a
/// Reader). Both keep the pixels alive; only engine-held frames count towards the pipeline's bound.
/// Thread-safe: any number of threads may read and copy it. It must not be written to after it was made.
class Frame {
 public:
  Frame() noexcept = default;
  Frame(const Frame& other) noexcept;
  Frame(Frame&& other) noexcept
      : body_(std::exchange(other.body_, nullptr)),
        form_(other.form_),
        loan_(other.loan_),
        damaged_(other.damaged_),
        holder_(other.holder_) {}
  Frame& operator=(Frame other) noexcept {
    std::swap(body_, other.body_);
    std::swap(form_, other.form_);
    std::swap(loan_, other.loan_);
    std::swap(damaged_, other.damaged_);
    std::swap(holder_, other.holder_);
    return *this;
  }
  ~Frame() {
    if (body_ != nullptr) drop();
  }

  explicit operator bool() const noexcept { return body_ != nullptr; }
  /// Same picture memory and same format.
  bool operator==(const Frame& other) const noexcept {
    return body_ == other.body_ && (body_ == nullptr || form_ == other.form_);
  }

  /// A part of the picture, or of a picture that it was predicted from, was lost on its way here or could not
  /// be decoded. A frame that is made of a damaged one is damaged, too.
  [[nodiscard]] bool is_damaged() const noexcept { return damaged_; }
  /// Marks this handle and its copies: other handles of the picture may belong to other samples.
  void mark_damaged() noexcept { damaged_ = true; }

  /// Same picture memory, perhaps in another format.
  [[nodiscard]] bool shares(const Frame& other) const noexcept { return body_ == other.body_; }

  [[nodiscard]] const PictureFormat& picture_format() const noexcept;
  [[nodiscard]] int width() const noexcept { return picture_format().width; }
  [[nodiscard]] int height() const noexcept { return picture_format().height; }
  [[nodiscard]] PixelFormat format() const noexcept { return form_; }
  [[nodiscard]] std::span<const Plane> planes() const;
  [[nodiscard]] Picture picture() const;
  /// Returns the picture on its card, or null if it does not stay there, or only in another format than this handle's.
  [[nodiscard]] const DevicePicture* on_device() const noexcept;

  /// Plane 0 of gray and YUV pictures, without a copy; of BGR and RGB converted once, then shared. May take
  /// as long as one conversion.
  [[nodiscard]] Plane luma() const;
  /// Returns the same picture in another format: converted once (the first caller does it, others wait), then
  /// shared by all handles. Throws Error when the frame's PixelOps cannot do it.
  [[nodiscard]] Frame to(PixelFormat format) const;
  /// Whether to(format) returns without a conversion, or a copy from a card.
  [[nodiscard]] bool has(PixelFormat format) const noexcept;
  /// All planes of a planar format without gaps, one after the other. Packed once, then shared. If the planes
  /// have that layout already, nothing is copied. Throws OptionError for an odd size of a subsampled format.
  [[nodiscard]] std::span<const std::uint8_t> pack_planes() const;
  /// Whether pack_planes() returns without a copy.
  [[nodiscard]] bool has_packed() const noexcept;
  /// This picture in memory of FramePool::get_shared(): copied there once, then kept with the frame. Needed for a
  /// picture in another owner's memory that worker processes read.
  [[nodiscard]] Picture pool_picture() const;
  /// The converter of this picture. A frame that is derived from it gets the same one.
  [[nodiscard]] const PixelOps& ops() const noexcept;
  /// Bytes of pixels that this handle keeps: as made, plus every format converted so far, on a card or not.
  [[nodiscard]] std::size_t size_bytes() const noexcept;

  /// A handle to keep, on loan: for a node or a program that holds frames for longer than one call. It does
  /// not count towards the pipeline's bound on published frames, only towards `max_held_bytes`.
  [[nodiscard]] Frame keep() const noexcept;

  /// Wraps memory that has another owner. `release` is called once, on whichever thread drops the last
  /// handle.
  [[nodiscard]] static Frame wrap(const Picture& picture, std::size_t bytes, std::function<void()> release,
                                  const PixelOps& ops);
  /// Wraps one picture in several formats, at least one: the first is the frame's own, the others need no
  /// conversion any more.
  [[nodiscard]] static Frame wrap(std::span<const Picture> forms, std::size_t bytes,
                                  std::function<void()> release, const PixelOps& ops);
  /// A picture that stays on its card.
  [[nodiscard]] static Frame wrap(std::shared_ptr<const DevicePicture> picture, const PixelOps& ops);

 private:
  friend class FrameBuilder;
  friend class core::FrameAccess;
  Frame(core::FrameBody* body, PixelFormat form, bool loan, bool damaged = false,
        std::uint16_t holder = 0) noexcept
      : body_(body), form_(form), loan_(loan), damaged_(damaged), holder_(holder) {}
  /// Drops this handle's reference to the body.
  void drop() noexcept;

  core::FrameBody* body_ = nullptr;
  PixelFormat form_ = PixelFormat::Gray;
  bool loan_ = false;
  bool damaged_ = false;
  std::uint16_t holder_ = 0;
};

/// Recycled picture memory, 64-byte aligned. Thread-safe. One per process: FramePool::get_shared().
class FramePool {
 public:
  /// Counters of a pool since the process began.
  struct Stats {
    std::uint64_t allocated = 0;  // buffers taken from the system
    std::uint64_t reused = 0;     // requests served from idle buffers
    std::size_t idle_bytes = 0;   // kept for reuse
  };

  FramePool();
  FramePool(const FramePool&) = delete;
  FramePool& operator=(const FramePool&) = delete;
  ~FramePool();

  struct Impl;
  /// Returns a buffer; the pool may have been destroyed by then.
  struct Recycle {
    std::shared_ptr<Impl> pool;
    std::size_t bytes = 0;
    std::shared_ptr<core::PictureMemory> memory = {};  // the memory that it came from; null means the heap
    void operator()(std::uint8_t* memory) const noexcept;
  };
  using Buffer = std::unique_ptr<std::uint8_t[], Recycle>;
  [[nodiscard]] Buffer take(std::size_t bytes);
  /// A buffer of the memory that use() was given. Empty means there is no such memory, or it is full.
  [[nodiscard]] Buffer take_used(std::size_t bytes);
  [[nodiscard]] Stats stats() const;
  /// From now on take() uses `memory` first, and the heap when that is full. Null means the heap only. Each
  /// buffer returns to the memory that it came from.
  void use(std::shared_ptr<core::PictureMemory> memory);
  [[nodiscard]] static FramePool& get_shared();

 private:
  std::shared_ptr<Impl> impl_;
};

/// A picture in pooled memory that is being written: fill plane(i), then publish().
class FrameBuilder {
 public:
  explicit FrameBuilder(const PictureFormat& format, FramePool& pool = FramePool::get_shared());
  FrameBuilder(FrameBuilder&&) noexcept;
  FrameBuilder& operator=(FrameBuilder&&) noexcept;
  ~FrameBuilder();

  [[nodiscard]] std::uint8_t* plane(int index) noexcept;
  [[nodiscard]] std::ptrdiff_t stride(int index) const noexcept;
  [[nodiscard]] const MutablePicture& picture() const noexcept { return picture_; }
  [[nodiscard]] std::size_t size_bytes() const noexcept { return bytes_; }
  [[nodiscard]] FramePool::Buffer take_memory() &&;
  /// Ends the writing. The builder is empty afterwards.
  [[nodiscard]] Frame publish(const PixelOps& ops = basic_pixel_ops()) &&;

 private:
  MutablePicture picture_;
  std::size_t bytes_ = 0;
  FramePool::Buffer memory_;
};

}  // namespace freshframe
