// Reader verbs and the checks before each.
// SPDX-License-Identifier: Apache-2.0
#include "core/pipeline/reader.hpp"

#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "core/join/set_loan.hpp"
#include "core/pipeline/onlookers.hpp"
#include "core/unit_text.hpp"

namespace freshframe::core {
namespace {

constexpr std::size_t kWarnHeldBytes = std::size_t{256} << 20;

}  // namespace

// One call's use of the reader. A second thread gets a StateError until it ends.
class ReaderCore::ExclusiveUse {
 public:
  explicit ExclusiveUse(ReaderCore& reader) : reader_(reader) {
    if (reader_.in_use_.exchange(true, std::memory_order_acquire)) {
      throw StateError("reader '" + reader_.name() +
                       "' is used by two threads at once: give each thread a reader of its own");
    }
    reader_.was_read_.store(true, std::memory_order_relaxed);
    reader_.last_thread_.store(std::this_thread::get_id(), std::memory_order_relaxed);
  }
  ExclusiveUse(const ExclusiveUse&) = delete;
  ExclusiveUse& operator=(const ExclusiveUse&) = delete;
  ~ExclusiveUse() { reader_.in_use_.store(false, std::memory_order_release); }

 private:
  ReaderCore& reader_;
};

ReaderCore::ReaderCore(std::string name, bool frames, ReaderContext context)
    : frames_(frames),
      context_(std::move(context)),
      inbox_(std::make_shared<Inbox>(std::move(name), context_.clock, !frames)) {}

void ReaderCore::resolve_verbs(std::string why_lossless) {
  why_lossless_ = std::move(why_lossless);
  for (const auto& edge : edges_of(*inbox_)) {
    if (edge.queue.depth == 0) next_ = true;
  }
}

void ReaderCore::check(Verb verb) const {
  if (!context_.started->load(std::memory_order_acquire)) {
    throw StateError("reader '" + name() +
                     "' was read before its pipeline started: call start() first, or use "
                     "`with pipeline:`");
  }
  context_.failure->rethrow_if_due();
  if (next_ && verb != Verb::Get) {
    throw GraphError("reader '" + name() +
                     "' has queue=NEXT, which hands a sample only to a waiting reader: use "
                     "get() or a for loop, or queue=LATEST");
  }
  if (verb == Verb::Latest && !why_lossless_.empty()) {
    throw GraphError("reader '" + name() + "' is lossless because " + why_lossless_);
  }
  if (frames_) check_held();
}

void ReaderCore::check_held() const {
  context_.budget->check_held(holder_, context_.max_held_bytes);
  const auto held = context_.budget->held_bytes();
  if (held >= kWarnHeldBytes && !warned_held_.exchange(true)) {
    log(LogLevel::Warning, "reader '" + name() + "': " + mebibytes_rounded_down(held) +
                               " of pictures are held outside the engine; above " +
                               mebibytes_rounded_down(context_.max_held_bytes) +
                               " it raises FramesHeldError");
  }
}

AnySample ReaderCore::hand_over(AnySample sample) {
  auto call = Call::of(CallKey::of(sample));
  call.taken = inbox_->taken_at();
  call.done = call.taken;
  calls_.add(call);
  given_ = {.newest = true, .source = sample.stamp.source, .captured = sample.stamp.captured};
  return on_loan(std::move(sample), holder_);
}

std::optional<AnySample> ReaderCore::finish(Taken taken, AnySample sample) {
  if (taken == Taken::Sample) return hand_over(std::move(sample));
  if (taken == Taken::Ended) {
    context_.failure->rethrow_if_failed();
    throw EndOfStreamError("reader '" + name() + "': the stream has ended");
  }
  context_.failure->rethrow_if_due();
  if (context_.failure->failed()) check_stalled();
  return std::nullopt;
}

std::optional<AnySample> ReaderCore::newest() {
  check(Verb::Latest);
  AnySample sample;
  const auto taken = inbox_->take(sample, kWithoutWait, given_);
  if (taken == Taken::Sample) return hand_over(std::move(sample));
  if (taken == Taken::Ended) context_.failure->rethrow_if_failed();
  if (context_.failure->failed()) check_stalled();  // poll() never waits, so no other code checks
  return std::nullopt;
}

std::optional<AnySample> ReaderCore::take_newest() {
  const ExclusiveUse use(*this);
  return newest();
}

std::optional<AnySample> ReaderCore::latest() {
  const ExclusiveUse use(*this);
  if (auto sample = newest()) last_ = std::move(sample);
  return last_;
}

std::optional<AnySample> ReaderCore::poll(Keep keep) {
  const ExclusiveUse use(*this);
  check(Verb::Poll);
  AnySample sample;
  const auto taken = inbox_->take(sample, kWithoutWait);
  auto result = finish(taken, std::move(sample));
  if (result && keep == Keep::Last) last_ = result;
  return result;
}

std::optional<AnySample> ReaderCore::wait_until(TimePoint deadline, Keep keep) {
  const ExclusiveUse use(*this);
  check(Verb::Get);
  AnySample sample;
  const auto taken = inbox_->take(sample, deadline);
  auto result = finish(taken, std::move(sample));
  if (result && keep == Keep::Last) last_ = result;
  return result;
}

AnySample ReaderCore::get(std::optional<Seconds> timeout, Keep keep) {
  constexpr std::chrono::milliseconds kSlice(50);
  const auto deadline = timeout ? clock().now() + to_duration(*timeout) : TimePoint::max();
  while (true) {
    const auto now = clock().now();
    const auto slice = now < TimePoint::max() - kSlice ? now + kSlice : TimePoint::max();
    if (auto sample = wait_until(std::min(deadline, slice), keep)) return *std::move(sample);
    if (clock().now() >= deadline) time_out(timeout->count());
    check_stalled();
  }
}

void ReaderCore::check_stalled() {
  if (const auto pipeline = context_.pipeline.lock()) core::check_stalled_for(*pipeline, *this);
}

void ReaderCore::time_out(double seconds) const {
  auto text = "reader '" + name() + "': no sample within " + seconds_text(seconds);
  if (const auto pipeline = context_.pipeline.lock()) text += core::trouble_above(*pipeline, *this);
  throw ReadTimeoutError(text);
}

}  // namespace freshframe::core
