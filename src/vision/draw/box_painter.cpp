// Draws boxes and labels into copies of frames.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/vision.hpp"

#include <sstream>
#include <utility>

#include "vision/draw/canvas.hpp"
#include "vision/draw/drawable_copy.hpp"
#include "vision/draw/shapes.hpp"

namespace freshframe {

struct BoxPainter::Impl {
  float line_width;
  vision::AnnotateCanvas canvas;
  vision::Labels labels;
};

BoxPainter::BoxPainter(float line_width) {
  constexpr float kMaxLineWidth = 100;
  if (!(line_width >= 0 && line_width <= kMaxLineWidth)) {
    std::ostringstream text;
    text << "line_width must be from 0 (chosen from the picture's size) to " << kMaxLineWidth
         << " pixels, got " << line_width;
    throw OptionError(text.str());
  }
  impl_ = std::make_unique<Impl>(Impl{line_width, {}, {}});
}

BoxPainter::BoxPainter(BoxPainter&&) noexcept = default;
BoxPainter& BoxPainter::operator=(BoxPainter&&) noexcept = default;
BoxPainter::~BoxPainter() = default;

Frame BoxPainter::draw(const Frame& frame, std::span<const LabelledBox> boxes) {
  FrameBuilder picture = vision::drawable_copy(frame);
  impl_->canvas.begin(picture.picture());
  vision::AnnotatePen pen(impl_->canvas, impl_->line_width);
  const auto color = [](const LabelledBox& box) {
    return box.id ? vision::color_of_id(*box.id) : vision::color_of_confidence(box.box.confidence);
  };
  for (const auto& box : boxes) pen.box(box.box, color(box));
  // Last, so that no line runs through a text.
  for (const auto& box : boxes) pen.label(box.box, box.label, color(box), impl_->labels);
  return std::move(picture).publish(frame.ops());
}

}  // namespace freshframe
