// A consumer outside the graph, whose owner asks for each sample.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/mutex.hpp"
#include "freshframe/pipeline.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "core/edge/inbox.hpp"
#include "core/failure.hpp"
#include "core/frame/frame_budget.hpp"
#include "core/pipeline/graph/reader_host.hpp"
#include "core/watch/call_ring.hpp"

namespace freshframe::core {

/// State that a reader shares with its pipeline, and which outlives the pipeline.
struct ReaderContext {
  std::shared_ptr<const Clock> clock;
  std::shared_ptr<Failure> failure;
  std::shared_ptr<FrameBudget> budget;
  std::shared_ptr<const std::atomic<bool>> started;
  std::stop_token stop;  // of the pipeline
  std::size_t max_held_bytes = 0;
  std::weak_ptr<ReaderHost> host;
};

/// A sample that a reader has returned.
struct Handed {
  AnySample sample;
  std::uint64_t order;  // position among the reader's samples, from 1
};

/// The implementation of Reader<T> and of Python's Reader. Use it on one thread at a time (a second one gets
/// a StateError), except latest(), close() and has_ended(), which are thread-safe. Frames in its samples are
/// on loan.
class ReaderCore {
 public:
  /// Whether latest() may return the sample again. An embedder may keep it in a form of its own.
  enum class Keep { No, Last };

  ReaderCore(std::string name, bool frames, ReaderContext context);

  /// Takes the most recently captured sample of all ports that was not returned yet; older ones are dropped
  /// as `skipped`. Returns nullopt while another thread is in a call that takes samples. Thread-safe.
  std::optional<Handed> take_newest();
  /// Like take_newest(), but falls back to the last kept sample, if it is at most `max_age` old. Thread-safe.
  std::optional<AnySample> latest(std::optional<Seconds> max_age = std::nullopt);
  /// Throws what latest() would throw, without taking anything. Thread-safe.
  void check_latest() const { check(Verb::Latest); }
  [[nodiscard]] bool is_older(const AnySample& sample, Seconds max_age) const {
    return clock().now() - sample.stamp.captured > max_age;
  }
  /// Returns the next sample, or nullopt. Throws EndOfStreamError.
  std::optional<Handed> poll(Keep kept = Keep::No);
  /// Like poll(), but waits until `deadline`. Returns nullopt if no sample arrived in time.
  std::optional<Handed> wait_until(TimePoint deadline, Keep kept = Keep::No);
  /// Waits for the next sample. Throws EndOfStreamError, ReadTimeoutError, StalledError.
  AnySample get(std::optional<Seconds> timeout, Keep kept = Keep::No);
  /// Throws StalledError if waiting longer is pointless. For callers that wait in slices.
  void check_stalled();
  /// Throws ReadTimeoutError, with the state of any source that delivers nothing.
  [[noreturn]] void time_out(double seconds) const;

  [[nodiscard]] bool was_read() const noexcept { return was_read_.load(std::memory_order_relaxed); }
  /// Returns true if the calling thread made the last call.
  [[nodiscard]] bool read_by_this_thread() const noexcept {
    return last_thread_.load(std::memory_order_relaxed) == std::this_thread::get_id();
  }
  /// If a loop over the reader that starts now would be empty because of a stop or close(), returns the
  /// reason, for a warning. Returns it only once per reader, and nullopt otherwise.
  [[nodiscard]] std::optional<std::string> explain_empty_loop();
  /// Returns true only on the first call.
  bool warn_unread() noexcept { return !warned_unread_.exchange(true); }

  [[nodiscard]] bool has_ended() const { return core::has_ended(*inbox_); }
  /// Accepts nothing more and drops the queued samples. The edges remain until the next change of the graph,
  /// see close_reader().
  void close();
  /// Returns true if the user has closed the reader. The end of the pipeline does not close it.
  [[nodiscard]] bool is_closed() const noexcept { return closed_.load(std::memory_order_relaxed); }
  /// Returns null once the pipeline is destroyed.
  [[nodiscard]] std::shared_ptr<ReaderHost> host() const { return context_.host.lock(); }

  [[nodiscard]] const std::string& name() const noexcept { return inbox_->consumer(); }
  [[nodiscard]] Inbox& inbox() const noexcept { return *inbox_; }
  [[nodiscard]] const std::shared_ptr<Inbox>& shared_inbox() const noexcept { return inbox_; }
  [[nodiscard]] const Clock& clock() const noexcept { return *context_.clock; }
  /// Call once the edges exist, before any other call. `why_lossless`: the reason to refuse latest(); empty:
  /// it is allowed.
  void resolve_verbs(std::string why_lossless);
  /// Sets the reader's number among the holders of loans. Call before any read.
  void set_holder(std::uint16_t holder) noexcept { holder_ = holder; }
  [[nodiscard]] std::uint16_t holder() const noexcept { return holder_; }
  /// The samples that the reader took recently, see Call.
  [[nodiscard]] const CallRing& calls() const noexcept { return calls_; }

 private:
  class Turn;

  enum class Verb { Latest, Poll, Get };
  enum class Use : std::uint8_t { None, Latest, Other };
  /// Starts `use` and returns None, or returns the call that another thread is in.
  Use try_use(Use use) noexcept;
  std::optional<Handed> newest();
  void keep(const std::optional<Handed>& handed);
  void check(Verb verb) const;
  void check_held() const;
  Handed hand_over(AnySample sample);
  std::optional<Handed> finish(Taken taken, AnySample sample);
  [[nodiscard]] std::string describe_end() const;

  const bool frames_;
  const ReaderContext context_;
  const std::shared_ptr<Inbox> inbox_;
  CallRing calls_;
  Pick given_ = Pick::kNewest;  // only take samples newer than the last one returned
  Mutex last_mutex_;
  std::optional<AnySample> last_ FRESHFRAME_GUARDED_BY(last_mutex_);
  std::string why_lossless_;  // fixed before the first read, as are the next two
  std::uint16_t holder_ = 0;
  bool next_ = false;
  mutable std::atomic<bool> warned_held_{false};
  std::uint64_t order_ = 0;  // order of the last sample; only used by the thread that has the turn
  std::atomic<Use> in_use_{Use::None};
  std::atomic<bool> closed_{false};
  std::atomic<bool> was_read_{false};
  std::atomic<std::thread::id> last_thread_{};
  std::atomic<bool> warned_unread_{false};
  std::atomic<bool> warned_empty_loop_{false};
  std::atomic<bool> is_read_to_end_ = false;
};

}  // namespace freshframe::core
