// The calls of a reader, and the checks before each.
// SPDX-License-Identifier: Apache-2.0
#include "core/pipeline/graph/reader.hpp"

#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "core/join/set_loan.hpp"
#include "core/unit_text.hpp"

namespace freshframe::core {
namespace {

constexpr std::size_t kWarnHeldBytes = std::size_t{256} << 20;

}  // namespace

// Only one call runs at a time. Other calls wait for latest(), which is short; latest() never waits.
class ReaderCore::Turn {
 public:
  /// Throws StateError if another thread is in a call other than latest().
  static Turn expect(ReaderCore& reader) {
    while (true) {
      const auto found = reader.try_use(Use::Other);
      if (found == Use::None) return Turn(&reader);
      if (found == Use::Other) break;
      std::this_thread::yield();
    }
    throw StateError("reader '" + reader.name() +
                     "' is used by two threads at the same time: give each thread its own reader");
  }
  /// Returns an empty Turn if another thread has the turn.
  static Turn try_latest(ReaderCore& reader) noexcept {
    return Turn(reader.try_use(Use::Latest) == Use::None ? &reader : nullptr);
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() {
    if (reader_ != nullptr) reader_->in_use_.store(Use::None, std::memory_order_release);
  }

  explicit operator bool() const noexcept { return reader_ != nullptr; }

 private:
  explicit Turn(ReaderCore* reader) noexcept : reader_(reader) {
    if (reader == nullptr) return;
    reader->was_read_.store(true, std::memory_order_relaxed);
    reader->last_thread_.store(std::this_thread::get_id(), std::memory_order_relaxed);
  }

  ReaderCore* const reader_;  // null if another thread has the turn
};

ReaderCore::Use ReaderCore::try_use(Use use) noexcept {
  auto found = Use::None;
  in_use_.compare_exchange_strong(found, use, std::memory_order_acquire, std::memory_order_relaxed);
  return found;
}

ReaderCore::ReaderCore(std::string name, bool frames, ReaderContext context)
    : frames_(frames),
      context_(std::move(context)),
      inbox_(std::make_shared<Inbox>(std::move(name), context_.clock, !frames)) {}

void ReaderCore::resolve_verbs(std::string why_lossless) {
  why_lossless_ = std::move(why_lossless);
  for (const auto& edge : list_edges(*inbox_)) {
    if (edge.queue.depth == 0) next_ = true;
  }
}

void ReaderCore::check(Verb verb) const {
  if (is_closed()) {
    const auto text = "reader '" + name() + "' was closed";
    if (verb == Verb::Latest) throw StateError(text);
    throw EndOfStreamError(text);
  }
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
    throw GraphError("latest() skips samples, but reader '" + name() + "' is lossless because " +
                     why_lossless_);
  }
  if (frames_) check_held();
}

void ReaderCore::check_held() const {
  context_.budget->check_held(holder_, context_.max_held_bytes);
  const auto held = context_.budget->held_bytes();
  if (held >= kWarnHeldBytes && !warned_held_.exchange(true)) {
    log(LogLevel::Warning, "reader '" + name() + "': " + mebibytes_rounded_down(held) +
                               " of images are held outside the engine; above " +
                               mebibytes_rounded_down(context_.max_held_bytes) +
                               ", the reader raises FramesHeldError");
  }
}

Handed ReaderCore::hand_over(AnySample sample) {
  auto call = Call::make(CallKey::make(sample));
  call.taken = inbox_->taken_at();
  call.done = call.taken;
  calls_.add(call);
  given_ = {.newest = true, .source = sample.stamp.source, .captured = sample.stamp.captured};
  return {on_loan(std::move(sample), holder_), ++order_};
}

std::string ReaderCore::describe_end() const {
  const auto who = "reader '" + name() + "'";
  if (is_closed()) return who + " was closed";
  if (is_read_to_end_ || !context_.stop.stop_requested()) return who + ": the stream has ended";
  return who +
         ": the pipeline was stopped, which drops what was not read: read inside the `with` block, or before "
         "stop()";
}

std::optional<std::string> ReaderCore::explain_empty_loop() {
  const bool was_cut = is_closed() || (context_.stop.stop_requested() && !is_read_to_end_);
  if (context_.failure->has_failed()) return std::nullopt;  // the loop itself throws it
  if (!was_cut || !has_ended() || warned_empty_loop_.exchange(true)) return std::nullopt;
  return describe_end();
}

std::optional<Handed> ReaderCore::finish(Taken taken, AnySample sample) {
  if (taken == Taken::Sample) return hand_over(std::move(sample));
  if (taken == Taken::Ended) {
    context_.failure->rethrow_if_failed();
    if (!is_closed() && !context_.stop.stop_requested()) is_read_to_end_ = true;
    throw EndOfStreamError(describe_end());
  }
  context_.failure->rethrow_if_due();
  if (context_.failure->has_failed()) check_stalled();
  return std::nullopt;
}

std::optional<Handed> ReaderCore::newest() {
  check(Verb::Latest);
  AnySample sample;
  const auto taken = inbox_->take(sample, kWithoutWait, given_);
  if (taken == Taken::Sample) return hand_over(std::move(sample));
  if (taken == Taken::Ended) context_.failure->rethrow_if_failed();
  if (context_.failure->has_failed()) check_stalled();  // poll() never waits, so nothing else would check
  return std::nullopt;
}

void ReaderCore::keep(const std::optional<Handed>& handed) {
  if (!handed) return;
  // Holds the previous sample after the swap, so that its frame is freed without the mutex.
  std::optional<AnySample> before = handed->sample;
  const Lock lock(last_mutex_);
  last_.swap(before);
}

void ReaderCore::close() {
  closed_.store(true, std::memory_order_relaxed);
  inbox_->close();
  std::optional<AnySample> before;
  const Lock lock(last_mutex_);
  last_.swap(before);
}

std::optional<Handed> ReaderCore::take_newest() {
  if (const auto turn = Turn::try_latest(*this)) return newest();
  check_latest();
  return std::nullopt;
}

std::optional<AnySample> ReaderCore::latest(std::optional<Seconds> max_age) {
  if (const auto turn = Turn::try_latest(*this)) {
    keep(newest());
  } else {
    check_latest();
  }
  const Lock lock(last_mutex_);
  return last_ && max_age && is_older(*last_, *max_age) ? std::nullopt : last_;
}

std::optional<Handed> ReaderCore::poll(Keep kept) {
  const auto turn = Turn::expect(*this);
  check(Verb::Poll);
  AnySample sample;
  const auto taken = inbox_->take(sample, kWithoutWait);
  auto result = finish(taken, std::move(sample));
  if (kept == Keep::Last) keep(result);
  return result;
}

std::optional<Handed> ReaderCore::wait_until(TimePoint deadline, Keep kept) {
  const auto turn = Turn::expect(*this);
  check(Verb::Get);
  AnySample sample;
  const auto taken = inbox_->take(sample, deadline);
  auto result = finish(taken, std::move(sample));
  if (kept == Keep::Last) keep(result);
  return result;
}

AnySample ReaderCore::get(std::optional<Seconds> timeout, Keep kept) {
  constexpr std::chrono::milliseconds kSlice(50);
  const auto deadline = timeout ? clock().now() + to_duration(*timeout) : TimePoint::max();
  while (true) {
    const auto now = clock().now();
    const auto slice = now < TimePoint::max() - kSlice ? now + kSlice : TimePoint::max();
    if (auto handed = wait_until(std::min(deadline, slice), kept)) return std::move(handed->sample);
    if (clock().now() >= deadline) time_out(timeout->count());
    check_stalled();
  }
}

void ReaderCore::check_stalled() {
  if (const auto pipeline = host()) pipeline->check_stalled_for(*this);
}

void ReaderCore::time_out(double seconds) const {
  auto text = "reader '" + name() + "': no sample arrived within " + seconds_text(seconds);
  if (const auto pipeline = host()) text += pipeline->describe_trouble_upstream(*this);
  throw ReadTimeoutError(text);
}

}  // namespace freshframe::core
