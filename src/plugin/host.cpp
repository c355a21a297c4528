// Log, clock, stop and frames for plugins.
// SPDX-License-Identifier: Apache-2.0
#include "plugin/host.hpp"

#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <memory>
#include <shared_mutex>
#include <system_error>
#include <utility>

#include "core/frame/frame_access.hpp"
#include "platform/forced_unwind.hpp"
#include "plugin/foreign_text.hpp"

namespace freshframe::plugin {
namespace {

// The engine's Plane has the layout of freshframe_plane, so frames are passed without copying the table.
static_assert(sizeof(Plane) == sizeof(freshframe_plane) && sizeof(int) == sizeof(std::int32_t));
static_assert(offsetof(Plane, rows) == offsetof(freshframe_plane, rows));
static_assert(offsetof(Plane, row_bytes) == offsetof(freshframe_plane, row_bytes));
static_assert(offsetof(Plane, stride) == offsetof(freshframe_plane, stride));

constexpr int kMostSide = 1 << 16;  // pixels, as for every frame
constexpr std::int64_t kMostPixels = 1 << 28;
constexpr std::int64_t kMostStride = std::int64_t{1} << 40;  // bytes, so that sums over rows cannot overflow

template <class Enum, std::size_t N>
std::optional<Enum> find_named(const char* name, const std::array<Enum, N>& all) {
  const auto found = std::find_if(all.begin(), all.end(), [&](Enum each) { return to_string(each) == name; });
  return found == all.end() ? std::nullopt : std::optional(*found);
}

std::optional<PictureFormat> find_format(const freshframe_picture& picture) {
  const auto format = picture.format == nullptr ? std::nullopt : pixel_format(picture.format);
  const auto range = find_named(picture.range == nullptr ? "limited" : picture.range,
                                std::array{ColorRange::Limited, ColorRange::Full});
  const auto space = find_named(
      picture.space == nullptr ? "unspecified" : picture.space,
      std::array{ColorSpace::Unspecified, ColorSpace::Bt601, ColorSpace::Bt709, ColorSpace::Bt2020});
  const bool fits = picture.width > 0 && picture.height > 0 && picture.width <= kMostSide &&
                    picture.height <= kMostSide &&
                    std::int64_t{picture.width} * picture.height <= kMostPixels;
  if (!format || !range || !space || !fits) return std::nullopt;
  return PictureFormat{picture.width, picture.height, *format, *range, *space};
}

void show(const PictureFormat& format, std::span<const Plane> planes, freshframe_picture* out) {
  freshframe_picture picture{};
  picture.size = out->size;
  picture.width = format.width;
  picture.height = format.height;
  // Null-terminated, because to_string() returns views of string literals.
  picture.format = to_string(format.format).data();
  picture.range = to_string(format.range).data();
  picture.space = to_string(format.space).data();
  picture.planes = {planes.data(), planes.size(), sizeof(Plane)};
  std::memcpy(out, &picture, std::min<std::size_t>(out->size, sizeof picture));
}

void show(const FrameBuilder& builder, freshframe_picture* out) {
  const auto& [format, planes] = builder.picture();
  show(format, {planes.data(), static_cast<std::size_t>(format.plane_count())}, out);
}

// Replaces line breaks with spaces, for the log.
std::string one_line(const char* text) {
  constexpr std::size_t kMostText = 16384;  // bytes
  auto line = shortened(text, kMostText);
  std::replace_if(
      line.begin(), line.end(), [](char letter) { return letter == '\n' || letter == '\r'; }, ' ');
  return line;
}

bool is_yuv(PixelFormat format) {
  return format != PixelFormat::Bgr && format != PixelFormat::Rgb;
}

}  // namespace

// The functions of the table. Each one checks that the node is open and catches all exceptions.
struct Host::Calls {
  // The reference to a forced unwind is null, because the C library has no object for it. UBSan must not
  // report that. It would check the body again where the compiler inlines it.
  template <class F, class R>
  __attribute__((noinline, no_sanitize("null"))) static R with(void* self, R otherwise, const F& call) {
    auto& host = *static_cast<Host*>(self);
    if (host.closed_.load(std::memory_order_acquire)) return otherwise;
    const std::shared_lock lock(host.mutex_);
    if (host.context_ == nullptr) return otherwise;
    try {
      return call(host);
    } catch (const platform::ForcedUnwind&) {  // pthread_exit() or pthread_cancel() in a thread of the plugin
      throw;
    } catch (...) {
      return otherwise;
    }
  }

  static void log(void* self, std::int32_t level, const char* text) {
    if (text == nullptr) return;
    with(self, 0, [&](Host& host) {
      const auto known = std::clamp(level, 0, 3);
      freshframe::log(static_cast<LogLevel>(known), "node '" + host.name_ + "': " + one_line(text));
      return 0;
    });
  }

  static void count_drops(void* self, const char* cause, std::uint64_t count) {
    if (cause == nullptr) return;
    with(self, 0, [&](Host& host) {
      for (const auto each : {NodeDropCause::Device, NodeDropCause::Decode, NodeDropCause::Error}) {
        if (to_string(each) == cause) host.context_->counters.drop(each, count);
      }
      return 0;
    });
  }

  static std::int64_t now_ns(void* self) {
    return with(self, std::int64_t{0}, [](Host& host) {
      return std::int64_t{std::chrono::nanoseconds(host.context_->clock.now().time_since_epoch()).count()};
    });
  }

  static std::int32_t stop_requested(void* self) {
    return with(self, 1, [](Host& host) { return host.context_->stop.stop_requested() ? 1 : 0; });
  }

  static std::int32_t stop_fd(void* self) {
    return with(self, -1, [](Host& host) { return host.stopped_ ? host.stopped_->descriptor() : -1; });
  }

  // Waits in slices, because the thread that closes the node waits for calls in progress.
  static std::int32_t wait(void* self, double seconds) {
    constexpr double kSlice = 0.05;  // seconds
    for (double left = std::isnan(seconds) ? 0 : seconds;; left -= kSlice) {
      const bool stopped = with(self, true, [&](Host& host) {
        const auto& context = *host.context_;
        if (left <= 0) return context.stop.stop_requested();
        const auto slice = to_duration(Seconds(std::min(left, kSlice)));
        return !context.clock.sleep_until(context.clock.now() + slice, context.stop);
      });
      if (stopped || left <= kSlice) return stopped ? 1 : 0;
    }
  }

  static std::int32_t picture(void* self, const freshframe_frame* frame, const char* format,
                              freshframe_picture* out) {
    if (frame == nullptr || out == nullptr) return -1;
    return with(self, -1, [&](Host&) {
      const auto& source = frame->frame;
      if (!source) return frame->builder && format == nullptr ? show(*frame->builder, out), 0 : -1;
      if (format == nullptr) {
        show(source.picture_format(), source.planes(), out);
        return 0;
      }
      const auto wanted = pixel_format(format);
      if (!wanted) return -1;
      if (*wanted == PixelFormat::Gray && is_yuv(source.format())) {
        auto gray = source.picture_format();
        gray.format = PixelFormat::Gray;
        show(gray, source.planes().first(1), out);
        return 0;
      }
      // The planes belong to the frame's memory, not to the handle.
      const auto converted = source.to(*wanted);
      show(converted.picture_format(), converted.planes(), out);
      return 0;
    });
  }

  static freshframe_frame* keep_frame(void* self, const freshframe_frame* frame) {
    if (frame == nullptr || !frame->frame) return nullptr;
    return with(self, static_cast<freshframe_frame*>(nullptr),
                [&](Host&) { return new freshframe_frame{frame->frame.keep()}; });
  }

  static freshframe_frame* make_frame(void* self, const freshframe_picture* wanted, freshframe_picture* out) {
    if (wanted == nullptr || out == nullptr) return nullptr;
    return with(self, static_cast<freshframe_frame*>(nullptr), [&](Host&) -> freshframe_frame* {
      const auto format = find_format(*wanted);
      if (!format) return nullptr;
      auto made = std::make_unique<freshframe_frame>(freshframe_frame{{}, FrameBuilder(*format)});
      show(*made->builder, out);
      return made.release();
    });
  }

  static freshframe_frame* wrap_frame(void* self, const freshframe_picture* given, void* owner,
                                      void (*release)(void*)) {
    if (given == nullptr) return nullptr;
    return with(self, static_cast<freshframe_frame*>(nullptr), [&](Host& host) -> freshframe_frame* {
      const auto format = find_format(*given);
      if (!format || given->planes.count != static_cast<std::uint64_t>(format->plane_count()) ||
          given->planes.data == nullptr || given->planes.element_size < sizeof(freshframe_plane)) {
        return nullptr;
      }
      Picture picture{*format, {}};
      std::size_t bytes = 0;
      for (int i = 0; i < format->plane_count(); ++i) {
        freshframe_plane plane{};
        std::memcpy(&plane,
                    static_cast<const std::byte*>(given->planes.data) +
                        static_cast<std::uint64_t>(i) * given->planes.element_size,
                    sizeof plane);
        const auto shape = format->plane_shape(i);
        if (plane.data == nullptr || plane.rows != shape.rows || plane.row_bytes != shape.row_bytes ||
            plane.stride < plane.row_bytes || plane.stride > kMostStride) {
          return nullptr;
        }
        picture.planes[static_cast<std::size_t>(i)] = {plane.data, plane.rows, plane.row_bytes, plane.stride};
        bytes += static_cast<std::size_t>(plane.rows) * static_cast<std::size_t>(plane.row_bytes);
      }
      auto made = std::make_unique<freshframe_frame>();
      made->frame = Frame::wrap(
          picture, bytes,
          [owner, release] {
            if (release != nullptr) run_contained("release()", [&] { release(owner); });
          },
          host.ops_);
      return made.release();
    });
  }

  // Also works after close(), so that a plugin can release its frames.
  static void release_frame(void* /*self*/, freshframe_frame* frame) {
    if (frame != nullptr && !frame->is_lent) delete frame;
  }
};

Host::Host(const PixelOps& ops)
    : ops_(ops),
      table_{sizeof(freshframe_host),
             FRESHFRAME_ABI_VERSION,
             this,
             &Calls::log,
             &Calls::count_drops,
             &Calls::now_ns,
             &Calls::stop_requested,
             &Calls::stop_fd,
             &Calls::wait,
             &Calls::picture,
             &Calls::keep_frame,
             &Calls::make_frame,
             &Calls::wrap_frame,
             &Calls::release_frame} {}

void Host::attach(const Context& context, const char* kind) {
  const std::unique_lock lock(mutex_);
  context_ = &context;
  name_ = context.node.empty() ? kind : context.node;
  try {
    stopped_.emplace(context.stop);
    // NOLINTNEXTLINE(bugprone-empty-catch): the plugin's descriptor is -1, and stop_requested() answers
  } catch (const std::system_error&) {
  }
  closed_.store(false, std::memory_order_release);
}

void Host::detach() {
  closed_.store(true, std::memory_order_release);
  const std::unique_lock lock(mutex_);
  context_ = nullptr;
  stopped_.reset();
}

Frame Host::take(freshframe_frame* given) const {
  if (given == nullptr) throw Error("returned a null frame");
  if (given->is_lent) {
    if (!given->frame)
      throw Error("returned a frame from an earlier call: use keep_frame() to keep a frame longer");
    return given->frame;
  }
  const std::unique_ptr<freshframe_frame> owned(given);
  if (owned->builder) return std::move(*owned->builder).publish(ops_);
  return core::FrameAccess::engine(owned->frame);
}

Frame Host::wrap_frame(const freshframe_frame& given) {
  if (given.builder)
    throw Error(
        "attached a frame from make_frame() to a result: attach a frame of the input, or one from "
        "keep_frame() or wrap_frame()");
  if (!given.frame)
    throw Error("attached a frame from an earlier call to a result: use keep_frame() to keep a frame longer");
  return core::FrameAccess::engine(given.frame);
}

}  // namespace freshframe::plugin
