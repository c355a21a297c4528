// The counters of a Spool, which is written in Python, as statistics.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/gil.hpp"

#include "freshframe/clock.hpp"
#include "freshframe/stats.hpp"

#include <algorithm>
#include <chrono>
#include <mutex>
#include <optional>
#include <utility>

#include <nanobind/nanobind.h>

namespace freshframe::python {

/// Written by the spool's threads, which hold the GIL. Read by any thread.
class SpoolCounters {
 public:
  /// `oldest`: Unix time of the oldest result of the current batch. `called`: time.monotonic() at the start
  /// of the current call.
  void set(SpoolStats stats, std::optional<double> oldest, std::optional<double> called) {
    const std::lock_guard lock(mutex_);
    stats_ = std::move(stats);
    oldest_ = oldest;
    called_ = called;
  }
  [[nodiscard]] SpoolStats get() const {
    const Seconds unix_time = std::chrono::system_clock::now().time_since_epoch();
    const Seconds monotonic = std::chrono::steady_clock::now().time_since_epoch();
    const std::lock_guard lock(mutex_);
    SpoolStats stats = stats_;
    if (oldest_) stats.oldest_age = std::max(0.0, unix_time.count() - *oldest_);
    if (called_) stats.sending_for = std::max(0.0, monotonic.count() - *called_);
    return stats;
  }

 private:
  mutable std::mutex mutex_;
  SpoolStats stats_;  // guarded by mutex_, like the members below
  std::optional<double> oldest_;
  std::optional<double> called_;
};

void bind_spool_counters(nanobind::module_& module);

}  // namespace freshframe::python
