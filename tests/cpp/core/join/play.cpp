// Runs schedules of arrivals through an inbox with a join, under a simulated clock, and prints its sets and its
// counters. rules_test.py and bench/join.py compare them with other algorithms.
// SPDX-License-Identifier: Apache-2.0
//
// Input, on stdin: for each schedule a line `schedule PARENTS WITHIN WAIT PARTIAL DEPTH`, with WAIT 0 for none,
// then its events in the order of time: `put PARENT TIME NOW`, `end PARENT NOW`, `advance NOW`, and `done`,
// after which no sample waits. Output: `set NOW TIME ...`, with `-` for a missing one, and, at `done`,
// `books PARENT PUT JOINED UNMATCHED LATE QUEUE_FULL WAITING` of each parent, then `done`.
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdio>
#include <iostream>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/edge/inbox.hpp"

namespace freshframe::test {
namespace {

using namespace freshframe::core;  // NOLINT(google-build-using-namespace)

class Player {
 public:
  Player(std::size_t parents, const JoinRules& rules, int depth)
      : clock_(std::make_shared<SimulatedClock>()),
        inbox_("join", clock_),
        step_(rules.wait ? *rules.wait / 2 : std::numeric_limits<double>::infinity()) {
    for (std::size_t i = 0; i < parents; ++i) {
      edges_.push_back(inbox_.add_edge({.parent = static_cast<int>(i),
                                        .parent_name = std::to_string(i),
                                        .queue = {depth},
                                        .joined = true}));
    }
    inbox_.expect_join();
    inbox_.join(rules);
  }

  void put(int parent, double time, double now) {
    advance(now);
    AnySample sample;
    sample.stamp.pts = time;
    sample.stamp.source = parent;
    sample.value = ValueRef::make<int>(0);
    inbox_.put(edge_of(parent), std::move(sample), blocked_);
    take();
  }
  void end(int parent, double now) {
    advance(now);
    inbox_.end_edge(edge_of(parent));
    take();
  }
  /// In small steps while samples wait, because a waiting consumer would look that often.
  void advance(double now) {
    const auto until = TimePoint{} + to_duration(Seconds(now));
    for (auto left = until - clock_->now(); left.count() > 0; left = until - clock_->now()) {
      const bool waits =
          std::ranges::any_of(inbox_.stats(), [](const auto& edge) { return edge.waiting > 0; });
      clock_->advance(waits ? std::min<Seconds>(left, step_) : Seconds(left));
      take();
    }
  }
  void print_books() const {
    std::size_t parent = 0;
    for (const auto& edge : inbox_.stats()) {
      const auto dropped = [&](DropCause cause) {
        const auto found = edge.drops.find(cause);
        return found == edge.drops.end() ? 0UL : static_cast<unsigned long>(found->second);
      };
      std::printf("books %zu %lu %lu %lu %lu %lu %lu\n", parent++, static_cast<unsigned long>(edge.passed_in),
                  static_cast<unsigned long>(edge.delivered), dropped(DropCause::Unmatched),
                  dropped(DropCause::Late), dropped(DropCause::QueueFull),
                  static_cast<unsigned long>(edge.waiting));
    }
    std::printf("done\n");
  }

 private:
  [[nodiscard]] Edge& edge_of(int parent) const { return *edges_[static_cast<std::size_t>(parent)]; }
  void take() {
    AnySample sample;
    while (inbox_.take(sample, kWithoutWait) == Taken::Sample) {
      std::printf("set %.9f", Seconds(clock_->now().time_since_epoch()).count());
      for (const auto& part : sample.value.as<Joined>()->members) {
        part ? std::printf(" %.17g", part->stamp.pts) : std::printf(" -");
      }
      std::printf("\n");
    }
  }

  std::shared_ptr<SimulatedClock> clock_;
  Inbox inbox_;
  std::vector<EdgeRef> edges_;
  const Seconds step_;
  std::atomic<bool> blocked_{false};
};

int play() {
  std::unique_ptr<Player> player;
  std::string verb;
  while (std::cin >> verb) {
    int parent = 0;
    double time = 0;
    double now = 0;
    if (verb == "schedule") {
      std::size_t parents = 0;
      JoinRules rules{.by = JoinBy::Pts};
      double wait = 0;
      int depth = 0;
      std::cin >> parents >> rules.within >> wait >> rules.partial >> depth;
      if (wait > 0) rules.wait = wait;
      player = std::make_unique<Player>(parents, rules, depth);
    } else if (verb == "put") {
      std::cin >> parent >> time >> now;
      player->put(parent, time, now);
    } else if (verb == "end") {
      std::cin >> parent >> now;
      player->end(parent, now);
    } else if (verb == "advance") {
      std::cin >> now;
      player->advance(now);
    } else {
      player->print_books();
    }
    if (!std::cin) return 1;
  }
  return 0;
}

}  // namespace
}  // namespace freshframe::test

int main() {
  return freshframe::test::play();
}
