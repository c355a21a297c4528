// A camera that shows a still image, for tests.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/media.hpp"

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "core/frame/frame_access.hpp"
#include "core/pacer.hpp"
#include "sources/live/device_time.hpp"

namespace freshframe {
namespace {

using core::Pacer;

}  // namespace

struct MockCamera::Impl {
  Frame picture;
  std::string path;  // empty if `picture` was given
  double fps;
  Pacer pacer;
  std::vector<Frame> frames = {};  // emitted one by one; empty if a single frame is repeated
  std::size_t next = 0;            // index into `frames`
  TimePoint start{};               // when the first of `frames` was emitted

  /// Returns nullopt at the end, or after a stop.
  std::optional<SourceItem<Frame>> read_next(const Context& context);
};

namespace {

double checked_fps(double fps) {
  if (fps > 0 && fps <= 1000) return fps;
  std::ostringstream text;
  text << "MockCamera needs fps above 0 and at most 1000, got " << fps;
  throw OptionError(text.str());
}

}  // namespace

MockCamera::MockCamera(const Frame& picture, double fps)
    : impl_(std::make_unique<Impl>(
          Impl{core::FrameAccess::engine(picture), {}, checked_fps(fps), Pacer(fps)})) {
  if (!picture) throw OptionError("MockCamera needs an image, got an empty Frame");
}

MockCamera::MockCamera(std::string path, double fps)
    : impl_(std::make_unique<Impl>(Impl{{}, std::move(path), checked_fps(fps), Pacer(fps)})) {
  if (impl_->path.empty()) throw OptionError("MockCamera needs the path of an image, got an empty one");
}

MockCamera::MockCamera(const std::vector<Frame>& frames, double fps)
    : impl_(std::make_unique<Impl>(Impl{{}, {}, checked_fps(fps), Pacer(fps)})) {
  if (frames.empty()) throw OptionError("MockCamera needs at least one frame, got none");
  for (const auto& frame : frames) {
    if (!frame) throw OptionError("MockCamera needs frames with pixels, got an empty Frame");
    impl_->frames.push_back(core::FrameAccess::engine(frame));
  }
}

MockCamera::~MockCamera() = default;

bool MockCamera::live() const noexcept {
  return impl_->frames.empty();
}

std::optional<std::int64_t> MockCamera::total() const {
  if (live()) return std::nullopt;
  return std::ssize(impl_->frames);
}

void MockCamera::open(const Context& /*context*/) {
  if (!impl_->path.empty()) impl_->picture = read_frame(impl_->path);
}

std::optional<SourceItem<Frame>> MockCamera::Impl::read_next(const Context& context) {
  if (next == frames.size() || context.stop.stop_requested()) return std::nullopt;
  if (next == 0) start = context.clock.now();
  const double pts = static_cast<double>(next) / fps;
  const auto due = start + to_duration(Seconds(pts));
  if (!context.clock.sleep_until(due, context.stop)) return std::nullopt;
  const auto now = context.clock.now();
  return SourceItem<Frame>{.value = frames[next++],
                           .pts = pts,
                           .captured = now,
                           .utc = media::compute_device_utc(context.clock, now)};
}

std::optional<SourceItem<Frame>> MockCamera::read(const Context& context) {
  if (!live()) return impl_->read_next(context);
  const auto tick = impl_->pacer.next(context.clock, context.stop);
  if (!tick) return std::nullopt;
  if (tick->missed > 0) context.counters.drop(NodeDropCause::Device, tick->missed);
  return SourceItem<Frame>{.value = impl_->picture,
                           .pts = static_cast<double>(tick->n) / impl_->fps,
                           .captured = tick->due,
                           .seq = tick->n,
                           .utc = media::compute_device_utc(context.clock, tick->due)};
}

}  // namespace freshframe
