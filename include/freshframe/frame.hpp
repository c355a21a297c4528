// Frame, an immutable shared image, its memory pool, and the builder that fills it.
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

/// Memory layout of the pixels, 8 bits per component. MJPEG from webcams decodes to I422 or I444.
enum class PixelFormat : std::uint8_t { Gray, Nv12, I420, I422, I444, Bgr, Rgb };
inline constexpr int kPixelFormats = 7;

/// The range of the luma values: Limited is 16..235 (video), Full is 0..255 (JPEG, most webcams).
enum class ColorRange : std::uint8_t { Limited, Full };

/// YUV matrix (ITU-R BT.601, BT.709, BT.2020). Unspecified means BT.601 below 720 rows and BT.709 from there
/// on, as in most players.
enum class ColorSpace : std::uint8_t { Unspecified, Bt601, Bt709, Bt2020 };

/// "gray", "nv12", "i420", "i422", "i444", "bgr", "rgb".
[[nodiscard]] std::string_view to_string(PixelFormat format) noexcept;
[[nodiscard]] std::optional<PixelFormat> pixel_format(std::string_view name) noexcept;
[[nodiscard]] std::string_view to_string(ColorRange range) noexcept;
[[nodiscard]] std::string_view to_string(ColorSpace space) noexcept;

/// One plane of an image. `stride` is the distance between the starts of two rows in bytes and may exceed
/// `row_bytes`.
struct Plane {
  const std::uint8_t* data = nullptr;
  int rows = 0;
  int row_bytes = 0;
  std::ptrdiff_t stride = 0;

  [[nodiscard]] const std::uint8_t* row(int y) const noexcept { return data + y * stride; }
};

/// Size and format of an image, without its pixels.
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

/// A non-owning view of an image's pixels.
struct Picture {
  PictureFormat format;
  std::array<Plane, 3> planes{};
};

/// A writable view: of a FrameBuilder, or of your own memory. `planes` must point to writable memory.
/// Functions that only read accept it as a Picture.
struct MutablePicture : Picture {
  MutablePicture() = default;
  explicit MutablePicture(const PictureFormat& wanted) : Picture{wanted, {}} {}

  [[nodiscard]] std::uint8_t* row(int plane, int y = 0) const noexcept {
    return const_cast<std::uint8_t*>(planes[static_cast<std::size_t>(plane)].row(y));
  }
};

/// Converts pixel formats. Set by whoever creates a frame and inherited by frames derived from it, so that
/// the core does not depend on a colour conversion library. Thread-safe; never destroyed.
class PixelOps {
 public:
  PixelOps() = default;
  PixelOps(const PixelOps&) = delete;
  PixelOps& operator=(const PixelOps&) = delete;
  virtual ~PixelOps() = default;

  /// Converts `from` into the planes of `to`, which has the same size. Returns false if this pair of formats
  /// is not supported.
  [[nodiscard]] virtual bool convert(const Picture& from, const MutablePicture& to) const = 0;
};

/// The core's built-in conversions: planar YUV to gray (drops the chroma), and copies between equal formats.
[[nodiscard]] const PixelOps& basic_pixel_ops() noexcept;

/// An immutable image, shared by reference count. Copying a Frame never copies pixels.
///
/// An image in GPU memory is downloaded once, when its pixels are first read on the host. Functions that read
/// pixels throw DeviceError if that fails.
///
/// A handle is either held by the engine (queues, nodes) or *on loan* (Python, or a C++ program with a
/// Reader). Both keep the pixels alive, but only frames held by the engine count towards the pipeline's
/// limit. Thread-safe: any number of threads may read and copy a frame. Pixels must not be modified after
/// creation.
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
  /// Compares identity, not pixels: same memory and same format.
  bool operator==(const Frame& other) const noexcept {
    return body_ == other.body_ && (body_ == nullptr || form_ == other.form_);
  }

  /// True if part of the image, or of one that it was predicted from, was lost in transit or could not be
  /// decoded. Inherited by frames derived from it.
  [[nodiscard]] bool is_damaged() const noexcept { return damaged_; }
  /// Marks this handle and its copies only, since other handles of the image may belong to other samples.
  void mark_damaged() noexcept { damaged_ = true; }

  /// Returns true if both handles refer to the same image, perhaps in different formats.
  [[nodiscard]] bool shares(const Frame& other) const noexcept { return body_ == other.body_; }

  [[nodiscard]] const PictureFormat& picture_format() const noexcept;
  [[nodiscard]] int width() const noexcept { return picture_format().width; }
  [[nodiscard]] int height() const noexcept { return picture_format().height; }
  [[nodiscard]] PixelFormat format() const noexcept { return form_; }
  [[nodiscard]] std::span<const Plane> planes() const;
  [[nodiscard]] Picture picture() const;
  /// Returns the image in GPU memory, or null if there is none in this handle's format.
  [[nodiscard]] const DevicePicture* on_device() const noexcept;

  /// Plane 0: not copied for gray and YUV images; for BGR and RGB converted once, then shared.
  [[nodiscard]] Plane luma() const;
  /// Returns the image in another format. The first caller converts it while others wait, then all handles
  /// share the result. Throws Error if the frame's PixelOps does not support the conversion.
  [[nodiscard]] Frame to(PixelFormat format) const;
  /// Returns true if to(format) needs neither a conversion nor a download.
  [[nodiscard]] bool has(PixelFormat format) const noexcept;
  /// Returns all planes of a planar format contiguously, without padding. Copied once, then shared; not
  /// copied if they already have that layout. Throws OptionError if a subsampled format has an odd size.
  [[nodiscard]] std::span<const std::uint8_t> pack_planes() const;
  /// Returns true if pack_planes() returns without copying.
  [[nodiscard]] bool has_packed() const noexcept;
  /// Returns the image in memory of FramePool::get_shared(), copied there once if needed. Worker processes
  /// can only read frames that are there.
  [[nodiscard]] Picture pool_picture() const;
  /// The pixel converter. Pass it on to frames derived from this one.
  [[nodiscard]] const PixelOps& ops() const noexcept;
  /// Memory held by this frame, including every format converted so far, on the host and on the GPU.
  [[nodiscard]] std::size_t size_bytes() const noexcept;

  /// Returns a handle on loan, for a node or program that keeps frames longer than one call. It does not
  /// count towards the pipeline's limit of published frames, only towards `max_held_bytes`.
  [[nodiscard]] Frame keep() const noexcept;

  /// Wraps external memory. `release` is called once, on whichever thread drops the last handle.
  [[nodiscard]] static Frame wrap(const Picture& picture, std::size_t bytes, std::function<void()> release,
                                  const PixelOps& ops);
  /// Wraps one image that already exists in several formats. The first is the frame's own format.
  [[nodiscard]] static Frame wrap(std::span<const Picture> forms, std::size_t bytes,
                                  std::function<void()> release, const PixelOps& ops);
  /// Wraps an image in GPU memory.
  [[nodiscard]] static Frame wrap(std::shared_ptr<const DevicePicture> picture, const PixelOps& ops);

 private:
  friend class FrameBuilder;
  friend class core::FrameAccess;
  Frame(core::FrameBody* body, PixelFormat form, bool loan, bool damaged = false,
        std::uint16_t holder = 0) noexcept
      : body_(body), form_(form), loan_(loan), damaged_(damaged), holder_(holder) {}
  void drop() noexcept;

  core::FrameBody* body_ = nullptr;
  PixelFormat form_ = PixelFormat::Gray;
  bool loan_ = false;
  bool damaged_ = false;
  std::uint16_t holder_ = 0;
};

/// A pool of recycled, 64-byte-aligned image buffers. Thread-safe. The process shares one:
/// FramePool::get_shared().
class FramePool {
 public:
  /// Totals since the process started.
  struct Stats {
    std::uint64_t allocated = 0;  // buffers allocated from the system
    std::uint64_t reused = 0;     // requests served from the pool
    std::size_t idle_bytes = 0;   // memory in the pool that is ready to be reused
  };

  FramePool();
  FramePool(const FramePool&) = delete;
  FramePool& operator=(const FramePool&) = delete;
  ~FramePool();

  struct Impl;
  /// Deleter that returns a buffer. Safe even if the pool no longer exists.
  struct Recycle {
    std::shared_ptr<Impl> pool;
    std::size_t bytes = 0;
    std::shared_ptr<core::PictureMemory> memory = {};  // where the buffer was allocated; null for the heap
    void operator()(std::uint8_t* memory) const noexcept;
  };
  using Buffer = std::unique_ptr<std::uint8_t[], Recycle>;
  [[nodiscard]] Buffer take(std::size_t bytes);
  /// Takes a buffer from the memory set with use(). Returns null if none is set or it is full.
  [[nodiscard]] Buffer take_used(std::size_t bytes);
  [[nodiscard]] Stats stats() const;
  /// Makes take() allocate from `memory` first, and from the heap when that is full. Null means the heap
  /// only. Buffers always return to where they were allocated.
  void use(std::shared_ptr<core::PictureMemory> memory);
  [[nodiscard]] static FramePool& get_shared();

 private:
  std::shared_ptr<Impl> impl_;
};

/// Builds a frame in pooled memory: fill plane(i), then publish().
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
  /// Finishes the frame. The builder is empty afterwards.
  [[nodiscard]] Frame publish(const PixelOps& ops = basic_pixel_ops()) &&;

 private:
  MutablePicture picture_;
  std::size_t bytes_ = 0;
  FramePool::Buffer memory_;
};

}  // namespace freshframe
