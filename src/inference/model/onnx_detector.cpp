// The detector node. Reads the image planes directly, without a conversion to BGR.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/inference.hpp"
#include "freshframe/log.hpp"
#include "freshframe/mutex.hpp"

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <numeric>
#include <thread>
#include <utility>
#include <vector>

#include "inference/boxes/in_picture.hpp"
#include "inference/boxes/recognise.hpp"
#include "inference/model/inference_counters.hpp"
#include "inference/model/picture_input.hpp"
#include "platform/thread.hpp"
#include "vision/frame_sizes.hpp"

namespace freshframe::inference {

namespace {

/// Runs several images in parallel, with one thread per runner. The first one is the caller's thread. All
/// runners share one session, so the weights are in memory once. On a CPU this is faster than one tensor with
/// several images, because no operator waits for another image.
class PictureThreads {
 public:
  /// `runners` must be at least 1.
  PictureThreads(const std::shared_ptr<const Session>& session, const InputForm& form, std::size_t runners) {
    for (std::size_t i = 0; i < runners; ++i) {
      runners_.push_back(std::make_unique<PictureRunner>(session, form));
    }
    helpers_.reserve(runners);
    for (std::size_t i = 1; i < runners; ++i) {
      helpers_.emplace_back([this, &runner = *runners_[i]] { help(runner); });
    }
  }
  PictureThreads(const PictureThreads&) = delete;
  PictureThreads& operator=(const PictureThreads&) = delete;
  ~PictureThreads() {
    {
      const std::scoped_lock lock(mutex_);
      ending_ = true;
    }
    begun_.notify_all();
    for (auto& helper : helpers_) helper.join();
  }

  using Work = std::function<void(std::size_t index, PictureRunner& runner)>;
  /// Calls `work` once for each index below `count`, with each runner on its own thread. After all have
  /// finished, rethrows the exception with the lowest index. Only one caller at a time.
  void run(std::size_t count, const Work& work) {
    std::unique_lock lock(mutex_);
    batch_ = Batch();
    batch_.work = &work;
    batch_.count = count;
    if (count > 1) begun_.notify_all();
    work_off(first(), lock);
    done_.wait(lock, [&] { return batch_.working == 0; });
    if (batch_.failure) std::rethrow_exception(std::exchange(batch_.failure, nullptr));
  }

  [[nodiscard]] PictureRunner& first() noexcept { return *runners_.front(); }

 private:
  struct Batch {
    const Work* work = nullptr;
    std::size_t count = 0;
    std::size_t next = 0;     // next index to process
    std::size_t working = 0;  // threads that are inside a call
    std::size_t failed_at = 0;
    std::exception_ptr failure;
  };

  void help(PictureRunner& runner) {
    platform::name_thread("ff picture");
    std::unique_lock lock(mutex_);
    while (true) {
      begun_.wait(lock, [&] { return ending_ || batch_.next < batch_.count; });
      if (ending_) return;
      work_off(runner, lock);
    }
  }
  void work_off(PictureRunner& runner, std::unique_lock<std::mutex>& lock) {
    while (batch_.next < batch_.count) {
      const auto index = batch_.next++;
      ++batch_.working;
      std::exception_ptr failure;
      lock.unlock();
      try {
        (*batch_.work)(index, runner);
      } catch (...) {
        failure = std::current_exception();
      }
      lock.lock();
      --batch_.working;
      if (!failure || (batch_.failure && batch_.failed_at < index)) continue;
      batch_.failure = failure;
      batch_.failed_at = index;
    }
    if (batch_.working == 0) done_.notify_one();
  }

  std::vector<std::unique_ptr<PictureRunner>> runners_;
  std::mutex mutex_;
  std::condition_variable begun_;  // wakes helpers: work to do, or shutdown
  std::condition_variable done_;   // wakes the caller: all threads are finished
  Batch batch_;                    // guarded by mutex_, like `ending_`
  bool ending_ = false;
  std::vector<std::thread> helpers_;
};

}  // namespace

}  // namespace freshframe::inference

namespace freshframe {

using inference::InputForm;
using inference::Recognised;

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

std::vector<bool> choose_classes(const std::vector<std::string>& wanted, const Recognised& how,
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
        files(session->files()),
        threads(session->threads()),
        fixed(inference::count_pictures(*session)),
        counters(session->provider(), threads),
        picture_threads(std::make_unique<inference::PictureThreads>(session, form, 1)) {}

  using Results = std::vector<std::optional<Detections>>;
  using Samples = std::span<const Sample<Frame>>;

  // Parallel runs that each split their operators among threads would wait for each other, so each run of a
  // batch uses a single thread. The first session is kept until the second is ready, or for good if the file
  // has changed since it was loaded.
  void prepare() {
    if (std::exchange(prepared, true) || threads == 1 || tensors || session->provider() != "cpu") return;
    try {
      auto next = files.are_unchanged() ? std::make_shared<const inference::Session>(*session, 1) : nullptr;
      if (next && files.are_unchanged()) {
        auto pool =
            std::make_unique<inference::PictureThreads>(next, form, static_cast<std::size_t>(threads));
        session = std::move(next);
        picture_threads = std::move(pool);
        return;
      }
      warn_about_batches("its file was changed or removed");
    } catch (const std::exception& error) {
      warn_about_batches(error.what());
    }
  }
  void warn_about_batches(const std::string& why) const {
    log(LogLevel::Warning, "'" + session->path() +
                               "' cannot be loaded a second time for batches, so it runs one "
                               "image after the other: " +
                               why);
  }

  // The boxes of one image of a run.
  [[nodiscard]] Detections boxes(const inference::PictureRun& run, std::size_t index) const {
    Detections found;
    auto decoded = inference::decoded_in_picture(how, run.views(index), run.places[index], options());
    found.boxes = std::move(decoded.boxes);
    found.data = std::move(decoded.columns);
    found.names = names;
    return found;
  }

  // Decodes a run with blank images, so that invalid outputs are reported when the file is loaded, not at the
  // first image.
  void try_out(const inference::PictureRun& run) const {
    try {
      static_cast<void>(inference::decoded_in_picture(how, run.views(0), run.places[0], options()));
    } catch (const Error& error) {
      throw OptionError("cannot detect with '" + session->path() + "': " + error.what());
    }
  }

  // One run per image, in parallel on all runners.
  [[nodiscard]] Results one_by_one(Samples samples, const Context& context) {
    Results results(samples.size());
    picture_threads->run(samples.size(), [&](std::size_t i, inference::PictureRunner& runner) {
      auto run = runner.run({&samples[i].value, roi}, context);
      if (run.is_stopped()) return;
      run.widen();
      counters.add(run.seconds);
      results[i] = boxes(run, 0);
    });
    return results;
  }

  // Runs of several images. GPU and CPU images are not mixed in one run, because the GPU images would be
  // copied to the host.
  [[nodiscard]] Results together(Samples samples, const Context& context) {
    auto& runner = picture_threads->first();
    Results results(samples.size());
    std::vector<std::size_t> order(samples.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    const auto others = std::ranges::stable_partition(
        order, [&](std::size_t i) { return runner.reads_on_card({&samples[i].value, roi}); });
    const auto on_card = order.size() - others.size();
    const auto most = fixed != 0 ? fixed : samples.size();
    for (std::size_t begin = 0; begin < order.size();) {
      const auto end = std::min(begin + most, begin < on_card ? on_card : order.size());
      std::vector<inference::GivenPicture> given;
      for (std::size_t i = begin; i < end; ++i) given.push_back({&samples[order[i]].value, roi});
      auto run = runner.run(given, context);
      if (run.is_stopped()) return results;
      run.widen();
      counters.add(run.seconds);
      for (std::size_t i = begin; i < end; ++i) results[order[i]] = boxes(run, i - begin);
      begin = end;
    }
    return results;
  }

  std::shared_ptr<const inference::Session> session;
  InputForm form;
  inference::ModelFiles files;
  int threads;
  Recognised how;
  // Returns a copy, because another thread may change the options. Copying them for each image is cheap: some
  // bytes, and one bit per class.
  [[nodiscard]] inference::DecodeOptions options() const {
    const Lock lock(mutex);
    return decoding;
  }

  mutable Mutex mutex;
  inference::DecodeOptions decoding FRESHFRAME_GUARDED_BY(mutex);
  std::optional<Region> roi;
  vision::FrameSizes sizes;  // for roi
  ClassNames names;
  std::size_t fixed;  // batch size fixed by the file; 0 for any
  inference::InferenceCounters counters;
  bool tensors = false;
  bool prepared = false;
  std::unique_ptr<inference::PictureThreads> picture_threads;
};

OnnxDetector::OnnxDetector(const OnnxModel& model, const OnnxDetectorOptions& options) {
  check_share("min_confidence", options.min_confidence);
  check_share("max_iou", options.max_iou);
  if (options.roi) check_region(*options.roi);
  const auto& session = model.session();
  auto form = inference::picture_form(*session, options.size);
  auto empty = inference::empty_run(*session, form);
  empty.widen();
  auto facts = inference::collect_facts(*session, form, empty);
  if (!options.layout.empty()) facts.layout = inference::parse_layout(options.layout);
  if (!options.names.empty()) facts.names = options.names;
  const auto how = inference::recognise(facts);
  inference::apply_to(form, how.layout);
  impl_ = std::make_unique<Impl>(session, form);
  impl_->how = how;
  impl_->roi = options.roi;
  {
    const Lock lock(impl_->mutex);
    impl_->decoding = {.confidence = options.min_confidence,
                       .iou = options.max_iou,
                       .agnostic = options.agnostic_nms,
                       .wanted = choose_classes(options.classes, how, session->path())};
  }
  if (!how.names.empty()) impl_->names = std::make_shared<const std::vector<std::string>>(how.names);
  impl_->try_out(empty);
  const bool pays = options.tensor_batches.value_or(session->provider() != "cpu");
  impl_->tensors = impl_->fixed > 1 || (impl_->fixed == 0 && pays);
  if (!impl_->tensors && impl_->threads > 1) impl_->files.add_weights();
}

OnnxDetector::~OnnxDetector() = default;

void OnnxDetector::set_min_confidence(float confidence) {
  check_share("min_confidence", confidence);
  const Lock lock(impl_->mutex);
  impl_->decoding.confidence = confidence;
}

void OnnxDetector::set_classes(const std::vector<std::string>& classes) {
  auto wanted = choose_classes(classes, impl_->how, impl_->session->path());
  const Lock lock(impl_->mutex);
  impl_->decoding.wanted = std::move(wanted);
}

Detections OnnxDetector::detect(const Frame& frame) {
  const auto clock = Clock::real();
  NodeCounters counters;
  const Context context{std::stop_token(), *clock, counters};
  const Sample<Frame> sample({{0, 0, clock->now(), 0}, frame, {}});
  auto found = impl_->one_by_one(std::span(&sample, 1), context);
  return std::move(found.front()).value();
}

std::vector<std::optional<Detections>> OnnxDetector::process_batch(std::span<const Sample<Frame>> samples,
                                                                   const Context& context) {
  if (samples.size() > 1) impl_->prepare();
  if (impl_->roi) {
    for (const auto& sample : samples) vision::see_roi(impl_->sizes, sample, context);
  }
  return impl_->tensors ? impl_->together(samples, context) : impl_->one_by_one(samples, context);
}

void OnnxDetector::prepare_batches() {
  impl_->prepare();
}

void OnnxDetector::source_gone(int source) {
  impl_->sizes.forget(source);
}

NodeReport OnnxDetector::report(Span span) const {
  return {.inference = impl_->counters.read(span)};
}

void OnnxDetector::close() {
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
