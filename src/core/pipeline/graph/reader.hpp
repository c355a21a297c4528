// A consumer outside the graph that pulls.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/mutex.hpp"
#include "freshframe/pipeline.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "core/edge/inbox.hpp"
#include "core/failure.hpp"
#include "core/frame/frame_budget.hpp"
#include "core/pipeline/graph/reader_host.hpp"
#include "core/watch/call_ring.hpp"

namespace freshframe::core {

/// The state that a reader shares with its pipeline; outlives it.
struct ReaderContext {
  std::shared_ptr<const Clock> clock;
  std::shared_ptr<Failure> failure;
  std::shared_ptr<FrameBudget> budget;
  std::shared_ptr<const std::atomic<bool>> started;
  std::size_t max_held_bytes = 0;
  std::weak_ptr<ReaderHost> host;
};

/// A sample that a reader has handed over.
struct Handed {
  AnySample sample;
  std::uint64_t order;  // counts a reader's samples, from 1 on
};

/// The reader in Reader<T> and Python's Reader. One thread at a time (a second one gets a StateError);
/// latest(), close() and has_ended() from any. Frames in its samples are on loan.
class ReaderCore {
 public:
  /// Whether latest() can return again the sample that a verb returned. An embedder may keep it in its own
  /// form.
  enum class Keep { No, Last };

  ReaderCore(std::string name, bool frames, ReaderContext context);

  /// The newest sample of all ports, by its capture, that no verb has returned yet. Older ones are dropped as `skipped`.
  /// While another thread is in a verb, which takes what comes, there is no such sample. Any thread.
  std::optional<Handed> take_newest();
  /// The sample of take_newest(), or else the last kept one, if it is at most `max_age` old. Any thread.
  std::optional<AnySample> latest(std::optional<Seconds> max_age = std::nullopt);
  /// Throws what latest() would throw, and takes nothing. Any thread.
  void check_latest() const { check(Verb::Latest); }
  [[nodiscard]] bool is_older(const AnySample& sample, Seconds max_age) const {
    return clock().now() - sample.stamp.captured > max_age;
  }
  /// The next unseen sample or nullopt. Throws EndOfStreamError.
  std::optional<Handed> poll(Keep kept = Keep::No);
  /// Polls like poll(), but waits until `deadline`; nullopt if no sample arrived in time.
  std::optional<Handed> wait_until(TimePoint deadline, Keep kept = Keep::No);
  /// Waits for the next unseen sample. Throws EndOfStreamError, ReadTimeoutError, StalledError.
  AnySample get(std::optional<Seconds> timeout, Keep kept = Keep::No);
  /// For a wait in slices: throws StalledError when a further wait would be in vain.
  void check_stalled();
  /// Throws ReadTimeoutError with the state of a source that delivers nothing.
  [[noreturn]] void time_out(double seconds) const;

  [[nodiscard]] bool was_read() const noexcept { return was_read_.load(std::memory_order_relaxed); }
  /// Whether the present thread is the thread that called a verb last.
  [[nodiscard]] bool read_by_this_thread() const noexcept {
    return last_thread_.load(std::memory_order_relaxed) == std::this_thread::get_id();
  }
  /// Returns true at the first call only.
  bool warn_unread() noexcept { return !warned_unread_.exchange(true); }

  [[nodiscard]] bool has_ended() const { return core::has_ended(*inbox_); }
  /// Takes nothing more and drops the waiting samples. The edges stay until the next change of the graph: see
  /// close_reader().
  void close();
  /// Returns true if its user has closed it. The end of the pipeline does not count.
  [[nodiscard]] bool is_closed() const noexcept { return closed_.load(std::memory_order_relaxed); }
  /// Returns null once the pipeline has been destroyed.
  [[nodiscard]] std::shared_ptr<ReaderHost> host() const { return context_.host.lock(); }

  [[nodiscard]] const std::string& name() const noexcept { return inbox_->consumer(); }
  [[nodiscard]] Inbox& inbox() const noexcept { return *inbox_; }
  [[nodiscard]] const std::shared_ptr<Inbox>& shared_inbox() const noexcept { return inbox_; }
  [[nodiscard]] const Clock& clock() const noexcept { return *context_.clock; }
  /// Once the edges exist, before the first verb. `why_lossless`: the reason to refuse latest(); empty means
  /// it is allowed.
  void resolve_verbs(std::string why_lossless);
  /// Sets the reader's number among the holders of loans, before the first verb.
  void set_holder(std::uint16_t holder) noexcept { holder_ = holder; }
  [[nodiscard]] std::uint16_t holder() const noexcept { return holder_; }
  /// The samples that it has taken of late, see Call.
  [[nodiscard]] const CallRing& calls() const noexcept { return calls_; }

 private:
  class Turn;

  enum class Verb { Latest, Poll, Get };
  enum class Use : std::uint8_t { None, Latest, Other };
  /// Begins `use` and returns None, or returns the use that another thread makes of it.
  Use try_use(Use use) noexcept;
  std::optional<Handed> newest();
  void keep(const std::optional<Handed>& handed);
  void check(Verb verb) const;
  void check_held() const;
  Handed hand_over(AnySample sample);
  std::optional<Handed> finish(Taken taken, AnySample sample);

  const bool frames_;
  const ReaderContext context_;
  const std::shared_ptr<Inbox> inbox_;
  CallRing calls_;
  Pick given_ = Pick::kNewest;  // newer than the last sample that a verb returned
  Mutex last_mutex_;
  std::optional<AnySample> last_ FRESHFRAME_GUARDED_BY(last_mutex_);
  std::string why_lossless_;  // fixed before the first verb, like the next two
  std::uint16_t holder_ = 0;
  bool next_ = false;
  mutable std::atomic<bool> warned_held_{false};
  std::uint64_t order_ = 0;  // order of the last one; only for the thread whose turn it is
  std::atomic<Use> in_use_{Use::None};
  std::atomic<bool> closed_{false};
  std::atomic<bool> was_read_{false};
  std::atomic<std::thread::id> last_thread_{};
  std::atomic<bool> warned_unread_{false};
};

}  // namespace freshframe::core
