// The outputs of a node: stamps its results and sends them to every child.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/mutex.hpp"
#include "freshframe/node.hpp"
#include "freshframe/sample.hpp"

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "core/edge/inbox.hpp"
#include "core/frame/frame_budget.hpp"
#include "core/pipeline/runner/outputs.hpp"
#include "core/watch/picture_tap.hpp"

namespace freshframe::core {

/// One per node. Only one thread stamps, and one thread at a time sends, which may be another one.
/// is_blocked() and the taps are thread-safe.
/// Note [Order within a source]
///
/// For each source, the results of a node are ordered by (seq, part). A result usually has the stamp of the
/// sample that it was made from, so results are in the order of the samples. `part` numbers the results of
/// one seq if a node gives several; otherwise a result keeps the part of its sample. A result with the stamp
/// of an earlier sample (Emitted::like) is rejected if a later one was already sent, because a child could
/// not tell which is newer.
class Outlet {
 public:
  /// `gives_several`: see NodeContract::gives_several.
  Outlet(int node, bool gives_several, std::shared_ptr<FrameBudget> budget)
      : node_(node), gives_several_(gives_several), budget_(std::move(budget)) {}
  Outlet(const Outlet&) = delete;
  Outlet& operator=(const Outlet&) = delete;

  // ---- thread-safe

  /// The edges to the children.
  [[nodiscard]] Outputs& outputs() noexcept { return outputs_; }
  /// Returns the tap for frames of one source, or of all (-1).
  [[nodiscard]] std::shared_ptr<PictureTap> tap(int source);
  [[nodiscard]] bool has_tap(int source, const PictureTap& tap);
  void forget_tap(const PictureTap& tap);
  [[nodiscard]] std::vector<std::shared_ptr<PictureTap>> taps();

  // ---- the thread that stamps

  /// Makes a sample from a result of `from`. Throws Error if its stamp is not of one of the node's sources,
  /// or goes backwards.
  AnySample stamp_result(Emitted result, const AnySample& from);
  /// Returns the seq of the next sample of the node's own stream.
  [[nodiscard]] std::int64_t next_own_seq() { return get_position(node_).seq + 1; }
  /// Call when no more results of the source will be stamped.
  void forget_place(int source);

  // ---- the thread that sends

  /// Sends a sample to the children. Waits while blocking edges are full.
  void send(AnySample&& sample);
  /// Calls stamp_result() and send(). Costs almost nothing while the node has no consumer.
  void emit(Emitted result, const AnySample& from);
  /// Returns the demand of the child that was added last.
  [[nodiscard]] const Demand& demand() { return outputs_.list().demand; }
  /// Returns true if send() would wait. On the sending thread, false stays true until the next send().
  [[nodiscard]] bool would_wait();
  /// Marks further results as final, which recorders accept even after a stop.
  void begin_last() noexcept { is_last_.store(true, std::memory_order_relaxed); }
  [[nodiscard]] bool is_last() const noexcept { return is_last_.load(std::memory_order_relaxed); }
  /// Returns true if results had stamps of earlier samples, so that more results may follow after a source
  /// has ended.
  [[nodiscard]] bool delays() const noexcept { return delays_.load(std::memory_order_relaxed); }
  /// Ends the edges.
  void end_edges();
  /// Tells the children that a source has ended. Thread-safe. Call after the last send() of its samples.
  void end_edges(const GoneSource& gone);

  /// Number of results so far, sent or not.
  [[nodiscard]] std::uint64_t given_count() const noexcept { return given_.load(std::memory_order_relaxed); }
  /// Returns true if any node or reader takes the results.
  [[nodiscard]] bool is_taken() const { return !outputs_.newest()->edges.empty(); }

  /// Returns true if the thread is waiting for room, on an edge or in the frame budget.
  [[nodiscard]] bool is_blocked() const noexcept { return blocked_.load(std::memory_order_relaxed); }
  void set_blocked(bool blocked) noexcept { blocked_.store(blocked, std::memory_order_relaxed); }

 private:
  /// Position of the latest result of a source.
  struct Position {
    std::int64_t seq = -1;
    int part = 0;
  };

  void count_given() noexcept {
    given_.store(given_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  [[nodiscard]] bool anyone_looks() const noexcept { return tap_count_.load(std::memory_order_relaxed) > 0; }
  void offer_to_taps(const AnySample& sample);
  [[nodiscard]] Position& get_position(int source);
  void check(const Stamp& stamp);
  /// Removes positions that late results of removed sources have created again.
  void drop_old_places(const Outputs::List& list);

  const int node_;
  const bool gives_several_;
  const std::shared_ptr<FrameBudget> budget_;
  Outputs outputs_;
  struct Tapped {
    int source;
    std::shared_ptr<PictureTap> tap;
  };
  Mutex taps_mutex_;
  std::vector<Tapped> taps_ FRESHFRAME_GUARDED_BY(taps_mutex_);
  std::atomic<int> tap_count_{0};
  // Latest positions by source; only used on the stamping thread, as are the next two.
  std::map<int, Position> positions_;
  int last_source_ = -1;  // the source of `last_position_`
  Position* last_position_ = nullptr;
  std::atomic<bool> is_last_{false};
  std::atomic<bool> delays_{false};
  std::atomic<bool> blocked_{false};
  std::atomic<std::uint64_t> given_{0};  // written by the sending thread
};

}  // namespace freshframe::core
