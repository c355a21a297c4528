// The first failure of a pipeline, shared by all that report it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/mutex.hpp"

#include <atomic>
#include <exception>

namespace freshframe::core {

/// Thread-safe. Keeps the first exception that is set.
class Failure {
 public:
  /// When the verbs of the pipeline and of its readers throw it.
  enum class Due {
    Now,
    AfterRest  // once all samples that were read before it have been delivered
  };

  /// Returns false when there was one already. Due::Now makes an earlier one due, too.
  bool set(std::exception_ptr error, Due due = Due::Now) {
    const Lock lock(mutex_);
    const bool first = !error_;
    if (first) error_ = std::move(error);
    failed_.store(true, std::memory_order_release);
    if (due == Due::Now) due_.store(true, std::memory_order_release);
    return first;
  }
  [[nodiscard]] bool failed() const noexcept { return failed_.load(std::memory_order_acquire); }
  /// Failed, and not AfterRest.
  [[nodiscard]] bool due() const noexcept { return due_.load(std::memory_order_acquire); }
  [[nodiscard]] std::exception_ptr get() const {
    const Lock lock(mutex_);
    return error_;
  }
  void rethrow_if_failed() const {
    if (!failed()) return;
    told_.store(true, std::memory_order_relaxed);
    std::rethrow_exception(get());
  }
  void rethrow_if_due() const {
    if (due()) rethrow_if_failed();
  }
  /// Throws it unless a verb of the pipeline or of a reader has thrown it before.
  void rethrow_if_untold() const {
    if (!told_.load(std::memory_order_relaxed)) rethrow_if_failed();
  }

 private:
  std::atomic<bool> failed_{false};
  std::atomic<bool> due_{false};
  mutable std::atomic<bool> told_{false};
  mutable Mutex mutex_;
  std::exception_ptr error_ FRESHFRAME_GUARDED_BY(mutex_);
};

}  // namespace freshframe::core
