// The exceptions of a node: where they came from, how many there were, and which of them were logged.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"
#include "freshframe/mutex.hpp"
#include "freshframe/sample.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace freshframe::core {

/// An exception of a node: `what` is its text, `traceback` where in the node's language.
struct Caught {
  std::exception_ptr cause;
  std::string what;
  std::string traceback = {};

  /// See Note [Forced unwinding]: only within a catch (...) that follows a catch of such an unwind.
  [[nodiscard]] static Caught make(std::exception_ptr cause);
};

/// Whether a picture could not be read from its card. That ends no node.
[[nodiscard]] bool is_device_error(const std::exception_ptr& cause);

/// The samples of a call that failed; none means outside process(), on_tick() and finish(). `batch`: one call
/// had all of them.
struct FailedOn {
  std::span<const AnySample> samples;
  bool batch = false;

  /// On this sample, or outside of these calls (nullptr).
  [[nodiscard]] static FailedOn one(const AnySample* sample) noexcept {
    return {std::span(sample, sample != nullptr ? std::size_t{1} : 0)};
  }
  /// The call was on_tick() or finish(): its sample stands for the tick or for the end.
  [[nodiscard]] bool is_own(int node) const noexcept {
    return !samples.empty() && samples.front().stamp.source == node;
  }
};

/// count(), total() and latest(): any thread. The rest: the node's thread.
class NodeErrors {
 public:
  NodeErrors(const std::string& node, const Clock& clock) : node_(node), clock_(clock) {}
  NodeErrors(const NodeErrors&) = delete;
  NodeErrors& operator=(const NodeErrors&) = delete;

  void count(const std::string& what);
  [[nodiscard]] std::uint64_t total() const noexcept { return total_.load(std::memory_order_relaxed); }
  /// The text of the latest.
  [[nodiscard]] std::string latest() const;
  /// The node continues after `failure`, a line with the sample's `pts`, for this reason. The log gets the first one with its
  /// traceback, then one line a minute: a node may fail on every sample.
  void log_skipped(const std::string& failure, double pts, const std::string& traceback,
                   std::string_view reason);
  /// Logs at the end the exceptions that were not reported.
  void log_unlogged();

 private:
  void log_skips(const std::string& latest) const;

  const std::string& node_;
  const Clock& clock_;
  std::atomic<std::uint64_t> total_{0};
  mutable Mutex mutex_;
  std::string latest_ FRESHFRAME_GUARDED_BY(mutex_);
  std::optional<TimePoint> skip_logged_;  // the node's thread only, like the next
  std::uint64_t skips_unlogged_ = 0;
};

/// The text, and the traceback below it if there is one.
[[nodiscard]] std::string with_traceback(std::string text, const std::string& traceback);

}  // namespace freshframe::core
