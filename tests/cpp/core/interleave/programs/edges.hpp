// An inbox with its edges as the programs use it, and the invariants that must hold after each schedule.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"
#include "freshframe/queue.hpp"
#include "freshframe/sample.hpp"
#include "freshframe/stats.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "../scheduler/program.hpp"
#include "core/edge/inbox.hpp"
#include "model.hpp"

namespace freshframe::interleave {

using core::Closing;
using core::EdgeSetup;
using core::Inbox;
using core::Taken;

inline constexpr Queue kTwoDropsNewest{2, WhenFull::DropNewest};
inline constexpr Queue kOneBlocks{1, WhenFull::Block};

/// The simulated time of an execution.
const std::shared_ptr<const Clock>& simulated_clock();

/// `captured`: seconds.
AnySample sample_of(int seq, int source = 0, double captured = 0);

/// A program with an inbox. After each execution it checks that the counters of all edges balance, and that
/// the samples of each source arrived once and in order. The functions below request further checks.
class Edges : public World {
 public:
  Edges();
  void check() override;

 protected:
  // ---- for a program's constructor
  void edge(EdgeSetup options);
  void edge(Queue queue, std::vector<int> sources = {});
  /// Requires that the results and the counters of the only edge can be explained by some order of the calls
  /// on a queue of thirty lines (linearizability). Only for programs whose threads use put(), take(),
  /// newest(), close() and end_edge().
  void follows_model() noexcept { follows_model_ = true; }
  /// Treats a deadline that passes only because no thread can continue as a lost wake-up.
  void needs_no_deadline() noexcept { needs_no_deadline_ = true; }
  /// A check specific to the program, run at the end.
  void finally(std::function<void()> check) { finally_ = std::move(check); }

  // ---- for its threads
  void put(int seq, std::size_t edge = 0, bool is_last = false);
  /// A sample with this source or timestamp, on an edge.
  void give(AnySample sample, std::size_t edge = 0);
  /// Returns the number of the sample, kNothing or kEnded.
  int take();
  int newest();
  void take_all();
  void take_batches(const Batch& batch);
  void close();
  void end(std::size_t edge = 0);
  /// Checks the counters of all edges. May be called at any time.
  void audit() const;
  void got(const AnySample& sample);
  /// Removes an edge and checks that its last counters balance.
  void remove(std::size_t edge);

  Inbox inbox_;
  std::vector<core::EdgeRef> edges_;

  [[nodiscard]] std::size_t received() const noexcept { return got_.size(); }

 private:
  void check_books(const std::vector<EdgeStats>& all) const;
  void check_order() const;
  void end_call(Call call);
  int end_take(Call call, Taken taken, const AnySample& sample);

  std::deque<std::atomic<bool>> blocked_;
  std::vector<std::pair<int, int>> got_;  // source and number
  std::vector<Call> calls_;
  std::int64_t tick_ = 0;
  bool follows_model_ = false;
  bool needs_no_deadline_ = false;
  std::function<void()> finally_;
};

}  // namespace freshframe::interleave
