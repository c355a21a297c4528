// Counters of model runs.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/stats.hpp"

#include <mutex>
#include <string>
#include <utility>

namespace freshframe::inference {

/// Thread-safe.
class InferenceCounters {
 public:
  InferenceCounters(std::string provider, int threads) : provider_(std::move(provider)), threads_(threads) {}

  void add(double seconds) {
    const std::scoped_lock lock(mutex_);  // threads of PictureThreads may finish runs at the same time
    runs_.add(seconds, Clock::real()->now());
  }
  [[nodiscard]] InferenceStats read(Span span) const {
    const auto time = runs_.quantiles(span, Clock::real()->now());
    return {.provider = provider_,
            .threads = threads_,
            .runs = runs_.count(),
            .duration_p50 = time.p50,
            .duration_p99 = time.p99};
  }

 private:
  const std::string provider_;
  const int threads_;
  std::mutex mutex_;
  Timings runs_;
};

}  // namespace freshframe::inference
