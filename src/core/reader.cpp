// Reader verbs and the checks before each.
// SPDX-License-Identifier: Apache-2.0
#include "core/reader.hpp"

#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <utility>

namespace freshframe {
namespace {

constexpr std::size_t kWarnHeldBytes = std::size_t{256} << 20;

std::string mebibytes(std::size_t bytes) {
  return std::to_string(bytes >> 20) + " MiB";
}

}  // namespace

// One thread at a time.
class ReaderCore::Turn {
 public:
  explicit Turn(ReaderCore& reader) : reader_(reader) {
    if (reader_.in_use_.exchange(true, std::memory_order_acquire)) {
      throw GraphError("reader '" + reader_.name() +
                       "' is used by two threads at once: give each thread a reader of its own");
    }
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() { reader_.in_use_.store(false, std::memory_order_release); }

 private:
  ReaderCore& reader_;
};

ReaderCore::ReaderCore(std::string name, bool frames, ReaderContext context)
    : frames_(frames), context_(std::move(context)), inbox_(std::move(name), context_.clock) {}

void ReaderCore::resolve_verbs(std::string why_lossless) {
  why_lossless_ = std::move(why_lossless);
  for (const auto& edge : inbox_.edges()) {
    if (edge.queue.depth == 0) next_ = true;
  }
}

void ReaderCore::check(Verb verb) const {
  if (!context_.started->load(std::memory_order_acquire)) {
    throw GraphError("reader '" + name() +
                     "' was read before its pipeline started: call start() first, or use "
                     "`with pipeline:`");
  }
  context_.failure->rethrow_if_failed();
  if (next_ && verb != Verb::Get) {
    throw GraphError("reader '" + name() +
                     "' has queue=NEXT, which hands a sample only to a waiting reader: use "
                     "get() or a for loop, or queue=LATEST");
  }
  if (verb == Verb::Latest && !why_lossless_.empty()) {
    throw GraphError("reader '" + name() + "' is lossless because " + why_lossless_ +
                     ": use poll(), realtime=True, or queue=LATEST");
  }
  if (frames_) check_held();
}

void ReaderCore::check_held() const {
  const auto held = context_.budget->held_bytes();
  if (held > context_.max_held_bytes) {
    throw FramesHeld("reader '" + name() + "' hands out no more frames: " + mebibytes(held) +
                     " of pictures are already held outside the engine, the limit is " +
                     mebibytes(context_.max_held_bytes) +
                     ". Let frames go, read with frames=False, or raise max_held_bytes");
  }
  if (held >= kWarnHeldBytes && !warned_held_.exchange(true)) {
    log(LogLevel::Warning, "reader '" + name() + "': " + mebibytes(held) +
                               " of pictures are held outside the engine; above " +
                               mebibytes(context_.max_held_bytes) + " it raises FramesHeld");
  }
}

AnySample ReaderCore::hand_over(AnySample sample) const {
  sample.frame = frames_ ? sample.frame.as_loan() : Frame{};
  return sample;
}

std::optional<AnySample> ReaderCore::finish(Taken taken, AnySample sample) const {
  if (taken == Taken::Sample) return hand_over(std::move(sample));
  context_.failure->rethrow_if_failed();
  if (taken == Taken::Ended) throw EndOfStream("reader '" + name() + "': the stream has ended");
  return std::nullopt;
}

std::optional<AnySample> ReaderCore::newest() {
  check(Verb::Latest);
  AnySample sample;
  if (inbox_.take_newest(sample) != Taken::Sample) return std::nullopt;
  return hand_over(std::move(sample));
}

std::optional<AnySample> ReaderCore::take_newest() {
  const Turn turn(*this);
  return newest();
}

std::optional<AnySample> ReaderCore::latest() {
  const Turn turn(*this);
  if (auto sample = newest()) last_ = std::move(sample);
  return last_;
}

std::optional<AnySample> ReaderCore::poll(Keep keep) {
  const Turn turn(*this);
  check(Verb::Poll);
  AnySample sample;
  const auto taken = inbox_.try_take(sample);
  auto result = finish(taken, std::move(sample));
  if (result && keep == Keep::Last) last_ = result;
  return result;
}

std::optional<AnySample> ReaderCore::wait_until(TimePoint deadline, Keep keep) {
  const Turn turn(*this);
  check(Verb::Get);
  AnySample sample;
  const auto taken = inbox_.take(sample, deadline);
  auto result = finish(taken, std::move(sample));
  if (result && keep == Keep::Last) last_ = result;
  return result;
}

}  // namespace freshframe
