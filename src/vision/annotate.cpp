// The node that draws what was found into a copy of the picture that it was found in.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/vision.hpp"

#include <cstddef>
#include <iomanip>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <utility>

#include "vision/annotate_canvas.hpp"
#include "vision/annotate_shapes.hpp"
#include "vision/annotate_trails.hpp"

namespace freshframe {
namespace {

constexpr double kMaxTrail = 60;  // seconds
constexpr float kMaxLineWidth = 100;

void check(const AnnotateOptions& options) {
  std::ostringstream text;
  if (!(options.trail >= 0 && options.trail <= kMaxTrail)) {
    text << "Annotate needs trail from 0 to " << kMaxTrail << " seconds, got " << options.trail;
  } else if (!(options.line_width >= 0 && options.line_width <= kMaxLineWidth)) {
    text << "Annotate needs line_width from 0 (chosen from the picture's size) to " << kMaxLineWidth
         << " pixels, got " << options.line_width;
  } else {
    return;
  }
  throw GraphError(text.str());
}

/// The frame's pixels as BGR in memory of their own: asks for the conversion itself, so that the source frame
/// does not keep a second copy.
FrameBuilder bgr_copy(const Frame& frame) {
  PictureFormat format = frame.picture_format();
  format.format = PixelFormat::Bgr;
  FrameBuilder copy(format);
  if (!frame.ops().convert(frame.picture(), copy.picture()) &&
      !basic_pixel_ops().convert(frame.picture(), copy.picture())) {
    throw Error("Annotate cannot convert a " + std::string(to_string(frame.format())) +
                " frame to bgr: this frame's maker gave it no such conversion");
  }
  return copy;
}

std::string score_text(float score) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(2) << score;
  return text.str();
}

}  // namespace

struct Annotate::Impl {
  AnnotateOptions options;
  Trails trails;
  AnnotateCanvas canvas;

  void draw(const Sample<Circles>& sample);
  [[nodiscard]] std::string text(const Circles& found, std::size_t index) const;
};

std::string Annotate::Impl::text(const Circles& found, std::size_t index) const {
  std::string text;
  if (options.ids && !found.ids.empty()) {
    text += '#';
    text += std::to_string(found.ids[index]);
  }
  if (options.scores) {
    if (!text.empty()) text += ' ';
    text += score_text(found.circles[index].score);
  }
  return text;
}

void Annotate::Impl::draw(const Sample<Circles>& sample) {
  const Circles& found = sample.value;
  const bool tracked = !found.ids.empty();
  const auto color = [&](std::size_t index) {
    return tracked ? color_of_id(found.ids[index]) : color_of_score(found.circles[index].score);
  };
  AnnotatePen pen(canvas, options.line_width);
  if (tracked && options.trail > 0) {
    trails.add(found, sample.stamp.source, sample.stamp.pts);
    for (std::size_t i = 0; i < found.circles.size(); ++i) {
      pen.trail(trails.of(sample.stamp.source, found.ids[i]), options.trail, color(i));
    }
  }
  for (std::size_t i = 0; i < found.circles.size(); ++i) pen.ring(found.circles[i], color(i));
  // Last, so that no line runs through a text.
  for (std::size_t i = 0; i < found.circles.size(); ++i)
    pen.label(found.circles[i], text(found, i), color(i));
}

Annotate::Annotate(const AnnotateOptions& options) {
  check(options);
  impl_ = std::make_unique<Impl>(Impl{options, Trails(options.trail), {}});
}

Annotate::~Annotate() = default;

std::optional<Frame> Annotate::process(const Sample<Circles>& sample, const Context& /*context*/) {
  const Circles& found = sample.value;
  if (!sample.frame) {
    throw Error("Annotate needs the frame in which the circles were found, but this sample carries none");
  }
  if (!found.ids.empty() && found.ids.size() != found.circles.size()) {
    throw Error("Annotate needs as many ids as circles or none, got " + std::to_string(found.ids.size()) +
                " ids for " + std::to_string(found.circles.size()) + " circles");
  }
  FrameBuilder picture = bgr_copy(sample.frame);
  impl_->canvas.begin(picture.picture());
  impl_->draw(sample);
  impl_->canvas.finish();
  return std::move(picture).publish(sample.frame.ops());
}

}  // namespace freshframe
