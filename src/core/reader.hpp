// A consumer outside the graph that pulls.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/pipeline.hpp"

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "core/failure.hpp"
#include "core/frame_budget.hpp"
#include "core/inbox.hpp"

namespace freshframe {

/// What a reader shares with its pipeline; outlives it.
struct ReaderContext {
  std::shared_ptr<const Clock> clock;
  std::shared_ptr<Failure> failure;
  std::shared_ptr<FrameBudget> budget;
  std::shared_ptr<const std::atomic<bool>> started;
  std::size_t max_held_bytes = 0;
};

/// The reader behind Reader<T> and Python's Reader. One thread at a time (a second one gets a GraphError);
/// close() and ended() from any. Frames in what it returns are on loan.
class ReaderCore {
 public:
  /// Whether latest() shall find the sample that a verb returns. An embedder may keep it in its own form.
  enum class Keep { No, Last };

  ReaderCore(std::string name, bool frames, ReaderContext context);

  /// The newest sample that no verb has returned yet; older ones are dropped as `skipped`.
  std::optional<AnySample> take_newest();
  /// take_newest(), or else what was kept last.
  std::optional<AnySample> latest();
  /// The next unseen sample or nullopt. Throws EndOfStream.
  std::optional<AnySample> poll(Keep keep = Keep::No);
  /// As poll(), but waits until `deadline`; nullopt: nothing came in time.
  std::optional<AnySample> wait_until(TimePoint deadline, Keep keep = Keep::No);

  [[nodiscard]] bool ended() const { return inbox_.ended(); }
  void close() { inbox_.close(); }
  void rethrow_failure() const { context_.failure->rethrow_if_failed(); }

  [[nodiscard]] const std::string& name() const noexcept { return inbox_.consumer(); }
  [[nodiscard]] Inbox& inbox() noexcept { return inbox_; }
  [[nodiscard]] const Clock& clock() const noexcept { return *context_.clock; }
  /// At start(), once the edges are there. `why_lossless`: why latest() is refused, empty when it is not.
  void resolve_verbs(std::string why_lossless);

 private:
  class Turn;

  enum class Verb { Latest, Poll, Get };
  std::optional<AnySample> newest();
  void check(Verb verb) const;
  void check_held() const;
  AnySample hand_over(AnySample sample) const;
  std::optional<AnySample> finish(Taken taken, AnySample sample) const;

  const bool frames_;
  const ReaderContext context_;
  Inbox inbox_;
  std::optional<AnySample> last_;  // the thread that has its turn only
  std::string why_lossless_;       // fixed at start()
  bool next_ = false;              // fixed at start()
  mutable std::atomic<bool> warned_held_{false};
  std::atomic<bool> in_use_{false};
};

}  // namespace freshframe
