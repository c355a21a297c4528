// The first failure of a pipeline, shared by everyone who has to report it.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/mutex.hpp"

#pragma once

#include <atomic>
#include <exception>

namespace freshframe {

/// Thread-safe. Keeps the first exception that is set.
class Failure {
 public:
  /// Returns false when there was one already.
  bool set(std::exception_ptr error) {
    const Lock lock(mutex_);
    if (error_) return false;
    error_ = std::move(error);
    failed_.store(true, std::memory_order_release);
    return true;
  }
  [[nodiscard]] bool failed() const noexcept { return failed_.load(std::memory_order_acquire); }
  [[nodiscard]] std::exception_ptr get() const {
    const Lock lock(mutex_);
    return error_;
  }
  void rethrow_if_failed() const {
    if (!failed()) return;
    told_.store(true, std::memory_order_relaxed);
    std::rethrow_exception(get());
  }
  /// Throws it unless a verb of the pipeline or of a reader has thrown it before.
  void rethrow_if_untold() const {
    if (!told_.load(std::memory_order_relaxed)) rethrow_if_failed();
  }

 private:
  std::atomic<bool> failed_{false};
  mutable std::atomic<bool> told_{false};
  mutable Mutex mutex_;
  std::exception_ptr error_ FRESHFRAME_GUARDED_BY(mutex_);
};

}  // namespace freshframe
