// Nodes of several results, with a clock or with last results: what a runner does besides one result per sample.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/log.hpp"

#include <utility>

#include "core/drain_time.hpp"
#include "core/pipeline/own_counter.hpp"
#include "core/pipeline/pipeline_core.hpp"
#include "core/pipeline/runner/runner.hpp"
#include "core/unit_text.hpp"
#include <cxxabi.h>

namespace freshframe::core {

// A call's wait for its children is no work.
class Runner::Results final : public AnyOut {
 public:
  Results(Runner& runner, const AnySample& from) : runner_(runner), from_(from) {}
  Results(const Results&) = delete;
  Results& operator=(const Results&) = delete;
  ~Results() = default;

  bool emit(Emitted result) override {
    auto sample = runner_.outlet_.stamped(std::move(result), from_);
    const bool waits = runner_.outlet_.would_wait();
    if (waits) runner_.pause_work();
    runner_.outlet_.send(std::move(sample));
    if (waits) runner_.resume_work();
    return runner_.outlet_.is_last() ? runner_.takes_last_results() : !runner_.stopping();
  }

 private:
  Runner& runner_;
  const AnySample& from_;
};

bool Runner::begin_stream() {
  if (!has_own_stream_) return true;
  const auto start = core_.wait_for_start(*this);
  if (!start) return false;
  start_ = *start;
  if (wake_every_) ticks_.emplace(start_, to_duration(*wake_every_));
  if (ticks_ && late_) (void)ticks_->take(core_.clock()->now());  // those before it was added are not missed
  return true;
}

bool Runner::process_several(const AnySample& sample) {
  begin_call(sample, inbox_->taken_at());
  Results results(*this, sample);
  try {
    expect_no_lock();
    node_->process_out_any(sample, results, context());
  } catch (const abi::__forced_unwind&) {
    throw;
  } catch (...) {
    end_work();
    return fail_now(&sample);
  }
  end_work();
  return true;
}

TimePoint Runner::next_wake() const {
  return ticks_ && !stopping() ? ticks_->next() : TimePoint::max();
}

bool Runner::take_tick(AnySample& sample) {
  if (!ticks_ || stopping()) return false;
  const auto tick = ticks_->take(core_.clock()->now());
  if (!tick) return false;
  add(ticks_called_, 1);
  add(ticks_missed_, tick->missed);
  was_tick_ = true;
  sample = own_sample(tick->at);
  return true;
}

AnySample Runner::own_sample(TimePoint at) {
  AnySample sample;
  sample.stamp = {outlet_.next_own_seq(), Seconds(at - start_).count(), at, index_};
  sample.stamp.utc.seconds = core_.clock()->unix_time(at);
  sample.stamp.utc.from = UtcFrom::Arrival;
  sample.node = index_;
  return sample;
}

bool Runner::on_time(const AnySample& tick) {
  begin_work();
  Results results(*this, tick);
  try {
    expect_no_lock();
    node_->on_time_any(work_began_, results, context());
  } catch (const abi::__forced_unwind&) {
    throw;
  } catch (...) {
    end_tick();
    return fail_now(&tick);
  }
  end_tick();
  return true;
}

std::optional<AnySample> Runner::begin_last() {
  if (!node_->finishes() || core_.failure().due()) return std::nullopt;
  outlet_.begin_last();
  (void)takes_last_results();  // the time that a stop leaves it has begun
  return own_sample(core_.clock()->now());
}

bool Runner::takes_last_results() {
  if (!stopping()) return true;
  const auto now = core_.clock()->now();
  if (!last_until_) last_until_ = now + to_duration(kDrainTime);
  if (now < *last_until_) return true;
  if (!std::exchange(last_ended_, true)) {
    log(LogLevel::Warning, "finish() of '" + name_ + "' still gives results " +
                               seconds_text(kDrainTime.count()) +
                               " after the stop: it is ended, because nothing takes them any more");
  }
  return false;
}

void Runner::finish_step() {
  const auto last = begin_last();
  if (!last) return;
  begin_work();
  Results results(*this, *last);
  try {
    expect_no_lock();
    node_->finish_any(results, context());
  } catch (const abi::__forced_unwind&) {
    throw;
  } catch (...) {
    fail_now(&*last);
  }
  end_tick();
}

}  // namespace freshframe::core
