// The body of a native node's thread, which calls the runner's steps and the node.
// SPDX-License-Identifier: Apache-2.0
#include <exception>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/pipeline/runner/runner.hpp"
#include "platform/forced_unwind.hpp"

namespace freshframe::core {
namespace {

// Releases the sample, because a runner holds none while it waits.
void forget(AnySample& sample) noexcept {
  sample.value = {};
  sample.frame = {};
  sample.stamp.path.reset();
}

// Sends the results of a native call while it is running. Time spent waiting for downstream nodes does not
// count as work.
class Results final : public AnyOut {
 public:
  Results(Runner& runner, const AnySample& from) : runner_(runner), from_(from) {}
  Results(const Results&) = delete;
  Results& operator=(const Results&) = delete;
  ~Results() = default;

  bool emit(Emitted result) override {
    auto& outlet = runner_.outlet();
    auto sample = outlet.stamp_result(std::move(result), from_);
    const bool waits = outlet.would_wait();
    if (waits) runner_.meter().pause_work();
    outlet.send(std::move(sample));
    if (waits) runner_.meter().resume_work();
    return outlet.is_last() ? runner_.takes_last_results() : !runner_.life().stopping();
  }

 private:
  Runner& runner_;
  const AnySample& from_;
};

// Used on the node's thread only. The loops return whether finish() may be called.
class NativeLoop {
 public:
  explicit NativeLoop(Runner& runner)
      : runner_(runner),
        clock_(runner.place().context().clock),
        inbox_(runner.inbox()),
        outlet_(runner.outlet()),
        meter_(runner.meter()),
        place_(runner.place()) {}

  bool run() {
    const auto& facts = runner_.facts();
    return facts.is_source ? run_source() : facts.batch ? run_batches() : run_samples();
  }
  // Calls finish().
  void finish();

 private:
  bool run_samples();
  bool run_batches();
  bool run_source();
  bool process_one(const AnySample& sample);
  bool process_several(const AnySample& sample);
  bool process_batch(std::span<const AnySample> samples);
  // Returns nullopt if the source has ended or failed.
  std::optional<SourceItem<Emitted>> read_item(bool& failed);
  // Calls the node's on_tick(). `tick` has the stamp for its results.
  bool on_tick(const AnySample& tick);
  // Calls the node's code, then `end` even after an exception, which is reported for `where`. Returns whether
  // the node continues.
  template <class Code, class End>
  bool call_node(const FailedOn& where, const Code& code, const End& end) {
    try {
      expect_no_lock();
      code();
    } catch (const platform::ForcedUnwind&) {
      throw;
    } catch (...) {
      end();
      return fail_now(where);
    }
    end();
    return true;
  }
  // Reports the current exception.
  bool fail_now(const FailedOn& where = {}) {
    return runner_.fail(Caught::make(std::current_exception()), where);
  }
  [[nodiscard]] NodeBase& node() const noexcept { return place_.own_node(); }
  [[nodiscard]] const Context& context() const noexcept { return place_.context(); }

  Runner& runner_;
  const Clock& clock_;
  Inbox& inbox_;
  Outlet& outlet_;
  NodeMeter& meter_;
  NodePlace& place_;
};

bool NativeLoop::run_samples() {
  const bool gives_several = runner_.facts().gives_several;
  AnySample sample;
  for (;;) {
    const auto taken = runner_.take(sample);
    if (taken == Taken::Ended) return runner_.life().closed_cleanly();
    if (taken == Taken::News) return false;  // the current node runs outside
    const bool goes_on = taken == Taken::Nothing ? on_tick(sample)
                         : gives_several         ? process_several(sample)
                                                 : process_one(sample);
    if (!goes_on) return false;
    forget(sample);
  }
}

bool NativeLoop::run_batches() {
  std::vector<AnySample> samples;
  for (;;) {
    const auto taken = runner_.take_batch(samples);
    if (taken == Taken::Ended) return true;
    if (taken == Taken::News) return false;  // see run_samples()
    if (!(taken == Taken::Nothing ? on_tick(samples.front()) : process_batch(samples))) return false;
    samples.clear();  // hold no samples while waiting
  }
}

bool NativeLoop::process_batch(std::span<const AnySample> samples) {
  std::vector<std::optional<Emitted>> outputs;
  meter_.begin_call(samples.front(), inbox_.taken_at());
  try {
    expect_no_lock();
    outputs = node().process_batch_any(samples, context());
    if (outputs.size() != samples.size()) {
      throw Error("must return one result per sample, got " + std::to_string(outputs.size()) +
                  " for a batch of " + std::to_string(samples.size()));
    }
  } catch (const platform::ForcedUnwind&) {
    throw;
  } catch (...) {
    meter_.end_batch(samples);
    return fail_now({samples, true});
  }
  meter_.end_batch(samples);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (outputs[i]) outlet_.emit(*std::move(outputs[i]), samples[i]);
  }
  return true;
}

bool NativeLoop::process_one(const AnySample& sample) {
  std::optional<Emitted> output;
  const auto code = [&] { output = node().process_any(sample, context()); };
  meter_.begin_call(sample, inbox_.taken_at());
  if (!call_node(FailedOn::one(&sample), code, [&] { meter_.end_work(); })) return false;
  if (output)  // missing if the call threw an exception
    outlet_.emit(*std::move(output), sample);
  return true;
}

bool NativeLoop::process_several(const AnySample& sample) {
  meter_.begin_call(sample, inbox_.taken_at());
  Results results(runner_, sample);
  const auto code = [&] { node().process_out_any(sample, results, context()); };
  return call_node(FailedOn::one(&sample), code, [&] { meter_.end_work(); });
}

bool NativeLoop::run_source() {
  if (!runner_.wait_for_go()) return false;
  auto began = clock_.now();
  auto waited = waited_for_room();
  while (!runner_.life().stopping()) {
    if (runner_.take_successor()) began = clock_.now();
    bool failed = false;
    auto item = read_item(failed);
    if (!item && !failed && runner_.take_successor()) {
      began = clock_.now();
      continue;
    }
    if (!item) return !failed;
    const auto now = clock_.now();
    const bool has_frame = static_cast<bool>(item->value.frame);
    const bool go_on = runner_.publish(*std::move(item), now, waited);
    meter_.count_read(now - began, now);  // counted after sending, which is not part of the age
    if (!go_on) return true;
    // If sending did not wait, its duration is only that of a few clock readings.
    const auto waited_before = std::exchange(waited, waited_for_room());
    began = has_frame || waited != waited_before ? clock_.now() : now;
  }
  return true;
}

std::optional<SourceItem<Emitted>> NativeLoop::read_item(bool& failed) {
  auto& stream = runner_.stream();
  auto& source = *place_.own_source();
  try {
    expect_no_lock();
    auto item = source.read_any(context());
    if (item && stream.is_later() && stream.continue_with(*item, source.live()))
      place_.counters().source().count_size_change();
    if (item) stream.check_seq(*item);
    return item;
  } catch (const platform::ForcedUnwind&) {
    throw;
  } catch (...) {
    // The read was interrupted for the successor.
    if (place_.own_run().stop_requested() && place_.has_successor()) return std::nullopt;
    failed = true;
    fail_now();
    return std::nullopt;
  }
}

bool NativeLoop::on_tick(const AnySample& tick) {
  const auto now = clock_.now();
  meter_.begin_work(now);
  Results results(runner_, tick);
  const auto code = [&] { node().on_tick_any(now, results, context()); };
  return call_node(FailedOn::one(&tick), code, [&] { meter_.end_tick(); });
}

void NativeLoop::finish() {
  const auto last = runner_.begin_last();
  if (!last) return;
  meter_.begin_work();
  Results results(runner_, *last);
  const auto code = [&] { node().finish_any(results, context()); };
  (void)call_node(FailedOn::one(&*last), code, [&] { meter_.end_tick(); });
}

}  // namespace

bool run_inside(Runner& runner) {
  runner.intake().return_news(false);
  NativeLoop loop(runner);
  const bool may_finish = loop.run();
  runner.intake().return_news(true);
  if (runner.place().own_node().contract().runs_outside) return false;
  if (may_finish) loop.finish();
  return true;
}

void Runner::run() {
  adopt_thread();
  bool arrived = false;
  try {
    const bool opened = open_step();
    arrived = true;
    if (opened && begin_stream()) {
      NativeLoop loop(*this);
      const bool may_finish = loop.run();
      if (const auto successor = std::exchange(place_.hosting().handed_over, nullptr)) {
        place_.hosting().on_native_thread = false;
        host_.hand_over(*successor);  // a thread of the embedder continues immediately
        return;
      }
      if (may_finish) loop.finish();
    }
  } catch (const platform::ForcedUnwind&) {  // the node's code called pthread_exit()
    const Error error("ended its own thread");
    fail({std::make_exception_ptr(error), error.what()});
    if (!arrived) host_.arrive_opened(*this);
    close_step();
    throw;
  } catch (...) {  // thrown by the engine itself, e.g. out of memory: end the pipeline, not the program
    fail_outside_node(std::current_exception());
    if (!arrived) host_.arrive_opened(*this);
  }
  close_step();
}

}  // namespace freshframe::core
