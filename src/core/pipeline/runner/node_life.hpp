// The states of a node: added, opened, connected, asked to stop, removed, finished.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"
#include "freshframe/mutex.hpp"

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <stop_token>
#include <thread>
#include <utility>

namespace freshframe::core {

struct Removal;

/// Thread-safe, unless noted otherwise.
class NodeLife {
 public:
  enum class Opening : std::uint8_t { Open, Opened, Failed };

  /// `until` is the pipeline's stop, which also stops the node.
  explicit NodeLife(const std::stop_token& until)
      : stop_token_(stop_.get_token()), chained_(until, [this] { stop_.request_stop(); }) {}
  NodeLife(const NodeLife&) = delete;
  NodeLife& operator=(const NodeLife&) = delete;

  // ---- its thread

  /// Returns true if the calling thread has added the node.
  [[nodiscard]] bool is_added_here() const noexcept { return adder_ == std::this_thread::get_id(); }
  /// For an embedder. Returns true only once: to the node's thread, or to a call that finishes the node
  /// without one.
  [[nodiscard]] bool claim() noexcept { return !claimed_.exchange(true); }
  /// Returns the kernel's thread ID; 0 before the thread has started.
  [[nodiscard]] int thread_id() const noexcept { return thread_id_.load(std::memory_order_relaxed); }
  void set_thread_id(int id) noexcept { thread_id_.store(id, std::memory_order_relaxed); }

  // ---- its stop

  /// Interrupts the node's waits and the source's reads.
  void request_stop() { stop_.request_stop(); }
  [[nodiscard]] const std::stop_token& stop_token() const noexcept { return stop_token_; }
  [[nodiscard]] bool stopping() const noexcept { return stop_token_.stop_requested(); }

  // ---- its start

  /// Marks the node as added while the pipeline runs: add() throws failures of open(), and a source does not
  /// read before is_connected(). Call before its thread starts.
  void set_late() noexcept { late_ = true; }
  [[nodiscard]] bool is_late() const noexcept { return late_; }
  /// Called once, on the runner's thread.
  void set_opened(bool opened) noexcept {
    opening_.store(opened ? Opening::Opened : Opening::Failed, std::memory_order_release);
  }
  [[nodiscard]] Opening opening() const noexcept { return opening_.load(std::memory_order_acquire); }
  /// Called when add() has connected the node's edges.
  void set_connected() noexcept { connected_.store(true, std::memory_order_release); }
  [[nodiscard]] bool is_connected() const noexcept { return connected_.load(std::memory_order_acquire); }
  /// Keeps a failure for add() to throw. Returns false if no add() is waiting any more.
  [[nodiscard]] bool keep_for_add(std::exception_ptr error);
  /// Returns null if there is no failure or it was already taken.
  [[nodiscard]] std::exception_ptr take_add_failure();
  /// Called when add() no longer waits for the node.
  void leave_add();

  // ---- its removal

  /// Makes the node part of a removal. Returns false if it is already part of another one, which does not
  /// change.
  bool begin_removal(std::shared_ptr<Removal> removal);
  /// Returns the removal that the node is part of, or null.
  [[nodiscard]] std::shared_ptr<Removal> removal() const;
  /// Called when the node has left the graph.
  void set_forgotten() noexcept { forgotten_.store(true, std::memory_order_release); }
  [[nodiscard]] bool is_forgotten() const noexcept { return forgotten_.load(std::memory_order_acquire); }
  /// Returns true if the node is being added or removed, so that its failure does not end the pipeline.
  [[nodiscard]] bool is_outside_the_run() const { return (late_ && !is_connected()) || removal() != nullptr; }

  // ---- its end; set on the runner's thread
  void set_failed() noexcept { closed_cleanly_.store(false, std::memory_order_relaxed); }
  [[nodiscard]] bool closed_cleanly() const noexcept {
    return closed_cleanly_.load(std::memory_order_relaxed);
  }
  /// Records that a stop ended the source's stream early.
  void set_cut_short() noexcept { cut_short_.store(true, std::memory_order_relaxed); }
  [[nodiscard]] bool cut_short() const noexcept { return cut_short_.load(std::memory_order_relaxed); }
  void set_finished(TimePoint now) noexcept {
    closed_at_ = now;
    finished_.store(true, std::memory_order_release);
  }
  [[nodiscard]] bool is_finished() const noexcept { return finished_.load(std::memory_order_acquire); }
  /// Returns the time at which the node finished, or `now` if it has not.
  [[nodiscard]] TimePoint end_or(TimePoint now) const noexcept { return is_finished() ? closed_at_ : now; }

 private:
  const std::thread::id adder_ = std::this_thread::get_id();
  std::atomic<bool> claimed_{false};
  std::atomic<int> thread_id_{0};
  std::stop_source stop_;
  const std::stop_token stop_token_;
  bool late_ = false;  // set before the node's thread starts
  std::atomic<Opening> opening_{Opening::Open};
  std::atomic<bool> connected_{false};
  mutable Mutex removal_mutex_;
  std::shared_ptr<Removal> removal_ FRESHFRAME_GUARDED_BY(removal_mutex_);
  std::exception_ptr add_failure_ FRESHFRAME_GUARDED_BY(removal_mutex_);
  bool add_was_left_ FRESHFRAME_GUARDED_BY(removal_mutex_) = false;
  std::atomic<bool> forgotten_{false};
  std::atomic<bool> closed_cleanly_{true};
  std::atomic<bool> cut_short_{false};
  TimePoint closed_at_{};  // written before finished_ is set, read after it
  std::atomic<bool> finished_{false};
  // Declared last, because the callback may be called immediately.
  const std::stop_callback<std::function<void()>> chained_;
};

inline bool NodeLife::begin_removal(std::shared_ptr<Removal> removal) {
  const Lock lock(removal_mutex_);
  if (removal_ != nullptr) return false;
  removal_ = std::move(removal);
  return true;
}

inline std::shared_ptr<Removal> NodeLife::removal() const {
  const Lock lock(removal_mutex_);
  return removal_;
}

inline bool NodeLife::keep_for_add(std::exception_ptr error) {
  const Lock lock(removal_mutex_);
  if (add_was_left_) return false;
  if (!add_failure_) add_failure_ = std::move(error);
  return true;
}

inline std::exception_ptr NodeLife::take_add_failure() {
  const Lock lock(removal_mutex_);
  return std::exchange(add_failure_, nullptr);
}

inline void NodeLife::leave_add() {
  std::exception_ptr unseen;  // destroyed without the mutex
  const Lock lock(removal_mutex_);
  add_was_left_ = true;
  unseen = std::exchange(add_failure_, nullptr);
}

}  // namespace freshframe::core
