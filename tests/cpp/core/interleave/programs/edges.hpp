// An inbox with its edges as the programs use it, and what must hold after each order of their calls.
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
using core::EdgeOptions;
using core::Inbox;
using core::Taken;

inline constexpr Queue kTwoDropsNewest{2, WhenFull::DropNewest};
inline constexpr Queue kOneBlocks{1, WhenFull::Block};

/// The time of an execution.
const std::shared_ptr<const Clock>& simulated_clock();

/// `captured`: seconds.
AnySample sample_of(int seq, int source = 0, double captured = 0);

/// A world with an inbox. Checks after each order: the counters of all edges balance, and the samples of each source
/// came once and in their order. More is checked on request, below.
class Edges : public World {
 public:
  Edges();
  void check() override;

 protected:
  // ---- for the constructor of a program
  void edge(EdgeOptions options);
  void edge(Queue queue, std::vector<int> sources = {});
  /// The results and the counters of the only edge are what some order of the calls gives on a queue of thirty
  /// lines. For programs whose threads use put(), take(), newest(), close() and end_edge() alone.
  void follows_model() noexcept { follows_model_ = true; }
  /// A deadline that has to pass, because nothing else can go on, is a lost wake-up.
  void needs_no_deadline() noexcept { needs_no_deadline_ = true; }
  /// A check of the program's own, at the end.
  void finally(std::function<void()> check) { finally_ = std::move(check); }

  // ---- for its threads
  void put(int seq, std::size_t edge = 0, bool is_last = false);
  /// A sample of a source, or of a time, on an edge.
  void give(AnySample sample, std::size_t edge = 0);
  /// The number of the sample, kNothing or kEnded.
  int take();
  int newest();
  void take_all();
  void take_batches(const Batch& batch);
  void close();
  void end(std::size_t edge = 0);
  /// Checks the counters of all edges, at any moment.
  void audit() const;
  void got(const AnySample& sample);
  /// Removes an edge, whose last counters balance.
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
