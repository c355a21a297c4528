// The detector node: from planes to boxes without a copy through BGR.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/inference.hpp"
#include "freshframe/mutex.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "inference/model/inference_counters.hpp"
#include "inference/model/picture_input.hpp"
#include "inference/model/picture_threads.hpp"

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
                      "' does not contain: pass names= as well, one for each class");
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
      throw OptionError("'" + path + "' has no class '" + name + "'; its classes are " +
                        shortened(how.names));
    }
  }
  return mask;
}

}  // namespace

struct OnnxDetector::Impl {
  Impl(std::shared_ptr<const inference::Session> from, const InputForm& given)
      : session(std::move(from)),
        form(given),
        origin(session->origin()),
        threads(session->threads()),
        fixed(inference::pictures_of(*session)),
        counters(origin.provider, threads),
        picture_threads(std::make_unique<inference::PictureThreads>(session, form, 1)) {}

  using Results = std::vector<std::optional<Detections>>;
  using Samples = std::span<const Sample<Frame>>;

  // For the first batch of several. Runs that divide their operators among threads would wait for each other,
  // so these have a thread each. The first session is released before the second is made: the weights are
  // never in memory twice.
  void prepare() {
    if (prepared) return;
    if (threads > 1 && !tensors && origin.provider == "cpu") {
      picture_threads.reset();
      session.reset();
      session = std::make_shared<const inference::Session>(origin, 1);
      picture_threads =
          std::make_unique<inference::PictureThreads>(session, form, static_cast<std::size_t>(threads));
    }
    prepared = true;
  }

  // What the network gets of a picture.
  [[nodiscard]] FramePart part(const Frame& frame) const {
    return roi ? part_of(frame, *roi) : FramePart{frame};
  }

  // The boxes of one picture of a run.
  [[nodiscard]] Detections boxes(const inference::PictureRun& run, std::size_t index, const FramePart& of,
                                 const Frame& whole) const {
    Detections found;
    auto place = inference::PicturePlace::whole(form, run.placements[index]);
    place.left = of.x;
    place.top = of.y;
    place.frame_width = whole.width();
    place.frame_height = whole.height();
    auto decoded = inference::decoded_in_picture(how, run.views(index), place, options());
    found.boxes = std::move(decoded.boxes);
    found.data = std::move(decoded.columns);
    found.names = names;
    return found;
  }

  // The boxes of a run that had empty pictures: a fault of the outputs is an error of the file now, not of
  // the first picture.
  void try_out(const inference::PictureRun& run) const {
    try {
      static_cast<void>(inference::boxes_in_picture(how, run.views(0), form, run.placements[0], options()));
    } catch (const Error& error) {
      throw OptionError("cannot detect with '" + session->path() + "': " + error.what());
    }
  }

  // A run for each picture, as many at once as there are runners.
  [[nodiscard]] Results one_by_one(Samples samples, const Context& context) {
    Results results(samples.size());
    picture_threads->run(samples.size(), [&](std::size_t i, inference::PictureRunner& runner) {
      const auto given = part(samples[i].value);
      auto run = runner.run(given.frame, context);
      if (run.stopped()) return;
      run.widen();
      counters.add(run.seconds);
      results[i] = boxes(run, 0, given, samples[i].value);
    });
    return results;
  }

  // Runs of several pictures.
  [[nodiscard]] Results together(Samples samples, const Context& context) {
    Results results(samples.size());
    const auto most = fixed != 0 ? fixed : samples.size();
    for (std::size_t begin = 0; begin < samples.size(); begin += most) {
      std::vector<FramePart> parts;
      for (const auto& sample : samples.subspan(begin, std::min(most, samples.size() - begin))) {
        parts.push_back(part(sample.value));
      }
      std::vector<const Frame*> frames;
      for (const auto& given : parts) frames.push_back(&given.frame);
      auto run = picture_threads->first().run(frames, context);
      if (run.stopped()) return results;
      run.widen();
      counters.add(run.seconds);
      for (std::size_t i = 0; i < frames.size(); ++i)
        results[begin + i] = boxes(run, i, parts[i], samples[begin + i].value);
    }
    return results;
  }

  std::shared_ptr<const inference::Session> session;
  InputForm form;
  inference::Session::Origin origin;
  int threads;
  Recognised how;
  // Copied for each picture, some bytes and a bit per class.
  [[nodiscard]] inference::DecodeOptions options() const {
    const Lock lock(mutex);
    return decoding;
  }

  mutable Mutex mutex;
  inference::DecodeOptions decoding FRESHFRAME_GUARDED_BY(mutex);
  std::optional<Region> roi;
  ClassNames names;
  std::size_t fixed;  // pictures that the file takes in a run; 0: any number
  inference::InferenceCounters counters;
  bool tensors = false;
  bool prepared = false;
  std::unique_ptr<inference::PictureThreads> picture_threads;
};

OnnxDetector::OnnxDetector(const OnnxModel& model, const OnnxDetectorOptions& options) {
  check_share("confidence", options.confidence);
  check_share("iou", options.iou);
  if (options.roi) check_region(*options.roi);
  const auto& session = model.session();
  auto form = inference::picture_form(*session, options.size);
  auto empty = inference::empty_run(*session, form);
  empty.widen();
  auto facts = inference::facts_of(*session, form, empty);
  if (!options.layout.empty()) facts.layout = inference::layout_of(options.layout);
  if (!options.names.empty()) facts.names = options.names;
  const auto how = inference::recognise(facts);
  inference::apply_to(form, how.layout);
  impl_ = std::make_unique<Impl>(session, form);
  impl_->how = how;
  impl_->roi = options.roi;
  {
    const Lock lock(impl_->mutex);
    impl_->decoding = {.confidence = options.confidence,
                       .iou = options.iou,
                       .wanted = mask_of(options.classes, how, session->path())};
  }
  if (!how.names.empty()) impl_->names = std::make_shared<const std::vector<std::string>>(how.names);
  impl_->try_out(empty);
  const bool pays = options.tensor_batches.value_or(session->provider() != "cpu");
  impl_->tensors = impl_->fixed > 1 || (impl_->fixed == 0 && pays);
}

OnnxDetector::~OnnxDetector() = default;

void OnnxDetector::set_confidence(float confidence) {
  check_share("confidence", confidence);
  const Lock lock(impl_->mutex);
  impl_->decoding.confidence = confidence;
}

void OnnxDetector::set_classes(const std::vector<std::string>& classes) {
  auto wanted = mask_of(classes, impl_->how, impl_->origin.path);
  const Lock lock(impl_->mutex);
  impl_->decoding.wanted = std::move(wanted);
}

std::vector<std::optional<Detections>> OnnxDetector::process_batch(std::span<const Sample<Frame>> samples,
                                                                   const Context& context) {
  if (samples.size() > 1 || !impl_->picture_threads) impl_->prepare();
  return impl_->tensors ? impl_->together(samples, context) : impl_->one_by_one(samples, context);
}

std::optional<InferenceStats> OnnxDetector::inference(Span span) const {
  return impl_->counters.read(span);
}

void OnnxDetector::close() {
  if (!impl_->picture_threads) return;  // prepare() has failed
  impl_->picture_threads = std::make_unique<inference::PictureThreads>(impl_->session, impl_->form, 1);
}

OnnxDetector::Description OnnxDetector::description() const {
  return {std::string(to_string(impl_->how.layout)),
          impl_->how.why,
          impl_->how.names,
          impl_->how.classes,
          impl_->form.width,
          impl_->form.height,
          static_cast<int>(impl_->fixed)};
}

}  // namespace freshframe
