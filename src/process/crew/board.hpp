// The statistics of a node's workers.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/mutex.hpp"
#include "freshframe/stats.hpp"

#include <cstddef>
#include <vector>

#include "process/life/child.hpp"

namespace freshframe::process {

/// Thread-safe: written by the control thread.
class Board {
 public:
  explicit Board(std::size_t workers) : workers_(workers) {}

  void write(std::size_t seat, const WorkerStats& stats) {
    const Lock lock(mutex_);
    workers_[seat] = stats;
  }
  /// Reads the kernel's data about the running processes.
  [[nodiscard]] std::vector<WorkerStats> read() const {
    std::vector<WorkerStats> result;
    {
      const Lock lock(mutex_);
      result = workers_;
    }
    for (auto& worker : result) {
      if (worker.pid == 0) continue;
      const auto use = use_of(worker.pid);
      worker.rss_bytes = use.rss_bytes;
      worker.cpu = use.cpu;
    }
    return result;
  }

 private:
  mutable Mutex mutex_;
  std::vector<WorkerStats> workers_ FRESHFRAME_GUARDED_BY(mutex_);
};

}  // namespace freshframe::process
