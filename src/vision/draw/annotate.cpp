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

#include "vision/draw/canvas.hpp"
#include "vision/draw/drawable_copy.hpp"
#include "vision/draw/shapes.hpp"
#include "vision/draw/trails.hpp"

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
  throw OptionError(text.str());
}

std::string confidence_text(float confidence) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(2) << confidence;
  return text.str();
}

}  // namespace

struct Annotate::Impl {
  AnnotateOptions options;
  vision::Trails trails;
  vision::AnnotateCanvas canvas;
  vision::Labels labels;

  void draw(const Sample<Circles>& sample);
  [[nodiscard]] std::string text(const Circles& found, std::size_t index) const;
};

std::string Annotate::Impl::text(const Circles& found, std::size_t index) const {
  std::string text;
  if (options.ids && !found.ids.empty()) {
    text += '#';
    text += std::to_string(found.ids[index]);
  }
  if (options.confidences) {
    if (!text.empty()) text += ' ';
    text += confidence_text(found.circles[index].confidence);
  }
  return text;
}

void Annotate::Impl::draw(const Sample<Circles>& sample) {
  const Circles& found = sample.value;
  const bool tracked = !found.ids.empty();
  const auto color = [&](std::size_t index) {
    return tracked ? vision::color_of_id(found.ids[index])
                   : vision::color_of_confidence(found.circles[index].confidence);
  };
  vision::AnnotatePen pen(canvas, options.line_width);
  if (tracked && options.trail > 0) {
    trails.add(found, sample.stamp.source, sample.stamp.pts);
    for (std::size_t i = 0; i < found.circles.size(); ++i) {
      pen.trail(trails.of(sample.stamp.source, found.ids[i]), options.trail, color(i));
    }
  }
  for (std::size_t i = 0; i < found.circles.size(); ++i) pen.ring(found.circles[i], color(i));
  // Last, so that no line runs through a text.
  for (std::size_t i = 0; i < found.circles.size(); ++i)
    pen.label(found.circles[i], text(found, i), color(i), labels);
}

Annotate::Annotate(const AnnotateOptions& options) {
  check(options);
  impl_ = std::make_unique<Impl>(Impl{options, vision::Trails(options.trail), {}, {}});
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
  FrameBuilder picture = vision::drawable_copy(sample.frame);
  impl_->canvas.begin(picture.picture());
  impl_->draw(sample);
  return std::move(picture).publish(sample.frame.ops());
}

}  // namespace freshframe
