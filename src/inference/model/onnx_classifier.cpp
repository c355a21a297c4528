// The node that classifies crops.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/classification.hpp"
#include "freshframe/error.hpp"
#include "freshframe/frame.hpp"
#include "freshframe/region.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <limits>
#include <map>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "inference/boxes/names.hpp"
#include "inference/model/inference_counters.hpp"
#include "inference/model/picture_input.hpp"
#include "vision/class_choice.hpp"
#include "vision/plausible_time.hpp"

namespace freshframe::inference {

// The classifier's result for a track.
struct Classified {
  std::string name;
  float confidence = std::numeric_limits<float>::quiet_NaN();
  double pts = std::numeric_limits<double>::quiet_NaN();  // timestamp of the image
};

/// A crop of a track, with its timestamp `pts`.
struct TrackCrop {
  std::int64_t id = 0;
  double pts = 0;
  Frame crop;
};

/// The tracks of one source. Not thread-safe.
class TrackCrops {
 public:
  using Copy = std::function<Frame()>;

  /// Returns true if the model should classify a view with this score. Then the view counts as classified.
  bool take(std::int64_t id, double score, double pts) {
    auto& track = tracks_[id];
    track.seen = pts;
    if (!is_wanted(track, score)) return false;
    count(track, score);
    return true;
  }
  /// Stores a copy of the view if take() would return true and it is the best that is not classified yet.
  void offer(std::int64_t id, double score, double pts, const Copy& copy) {
    auto& track = tracks_[id];
    track.seen = pts;
    if (!is_wanted(track, score) || score < kGrown * track.waiting) return;
    track.waiting = score;
    track.since = pts;
    track.crop = copy();
  }
  /// Views that have been the best for half a second. They count as classified.
  [[nodiscard]] std::vector<TrackCrop> due() {
    std::vector<TrackCrop> views;
    for (auto& [id, track] : tracks_) {
      if (track.waiting <= 0 || now_ - track.since < kPatience) continue;
      count(track, std::exchange(track.waiting, 0));
      views.push_back({id, track.since, std::exchange(track.crop, {})});
    }
    return views;
  }
  void keep(std::int64_t id, const Classified& classified) { tracks_[id].classified = classified; }
  /// The newest result of the track, or an empty one.
  [[nodiscard]] Classified find_track(std::int64_t id) const {
    const auto found = tracks_.find(id);
    return found == tracks_.end() ? Classified{} : found->second.classified;
  }
  /// Drops tracks not seen for a minute. If time goes backwards, drops all.
  void advance(double pts) {
    vision::check_time(pts);
    if (pts < now_) tracks_.clear();
    now_ = pts;
    std::erase_if(tracks_, [&](const auto& each) { return pts - each.second.seen > kKept; });
  }

 private:
  static constexpr int kMostClassified = 6;
  static constexpr double kBetter = 2;
  static constexpr double kGrown = 1.05;  // factor by which a score must grow; less is noise of the detector
  static constexpr double kPatience = 0.5;  // seconds
  static constexpr double kKept = 60;       // seconds

  struct Track {
    double best = 0;  // best score of the classified views
    int looks = 0;
    double seen = 0;
    Classified classified;
    // The best view that is not classified yet.
    double waiting = 0;  // its score; 0 if there is none
    double since = 0;
    Frame crop = {};
  };

  [[nodiscard]] static bool is_wanted(const Track& track, double score) {
    return score > 0 && track.looks < kMostClassified && (track.looks == 0 || score >= kBetter * track.best);
  }
  static void count(Track& track, double score) {
    track.best = score;
    ++track.looks;
  }

  double now_ = 0;
  std::map<std::int64_t, Track> tracks_;
};

}  // namespace freshframe::inference

namespace freshframe {

namespace {

using inference::Classified;

constexpr std::size_t kMostCrops = 32;  // crops per run
constexpr float kMostPadding = 10;
constexpr double kPartly = 0.25;  // factor for the score of a view that is cut off or covered
constexpr double kCovered = 0.2;  // covered fraction of a box's area
constexpr int kLeastSide = 2;     // minimum side of a crop in pixels
// Names of columns that every box has, or of fields of labels. "track" would create track_confidence.
constexpr std::array<std::string_view, 14> kOwnColumns = {
    "tracker_id",       "track", "class_id", "class_name", "confidence", "track_age", "velocity",
    "track_confidence", "dwell", "xyxy",     "data",       "names",      "mask",      "corners"};

bool has_axis(std::span<const std::int64_t> shape, std::size_t length) {
  return std::ranges::find(shape, static_cast<std::int64_t>(length)) != shape.end();
}

std::vector<std::string> class_names(const inference::Session& session,
                                     const std::vector<std::string>& given) {
  if (!given.empty()) return given;
  const auto told = session.metadata().find("names");
  if (told == session.metadata().end()) return {};
  return inference::parse_names(told->second).value_or(std::vector<std::string>{});
}

// The part of the image passed to the model.
std::optional<Region> choose_region(const Detection& box, float padding, const Frame& frame) {
  double left = box.x1;
  double top = box.y1;
  double right = box.x2;
  double bottom = box.y2;
  const double wide = padding * (right - left);
  const double high = padding * (bottom - top);
  left -= wide;
  right += wide;
  top -= high;
  bottom += high;
  if (!std::isfinite(left + top + right + bottom)) return std::nullopt;
  const auto within = [](double place, int end) {
    return static_cast<int>(std::clamp(place, 0.0, static_cast<double>(end)));
  };
  const Region region{within(std::floor(left), frame.width()), within(std::floor(top), frame.height()),
                      within(std::ceil(right), frame.width()), within(std::ceil(bottom), frame.height())};
  if (region.x1 - region.x0 < kLeastSide || region.y1 - region.y0 < kLeastSide) return std::nullopt;
  return region;
}

double compute_area(const Detection& box) {
  return std::max(0.0, double{box.x2} - box.x1) * std::max(0.0, double{box.y2} - box.y1);
}

// Returns true if another box, whose lower edge is lower, covers this one: such an object is nearer to the
// camera.
bool is_covered(std::span<const Detection> boxes, std::size_t index) {
  const auto& box = boxes[index];
  return std::ranges::any_of(boxes, [&](const Detection& other) {
    if (!(other.y2 > box.y2)) return false;
    const Detection both{.x1 = std::max(box.x1, other.x1),
                         .y1 = std::max(box.y1, other.y1),
                         .x2 = std::min(box.x2, other.x2),
                         .y2 = std::min(box.y2, other.y2)};
    return compute_area(both) > kCovered * compute_area(box);
  });
}

double compute_score(std::span<const Detection> boxes, std::size_t index, const Frame& frame) {
  const auto& box = boxes[index];
  const auto width = static_cast<float>(frame.width());
  const auto height = static_cast<float>(frame.height());
  const bool cut = box.x1 <= 1 || box.y1 <= 1 || box.x2 >= width - 1 || box.y2 >= height - 1;
  const double score = compute_area(box) * box.confidence * (cut || is_covered(boxes, index) ? kPartly : 1);
  return std::isfinite(score) ? score : 0;
}

// A copy in new memory, because a view would keep the whole frame alive. The model may need the conversions
// that the part has cached.
Frame copy_part(const Frame& part) {
  const Picture from = part.picture();
  FrameBuilder copy(from.format);
  if (!basic_pixel_ops().convert(from, copy.picture())) throw Error("cannot copy these planes");
  return std::move(copy).publish(part.ops());
}

// Index and value of the largest probability; nullopt for NaN.
std::optional<std::pair<std::size_t, float>> find_best(std::span<const float> outputs) {
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
  double exponentials = 0;  // stays 0 if the outputs are logits
  for (const float each : outputs) exponentials += std::exp(double{each} - *best);
  return std::pair(index, static_cast<float>(1 / exponentials));
}

}  // namespace

struct OnnxClassifier::Impl {
  Impl(const OnnxModel& model, const OnnxClassifierOptions& given)
      : session(model.session()),
        options(given),
        form(make_form(*session, given)),
        runner(session, form),
        counters(session->provider(), session->threads()),
        names(class_names(*session, given.names)) {
    auto run = inference::empty_run(*session, form);
    run.widen();
    const auto views = run.views(0);
    const auto count = views.size() == 1 ? views[0].floats.size() : 0;
    if (count < 2 || !has_axis(views[0].shape, count)) {
      throw OptionError("OnnxClassifier needs a file with one output of a number per class, but '" +
                        session->path() + "' has " + inference::to_text(session->outputs()));
    }
    if (!names.empty() && names.size() != count) {
      throw OptionError("'" + session->path() + "' has " + std::to_string(count) + " classes, but " +
                        (given.names.empty() ? "its metadata" : "names=") + " lists " +
                        std::to_string(names.size()) + ": pass names= with one name per class");
    }
  }

  static inference::InputForm make_form(const inference::Session& session,
                                        const OnnxClassifierOptions& given) {
    auto form = inference::picture_form(session, given.size);
    const auto task = session.metadata().find("task");
    const bool is_ultralytics = task != session.metadata().end() && task->second == "classify";
    // Ultralytics stretches images for inputs that are not square.
    const bool middle = given.center_crop.value_or(is_ultralytics && form.width == form.height);
    form.fit = middle ? inference::Fit::Cover : inference::Fit::Stretch;
    form.antialias = given.antialias.value_or(is_ultralytics);
    return form;
  }

  [[nodiscard]] bool is_wanted(const Detections& found, std::size_t index) const {
    const auto& wanted = options.classes;
    return wanted.empty() || std::ranges::find(wanted, vision::find_class_name(found, index)) != wanted.end();
  }

  // A box to classify, with its region of the frame.
  struct Crop {
    std::size_t row = 0;
    Region region;
  };
  [[nodiscard]] std::vector<Crop> make_crops(const Detections& found, const Frame& frame) const {
    for (const auto& name : options.classes)
      vision::check_class("OnnxClassifier cannot look at", name, found);
    std::vector<Crop> crops;
    for (std::size_t i = 0; i < found.boxes.size(); ++i) {
      if (!is_wanted(found, i)) continue;
      const auto region = choose_region(found.boxes[i], options.padding, frame);
      if (region) crops.push_back({i, *region});
    }
    return crops;
  }

  // The views of tracks to classify now.
  [[nodiscard]] std::vector<inference::TrackCrop> make_track_crops(const Detections& found,
                                                                   const Sample<Detections>& sample,
                                                                   inference::TrackCrops& views) const {
    const double pts = sample.stamp.pts;
    views.advance(pts);
    std::vector<inference::TrackCrop> now;
    for (const auto& [row, region] : make_crops(found, sample.frame)) {
      const auto crop = [&] { return view_part(sample.frame, region).frame; };
      const auto id = found.ids[row];
      const double score = compute_score(found.boxes, row, sample.frame);
      if (options.when == OnnxClassifierOptions::When::Best) {
        views.offer(id, score, pts, [&] { return copy_part(crop()); });
      } else if (views.take(id, score, pts)) {
        now.push_back({id, pts, crop()});
      }
    }
    std::ranges::move(views.due(), std::back_inserter(now));
    return now;
  }

  // Returns nullopt if stopped.
  std::optional<std::vector<Classified>> classify(std::span<const inference::GivenPicture> crops,
                                                  const Context& context) {
    const auto fixed = inference::count_pictures(*session);
    const auto most = fixed != 0 ? fixed : kMostCrops;
    std::vector<Classified> classified;
    for (std::size_t begin = 0; begin < crops.size(); begin += most) {
      const auto some = crops.subspan(begin, std::min(most, crops.size() - begin));
      auto run = runner.run(some, context);
      if (run.is_stopped()) return std::nullopt;
      run.widen();
      counters.add(run.seconds);
      for (std::size_t i = 0; i < some.size(); ++i) {
        // Classified, with no result.
        auto& result = classified.emplace_back(Classified{.name = {}, .confidence = 0});
        if (const auto best = find_best(run.views(i)[0].floats)) {
          result.name = best->first < names.size() ? names[best->first] : std::to_string(best->first);
          result.confidence = best->second;
        }
      }
    }
    return classified;
  }

  // One result per box; nullopt if stopped.
  std::optional<std::vector<Classified>> each(const Detections& found, const Frame& frame,
                                              const Context& context) {
    const auto crops = make_crops(found, frame);
    std::vector<inference::GivenPicture> pictures;
    for (const auto& crop : crops) pictures.push_back({&frame, crop.region});
    const auto classified = classify(pictures, context);
    if (!classified) return std::nullopt;
    std::vector<Classified> results(found.boxes.size());
    for (std::size_t i = 0; i < crops.size(); ++i) results[crops[i].row] = (*classified)[i];
    return results;
  }

  std::optional<std::vector<Classified>> by_track(const Detections& found, const Sample<Detections>& sample,
                                                  const Context& context) {
    auto& views = sources[sample.stamp.source];
    const auto now = make_track_crops(found, sample, views);
    std::vector<inference::GivenPicture> pictures;
    for (const auto& view : now) pictures.push_back({&view.crop});
    auto classified = classify(pictures, context);
    if (!classified) return std::nullopt;
    for (std::size_t i = 0; i < now.size(); ++i) {
      (*classified)[i].pts = now[i].pts;
      views.keep(now[i].id, (*classified)[i]);
    }
    std::vector<Classified> results;
    for (const auto id : found.ids) results.push_back(views.find_track(id));
    return results;
  }

  std::shared_ptr<const inference::Session> session;
  OnnxClassifierOptions options;
  inference::InputForm form;
  inference::PictureRunner runner;
  inference::InferenceCounters counters;
  std::vector<std::string> names;
  std::map<int, inference::TrackCrops> sources;
};

OnnxClassifier::OnnxClassifier(const OnnxModel& model, const OnnxClassifierOptions& options) {
  if (options.column.empty())
    throw OptionError("OnnxClassifier needs a name for its column: pass a non-empty string as column=");
  if (std::ranges::find(kOwnColumns, options.column) != kOwnColumns.end()) {
    throw OptionError("column='" + options.column +
                      "' is taken: Detections already has a column of this name. Choose another name");
  }
  if (!(options.padding >= 0 && options.padding <= kMostPadding))
    throw OptionError("padding must be 0 to 10 box sizes, got " + std::to_string(options.padding));
  impl_ = std::make_unique<Impl>(model, options);
}
OnnxClassifier::~OnnxClassifier() = default;

NodeReport OnnxClassifier::report(Span span) const {
  return {.inference = impl_->counters.read(span)};
}

void OnnxClassifier::source_gone(int source) {
  impl_->sources.erase(source);
}

std::optional<Detections> OnnxClassifier::process(const Sample<Detections>& sample, const Context& context) {
  const auto& found = sample.value;
  if (!sample.frame) throw Error("OnnxClassifier needs the frame of the boxes, but this sample has none");
  const bool by_track = impl_->options.when != OnnxClassifierOptions::When::Each;
  if (by_track && found.ids.size() != found.boxes.size())
    throw Error("OnnxClassifier with when='growing' or 'best' needs tracks: add a BoxTracker before it");
  auto classified =
      by_track ? impl_->by_track(found, sample, context) : impl_->each(found, sample.frame, context);
  if (!classified) return std::nullopt;
  std::vector<std::string> names;
  std::vector<float> confidences;
  std::vector<double> times;
  for (auto& each : *classified) {
    names.push_back(std::move(each.name));
    confidences.push_back(each.confidence);
    times.push_back(each.pts);
  }
  Detections result = found;
  if (!result.rows) {  // the object given by a Python node has changed
    result.rows.emplace(result.boxes.size());
    std::iota(result.rows->begin(), result.rows->end(), std::int64_t{0});
  }
  const auto put = [&](DataColumn column) {
    std::erase_if(result.data, [&](const DataColumn& each) { return each.name == column.name; });
    result.data.push_back(std::move(column));
  };
  put({impl_->options.column, std::move(names), {}});
  put({impl_->options.column + "_confidence", std::move(confidences), {}});
  if (by_track) put({impl_->options.column + "_pts", std::move(times), {}});
  return result;
}

}  // namespace freshframe
