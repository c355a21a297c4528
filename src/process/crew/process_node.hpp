// A node that runs in worker processes, as seen by the graph.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"
#include "freshframe/error.hpp"
#include "freshframe/mutex.hpp"
#include "freshframe/node.hpp"
#include "freshframe/stats.hpp"

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "process/crew/bell.hpp"
#include "process/crew/node_description.hpp"
#include "process/crew/options.hpp"
#include "process/life/child.hpp"
#include "process/memory/slab_pool.hpp"

namespace freshframe::process {

/// Statistics of the workers. Thread-safe: written by the control thread.
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
      const auto use = read_use(worker.pid);
      worker.rss_bytes = use.rss_bytes;
      worker.cpu = use.cpu;
    }
    return result;
  }

 private:
  mutable Mutex mutex_;
  std::vector<WorkerStats> workers_ FRESHFRAME_GUARDED_BY(mutex_);
};

/// The embedder runs it with Crew(...).run() on a separate thread. While a ProcessNode exists, images are
/// allocated in memory that workers can read.
class ProcessNode final : public NodeBase {
 public:
  ProcessNode(NodeDescription description, const CrewOptions& options, Recipe recipe)
      : description_(std::move(description)),
        options_(options),
        recipe_(std::move(recipe)),
        board_(static_cast<std::size_t>(options.workers)) {}

  [[nodiscard]] std::string default_name() const override { return description_.name; }
  [[nodiscard]] const TypeInfo* input_type() const noexcept override { return description_.input; }
  [[nodiscard]] const TypeInfo* output_type() const noexcept override { return description_.output; }
  /// The embedder has checked that the node accepts batches.
  [[nodiscard]] NodeContract contract() const override {
    auto own = make_contract(description_);
    own.takes_batches = own.runs_outside = true;
    return own;
  }
  [[nodiscard]] NodeAbilities abilities() noexcept override { return {.workers = this}; }
  [[nodiscard]] NodeReport report(Span /*span*/) const override { return {.workers = board_.read()}; }
  std::optional<Emitted> process_any(const AnySample& /*sample*/, const Context& /*context*/) override {
    return std::nullopt;  // never called, because the workers process samples
  }

  [[nodiscard]] const CrewOptions& options() const noexcept { return options_; }
  [[nodiscard]] const Recipe& recipe() const noexcept { return recipe_; }
  [[nodiscard]] Board& board() noexcept { return board_; }

  /// Called when the control thread runs and can be woken, and with null when it has ended: images need no
  /// shared memory from then on.
  void attach(std::shared_ptr<Bell> bell) {
    if (!bell) slabs_.reset();
    const Lock lock(mutex_);
    bell_ = std::move(bell);
  }

  /// Kills workers that still run at `time`, after a stop. The earliest time counts, because a failed start()
  /// may stop again with its own timeout. Thread-safe.
  void kill_by(TimePoint time) {
    const auto wanted = time.time_since_epoch().count();
    auto known = kill_by_.load(std::memory_order_relaxed);
    while ((known == 0 || wanted < known) &&
           !kill_by_.compare_exchange_weak(known, wanted, std::memory_order_relaxed)) {
    }
    const Lock lock(mutex_);
    if (bell_) bell_->ring();
  }
  /// Returns nullopt if it is not set.
  [[nodiscard]] std::optional<TimePoint> kill_by() const noexcept {
    const auto time = kill_by_.load(std::memory_order_relaxed);
    if (time == 0) return std::nullopt;
    return TimePoint(TimePoint::duration(time));
  }

 private:
  const NodeDescription description_;
  const CrewOptions options_;
  const Recipe recipe_;
  std::optional<SlabUse> slabs_{std::in_place};
  Board board_;
  std::atomic<TimePoint::rep> kill_by_{0};
  Mutex mutex_;
  std::shared_ptr<Bell> bell_ FRESHFRAME_GUARDED_BY(mutex_);
};

/// Throws Error if the node is not a ProcessNode.
[[nodiscard]] inline ProcessNode& process_node(NodeBase& node) {
  auto* const workers = node.abilities().workers;
  if (workers == nullptr) throw Error("'" + node.default_name() + "' has no worker processes");
  return *workers;
}

}  // namespace freshframe::process
