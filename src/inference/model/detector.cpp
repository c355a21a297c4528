// The detector node: from planes to boxes without a copy through BGR.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/inference.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "inference/model/picture_input.hpp"

namespace freshframe {

using inference::InputForm;
using inference::Recognised;

OnnxModel::OnnxModel(const std::string& path, const OnnxOptions& options)
    : session_(std::make_shared<const inference::Session>(
          options.library, path,
          inference::SessionOptions{.threads = options.threads, .provider = options.provider})) {}

const std::string& OnnxModel::provider() const noexcept {
  return session_->provider();
}

namespace {

void check_share(const char* what, float value) {
  if (value >= 0 && value <= 1) return;
  throw OptionError(std::string(what) + " must be 0 to 1, got " + std::to_string(value));
}

std::string shortened(const std::vector<std::string>& names) {
  constexpr std::size_t kMostShown = 12;
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kMostShown); ++i) text += (i > 0 ? ", " : "") + names[i];
  if (names.size() > kMostShown) text += ", ... (" + std::to_string(names.size()) + ")";
  return text;
}

std::vector<bool> mask_of(const std::vector<std::string>& wanted, const Recognised& how,
                          const std::string& path) {
  std::vector<bool> mask;
  if (wanted.empty()) return mask;
  if (how.names.empty()) {
    throw OptionError("classes= needs the names of the classes, which '" + path +
                      "' does not tell: pass names= as well, one for each class");
  }
  mask.assign(how.names.size(), false);
  for (const auto& name : wanted) {
    bool is_known = false;
    for (std::size_t i = 0; i < how.names.size(); ++i) {
      if (how.names[i] != name) continue;
      mask[i] = true;
      is_known = true;
    }
    if (!is_known) {
      throw OptionError("'" + path + "' knows no class '" + name + "'; it knows " + shortened(how.names));
    }
  }
  return mask;
}

}  // namespace

struct OnnxDetector::Impl {
  Impl(std::shared_ptr<const inference::Session> from, const InputForm& form)
      : session(std::move(from)), runner(session, form) {}

  std::shared_ptr<const inference::Session> session;
  inference::PictureRunner runner;
  Recognised how;
  inference::DecodeOptions decoding;
  ClassNames names;
};

OnnxDetector::OnnxDetector(const OnnxModel& model, const OnnxDetectorOptions& options) {
  check_share("confidence", options.confidence);
  check_share("iou", options.iou);
  const auto& session = model.session();
  auto form = inference::picture_form(*session, options.size);
  auto facts = inference::facts_of(*session, form);
  if (!options.layout.empty()) facts.layout = inference::layout_of(options.layout);
  if (!options.names.empty()) facts.names = options.names;
  const auto how = inference::recognise(facts);
  inference::apply_to(form, how.layout);
  impl_ = std::make_unique<Impl>(session, form);
  impl_->how = how;
  impl_->decoding = {.confidence = options.confidence,
                     .iou = options.iou,
                     .wanted = mask_of(options.classes, how, session->path())};
  if (!how.names.empty()) impl_->names = std::make_shared<const std::vector<std::string>>(how.names);
}

OnnxDetector::~OnnxDetector() = default;

std::optional<Detections> OnnxDetector::process(const Sample<Frame>& sample, const Context& context) {
  auto& self = *impl_;
  const auto [outputs, placement] = self.runner.run(sample.value, context.stop);
  if (outputs.empty()) return std::nullopt;  // stopped
  Detections found;
  found.boxes = inference::boxes_in_picture(self.how, inference::views_of(outputs), self.runner.form(),
                                            placement, self.decoding);
  found.names = self.names;
  return found;
}

OnnxDetector::Description OnnxDetector::description() const {
  const auto& form = impl_->runner.form();
  return {std::string(to_string(impl_->how.layout)),
          impl_->how.why,
          impl_->how.names,
          impl_->how.classes,
          form.width,
          form.height};
}

}  // namespace freshframe
