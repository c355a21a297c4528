// Counts the exceptions of a node, and limits how many are logged.
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

/// An exception of a node: its message, and a traceback in the node's language.
struct Caught {
  std::exception_ptr cause;
  std::string what;
  std::string traceback = {};

  /// Call only inside a catch (...) that follows a catch of forced unwinding, see Note [Forced unwinding].
  [[nodiscard]] static Caught make(std::exception_ptr cause);
};

/// Returns true if the error means that an image could not be read from its GPU. Such an error never ends a
/// node.
[[nodiscard]] bool is_device_error(const std::exception_ptr& cause);

/// The samples of the call that failed. Empty for a call other than process(), on_tick() and finish().
/// `batch`: the call got all of the samples. `is_final`: the node cannot continue, not even with
/// OnError::Skip.
struct FailedOn {
  std::span<const AnySample> samples;
  bool batch = false;
  bool is_final = false;

  /// One sample, or none (nullptr).
  [[nodiscard]] static FailedOn one(const AnySample* sample) noexcept {
    return {std::span(sample, sample != nullptr ? std::size_t{1} : 0)};
  }
  /// Returns true if the call was on_tick() or finish(), for which the sample has only the stamp of the
  /// results.
  [[nodiscard]] bool is_own(int node) const noexcept {
    return !samples.empty() && samples.front().stamp.source == node;
  }
};

/// count(), total() and latest() are thread-safe; the rest is for the node's thread.
class NodeErrors {
 public:
  NodeErrors(const std::string& node, const Clock& clock) : node_(node), clock_(clock) {}
  NodeErrors(const NodeErrors&) = delete;
  NodeErrors& operator=(const NodeErrors&) = delete;

  void count(const std::string& what);
  [[nodiscard]] std::uint64_t total() const noexcept { return total_.load(std::memory_order_relaxed); }
  /// Returns the message of the latest exception.
  [[nodiscard]] std::string latest() const;
  /// Logs that the node continues after `failure`, and why. The first failure is logged with its traceback,
  /// further ones once per minute, since a node may fail on every sample. `pts` is that of the sample on
  /// which the node failed.
  void log_skipped(const std::string& failure, double pts, const std::string& traceback,
                   std::string_view reason);
  /// Call at the end. Logs how many exceptions were not logged before.
  void log_unlogged();

 private:
  void log_skips(const std::string& latest) const;

  const std::string& node_;
  const Clock& clock_;
  std::atomic<std::uint64_t> total_{0};
  mutable Mutex mutex_;
  std::string latest_ FRESHFRAME_GUARDED_BY(mutex_);
  std::optional<TimePoint> skip_logged_;  // only used on the node's thread, as is the next member
  std::uint64_t skips_unlogged_ = 0;
};

/// Returns the text, followed by the traceback if there is one.
[[nodiscard]] std::string with_traceback(std::string text, const std::string& traceback);

}  // namespace freshframe::core
