// A node's way out: a result gets its stamp here, and goes to every child.
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

/// One for each node, in whatever home it runs. One thread stamps; one at a time sends, which may be another
/// one. is_blocked() and the taps: any thread.
///
/// Note [Order within a source]
/// The results of a node have one order within a source: by (seq, part). A result usually has the stamp of the
/// sample that it was made of, so their order is the samples' order. `part` numbers the results of one seq,
/// where a node gives several. A plain result keeps the part of its sample. A result with the stamp of an
/// earlier sample (Emitted::like) is refused when a later one has left already: a child could not see which of the
/// two is newer.
class Outlet {
 public:
  /// `gives_several`: NodeBase::gives_several().
  Outlet(int node, bool gives_several, std::shared_ptr<FrameBudget> budget)
      : node_(node), gives_several_(gives_several), budget_(std::move(budget)) {}
  Outlet(const Outlet&) = delete;
  Outlet& operator=(const Outlet&) = delete;

  // ---- any thread
  /// The edges to the children.
  [[nodiscard]] Outputs& outputs() noexcept { return outputs_; }
  /// A tap for the pictures of one source, or of all (-1).
  [[nodiscard]] std::shared_ptr<PictureTap> tap(int source);
  [[nodiscard]] bool has_tap(int source, const PictureTap& tap);
  void forget_tap(const PictureTap& tap);
  [[nodiscard]] std::vector<std::shared_ptr<PictureTap>> taps();

  // ---- the thread that stamps
  /// The sample that a result of `from` becomes. Throws Error when its stamp is not of this node's sources,
  /// or goes backwards.
  AnySample stamp_result(Emitted result, const AnySample& from);
  /// The seq of the next sample of the node's own stream.
  [[nodiscard]] std::int64_t next_own_seq() { return get_position(node_).seq + 1; }
  /// No result of the source will be stamped any more.
  void forget_place(int source);

  // ---- the thread that sends
  /// Sends a sample to the children. Waits on full blocking edges.
  void send(AnySample&& sample);
  /// Both. Costs next to nothing while the result has no taker.
  void emit(Emitted result, const AnySample& from);
  /// The demand of the child that was added last.
  [[nodiscard]] const Demand& demand() { return outputs_.list().demand; }
  /// Whether send() would wait. No stays true until this thread's next send().
  [[nodiscard]] bool would_wait();
  /// Last results follow: recorders take them after a stop, too.
  void begin_last() noexcept { is_last_.store(true, std::memory_order_relaxed); }
  [[nodiscard]] bool is_last() const noexcept { return is_last_.load(std::memory_order_relaxed); }
  /// Whether results had stamps of earlier samples, so that more of them may follow the end of their source.
  [[nodiscard]] bool delays() const noexcept { return delays_.load(std::memory_order_relaxed); }
  /// Ends the edges.
  void end_edges();
  /// Notifies the children that a source has ended. Any thread, after the last send() of it.
  void end_edges(const GoneSource& gone);

  /// The number of results so far, with and without a taker.
  [[nodiscard]] std::uint64_t given_count() const noexcept { return given_.load(std::memory_order_relaxed); }
  /// Whether a node or a reader takes the results.
  [[nodiscard]] bool is_taken() const { return !outputs_.newest()->edges.empty(); }

  /// The thread waits for room, on an edge or in the budget of frames.
  [[nodiscard]] bool is_blocked() const noexcept { return blocked_.load(std::memory_order_relaxed); }
  void set_blocked(bool blocked) noexcept { blocked_.store(blocked, std::memory_order_relaxed); }

 private:
  /// Where the results of one source have got to.
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
  /// Late results of sources that have gone make places again.
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
  std::map<int, Position> positions_;  // of each source; the stamping thread's, like the next two
  int last_source_ = -1;               // its place is the next
  Position* last_position_ = nullptr;
  std::atomic<bool> is_last_{false};
  std::atomic<bool> delays_{false};
  std::atomic<bool> blocked_{false};
  std::atomic<std::uint64_t> given_{0};  // written by the thread that sends
};

}  // namespace freshframe::core
