// The node that classifies crops.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/classification.hpp"
#include "freshframe/error.hpp"
#include "freshframe/region.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <numeric>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "inference/boxes/layout.hpp"
#include "inference/model/inference_counters.hpp"
#include "inference/model/picture_input.hpp"
#include "inference/model/views.hpp"
#include "vision/class_choice.hpp"

namespace freshframe {
namespace {

using inference::Looked;

constexpr std::size_t kMostCrops = 32;  // of a run
constexpr float kMostMargin = 10;
constexpr double kCutOff = 0.25;  // of the score of a view that the picture's edge cuts off
constexpr int kLeastSide = 2;     // pixels of a crop
// Of every box, or fields of labels. "track" would give track_confidence.
constexpr std::array<std::string_view, 16> kOwnColumns = {
    "id",       "tracker_id",       "track", "class", "class_id", "class_name", "confidence", "age",
    "velocity", "track_confidence", "dwell", "xyxy",  "data",     "names",      "mask",       "corners"};

std::vector<std::string> class_names(const inference::Session& session,
                                     const std::vector<std::string>& given) {
  if (!given.empty()) return given;
  const auto told = session.metadata().find("names");
  if (told == session.metadata().end()) return {};
  return inference::parse_names(told->second).value_or(std::vector<std::string>{});
}

// The part of the picture that the model looks at.
std::optional<Region> region_of(const Detection& box, float margin, bool middle, const Frame& frame) {
  double left = box.x1;
  double top = box.y1;
  double right = box.x2;
  double bottom = box.y2;
  const double wide = margin * (right - left);
  const double high = margin * (bottom - top);
  left -= wide;
  right += wide;
  top -= high;
  bottom += high;
  if (middle) {
    const double side = std::min(right - left, bottom - top);
    left = (left + right - side) / 2;
    top = (top + bottom - side) / 2;
    right = left + side;
    bottom = top + side;
  }
  if (!std::isfinite(left + top + right + bottom)) return std::nullopt;
  const auto within = [](double place, int end) {
    return static_cast<int>(std::clamp(place, 0.0, static_cast<double>(end)));
  };
  const Region region{within(std::floor(left), frame.width()), within(std::floor(top), frame.height()),
                      within(std::ceil(right), frame.width()), within(std::ceil(bottom), frame.height())};
  if (region.x1 - region.x0 < kLeastSide || region.y1 - region.y0 < kLeastSide) return std::nullopt;
  return region;
}

double score_of(const Detection& box, const Frame& frame) {
  const double area = std::max(0.0, double{box.x2} - box.x1) * std::max(0.0, double{box.y2} - box.y1);
  const auto width = static_cast<float>(frame.width());
  const auto height = static_cast<float>(frame.height());
  const bool cut = box.x1 <= 1 || box.y1 <= 1 || box.x2 >= width - 1 || box.y2 >= height - 1;
  const double score = area * box.confidence * (cut ? kCutOff : 1);
  return std::isfinite(score) ? score : 0;
}

// The index of the largest probability, and it; nullopt: the model gave NaN.
std::optional<std::pair<std::size_t, float>> best_of(std::span<const float> outputs) {
  const auto best = std::ranges::max_element(outputs);
  const auto index = static_cast<std::size_t>(best - outputs.begin());
  if (std::ranges::any_of(outputs, [](float each) { return std::isnan(each); })) return std::nullopt;
  double sum = 0;
  bool are_shares = true;
  for (const float each : outputs) {
    sum += each;
    are_shares = are_shares && each >= 0;
  }
  constexpr double kRounding = 1e-2;
  if (are_shares && std::abs(sum - 1) < kRounding) return std::pair(index, *best);
  double exponentials = 0;  // else these are logits
  for (const float each : outputs) exponentials += std::exp(double{each} - *best);
  return std::pair(index, static_cast<float>(1 / exponentials));
}

}  // namespace

struct OnnxClassifier::Impl {
  Impl(const OnnxModel& model, const OnnxClassifierOptions& given)
      : session(model.session()),
        options(given),
        form(form_of(*session, given)),
        runner(session, form),
        counters(session->provider(), session->threads()),
        names(class_names(*session, given.names)) {
    const auto task = session->metadata().find("task");
    middle = given.middle.value_or(task != session->metadata().end() && task->second == "classify");
    auto run = inference::empty_run(*session, form);
    run.widen();
    const auto views = run.views(0);
    const auto count = views.size() == 1 ? views[0].floats.size() : 0;
    if (count < 2 || (!names.empty() && names.size() != count)) {
      throw OptionError("OnnxClassifier needs a file with one output of a number per class, but '" +
                        session->path() + "' has " + inference::to_text(session->outputs()) +
                        (names.empty() ? "" : " and " + std::to_string(names.size()) + " names"));
    }
  }

  static inference::InputForm form_of(const inference::Session& session, const OnnxClassifierOptions& given) {
    auto form = inference::picture_form(session, given.size);
    form.stretch = true;
    return form;
  }

  [[nodiscard]] bool is_wanted(const Detections& found, std::size_t index) const {
    const auto& wanted = options.crops.classes;
    return wanted.empty() || std::ranges::find(wanted, vision::class_of_box(found, index)) != wanted.end();
  }

  // The rows to look at, with their parts of the frame.
  struct Crop {
    std::size_t row = 0;
    FramePart part;
  };
  [[nodiscard]] std::vector<Crop> crops_of(const Detections& found, const Frame& frame, const Stamp& stamp) {
    const bool growing = options.crops.looks == CropOptions::Looks::Growing;
    for (const auto& name : options.crops.classes)
      vision::check_class("OnnxClassifier is to look at", name, found);
    auto& views = sources[stamp.source];
    views.advance(stamp.pts);
    std::vector<Crop> crops;
    for (std::size_t i = 0; i < found.boxes.size(); ++i) {
      if (!is_wanted(found, i)) continue;
      const auto region = region_of(found.boxes[i], options.crops.margin, middle, frame);
      if (!region) continue;
      if (growing && !views.take(found.ids[i], score_of(found.boxes[i], frame), stamp.pts)) continue;
      crops.push_back({i, part_of(frame, *region)});
    }
    return crops;
  }

  // False: it was stopped.
  bool classify(std::span<const Crop> crops, const Context& context, std::vector<Looked>& looked) {
    const auto fixed = inference::pictures_of(*session);
    const auto most = fixed != 0 ? fixed : kMostCrops;
    for (std::size_t begin = 0; begin < crops.size(); begin += most) {
      const auto some = crops.subspan(begin, std::min(most, crops.size() - begin));
      std::vector<const Frame*> frames;
      for (const auto& crop : some) frames.push_back(&crop.part.frame);
      auto run = runner.run(frames, context);
      if (run.stopped()) return false;
      run.widen();
      counters.add(run.seconds);
      for (std::size_t i = 0; i < some.size(); ++i) {
        auto& result = looked[some[i].row];
        result = {.name = {}, .confidence = 0};  // looked at, and nothing seen
        if (const auto best = best_of(run.views(i)[0].floats))
          result = {best->first < names.size() ? names[best->first] : std::to_string(best->first),
                    best->second};
      }
    }
    return true;
  }

  std::shared_ptr<const inference::Session> session;
  OnnxClassifierOptions options;
  inference::InputForm form;
  inference::PictureRunner runner;
  inference::InferenceCounters counters;
  std::vector<std::string> names;
  bool middle = false;
  std::map<int, inference::Views> sources;
};

OnnxClassifier::OnnxClassifier(const OnnxModel& model, const OnnxClassifierOptions& options) {
  if (options.column.empty()) throw OptionError("OnnxClassifier needs a name for its column");
  if (std::ranges::find(kOwnColumns, options.column) != kOwnColumns.end()) {
    throw OptionError("OnnxClassifier needs another name for its column than '" + options.column +
                      "', which boxes have already");
  }
  if (!(options.crops.margin >= 0 && options.crops.margin <= kMostMargin))
    throw OptionError("margin must be 0 to 10 box sizes, got " + std::to_string(options.crops.margin));
  impl_ = std::make_unique<Impl>(model, options);
}
OnnxClassifier::~OnnxClassifier() = default;

std::optional<InferenceStats> OnnxClassifier::inference(Span span) const {
  return impl_->counters.read(span);
}

void OnnxClassifier::source_gone(int source) {
  impl_->sources.erase(source);
}

std::optional<Detections> OnnxClassifier::process(const Sample<Detections>& sample, const Context& context) {
  const auto& found = sample.value;
  if (!sample.frame) throw Error("OnnxClassifier needs the frame of the boxes, but this sample carries none");
  const bool growing = impl_->options.crops.looks == CropOptions::Looks::Growing;
  if (growing && found.ids.size() != found.boxes.size())
    throw Error("OnnxClassifier with looks='growing' needs tracks: add a BoxTracker before it");
  const auto crops = impl_->crops_of(found, sample.frame, sample.stamp);
  std::vector<Looked> looked(found.boxes.size());
  if (!impl_->classify(crops, context, looked)) return std::nullopt;
  if (growing) {
    auto& views = impl_->sources[sample.stamp.source];
    for (const auto& crop : crops) views.keep(found.ids[crop.row], looked[crop.row]);
    for (std::size_t i = 0; i < looked.size(); ++i) looked[i] = views.of(found.ids[i]);
  }
  std::vector<std::string> names;
  std::vector<float> confidences;
  for (auto& each : looked) {
    names.push_back(std::move(each.name));
    confidences.push_back(each.confidence);
  }
  Detections result = found;
  if (!result.rows) {  // no longer the object that a Python node gave
    result.rows.emplace(result.boxes.size());
    std::iota(result.rows->begin(), result.rows->end(), std::int64_t{0});
  }
  const auto put = [&](DataColumn column) {
    std::erase_if(result.data, [&](const DataColumn& each) { return each.name == column.name; });
    result.data.push_back(std::move(column));
  };
  put({impl_->options.column, std::move(names), {}});
  put({impl_->options.column + "_confidence", std::move(confidences), {}});
  return result;
}

}  // namespace freshframe
