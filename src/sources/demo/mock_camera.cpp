// A camera that shows a still image, for tests.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/media.hpp"

#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <utility>

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
  if (!picture) throw OptionError("MockCamera needs a picture, got an empty Frame");
}

MockCamera::MockCamera(std::string path, double fps)
    : impl_(std::make_unique<Impl>(Impl{{}, std::move(path), checked_fps(fps), Pacer(fps)})) {
  if (impl_->path.empty()) throw OptionError("MockCamera needs the path of a picture, got an empty one");
}

MockCamera::~MockCamera() = default;

void MockCamera::open(const Context& /*context*/) {
  if (!impl_->path.empty()) impl_->picture = read_frame(impl_->path);
}

std::optional<SourceItem<Frame>> MockCamera::read(const Context& context) {
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
