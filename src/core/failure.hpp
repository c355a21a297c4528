// The first failure of a pipeline, shared by everything that reports it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/mutex.hpp"

#include <atomic>
#include <chrono>
#include <exception>
#include <optional>
#include <utility>

namespace freshframe::core {

/// Thread-safe. Keeps the first exception that is set.
class Failure {
 public:
  /// When calls of the pipeline and of its readers throw the failure.
  enum class Due {
    Now,
    AfterRest  // due once all samples read before the failure have been delivered
  };

  /// Sets the failure. Returns false if there already was one. With Due::Now, an earlier failure becomes due
  /// as well.
  bool set(std::exception_ptr error, Due due = Due::Now) {
    const Lock lock(mutex_);
    const bool first = !error_;
    if (first) {
      error_ = std::move(error);
      set_at_ = std::chrono::steady_clock::now();
    }
    failed_.store(true, std::memory_order_release);
    if (due == Due::Now) due_.store(true, std::memory_order_release);
    return first;
  }
  [[nodiscard]] bool has_failed() const noexcept { return failed_.load(std::memory_order_acquire); }
  /// Returns true if there is a failure that calls must throw now.
  [[nodiscard]] bool due() const noexcept { return due_.load(std::memory_order_acquire); }
  [[nodiscard]] std::exception_ptr get() const {
    const Lock lock(mutex_);
    return error_;
  }
  void rethrow_if_failed() const {
    if (!has_failed()) return;
    thrown_.store(true, std::memory_order_relaxed);
    std::rethrow_exception(get());
  }
  void rethrow_if_due() const {
    if (due()) rethrow_if_failed();
  }
  /// Throws the failure unless a call of the pipeline or a reader already has.
  void rethrow_if_unthrown() const {
    if (!thrown_.load(std::memory_order_relaxed)) rethrow_if_failed();
  }
  /// Returns when the failure was set, unless a call has thrown it or take_unreported() has returned it.
  [[nodiscard]] std::optional<std::chrono::steady_clock::time_point> unreported_since() const {
    if (!has_failed() || thrown_.load(std::memory_order_relaxed)) return std::nullopt;
    const Lock lock(mutex_);
    return reported_ ? std::nullopt : std::optional(set_at_);
  }
  /// Returns the exception for a report, such as a log line. Only the first call returns it; later calls
  /// return null.
  [[nodiscard]] std::exception_ptr take_unreported() {
    if (!has_failed() || thrown_.load(std::memory_order_relaxed)) return nullptr;
    const Lock lock(mutex_);
    return std::exchange(reported_, true) ? nullptr : error_;
  }

 private:
  std::atomic<bool> failed_{false};
  std::atomic<bool> due_{false};
  mutable std::atomic<bool> thrown_{false};
  mutable Mutex mutex_;
  std::exception_ptr error_ FRESHFRAME_GUARDED_BY(mutex_);
  std::chrono::steady_clock::time_point set_at_ FRESHFRAME_GUARDED_BY(mutex_);
  bool reported_ FRESHFRAME_GUARDED_BY(mutex_) = false;
};

}  // namespace freshframe::core
