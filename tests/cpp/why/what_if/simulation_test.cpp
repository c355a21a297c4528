// The simulation of a graph against a model of queues, which says in ninety lines what it has to do.
// SPDX-License-Identifier: Apache-2.0
#include "why/what_if/simulation.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <queue>
#include <random>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace freshframe::core {
namespace {

using Nanoseconds = std::int64_t;
constexpr TimePoint kBegin{std::chrono::hours(1)};
constexpr Nanoseconds kHop = 100'000;
constexpr Nanoseconds kEnd = 10'000'000'000;

/// One sample of the model: its source, and when it was captured.
struct Piece {
  int source;
  Nanoseconds captured;
};

/// The specification: one node with a queue for each source, several calls at a time, and a parent that waits if
/// the queue blocks. No engine's code. Nodes are a chain: the sources, 0, 1, ... Each has its counts.
struct ModelNode {
  Queue queue;
  int batch = 1;
  Nanoseconds max_wait = 0;
  int seats = 1;
  bool crew = false;
  bool in_order = true;

  std::vector<std::deque<Piece>> lanes = {};
  std::size_t turn = 0;
  int busy = 0;
  bool armed = true;
  std::optional<Nanoseconds> gather = {};
  std::uint64_t begun = 0, next = 0, put = 0, taken = 0, dropped = 0;
  std::map<std::uint64_t, std::vector<Piece>> finished = {};
  std::deque<Piece> out = {};  // results that have not left
  std::size_t behind = 0;      // samples that were taken and have not left
  bool waits = false;          // for room at the next node
};

class Model {
 public:
  using Time = std::function<Nanoseconds(int node, std::uint64_t call, std::size_t size)>;
  Model(std::vector<ModelNode> nodes, std::size_t sources, Time time)
      : nodes_(std::move(nodes)), time_(std::move(time)) {
    for (auto& node : nodes_) node.lanes.resize(sources);
  }

  void arrive(Nanoseconds at, Piece piece) {
    when(at, [this, piece] { put(0, piece); });
  }
  void run() {
    while (!events_.empty() && std::get<0>(events_.top()) < kEnd) {
      now_ = std::get<0>(events_.top());
      const auto does = actions_[std::get<1>(events_.top())];
      events_.pop();
      does();
    }
  }

  std::vector<ModelNode> nodes_;
  std::vector<Nanoseconds> ages_;  // ages at the last node

 private:
  void when(Nanoseconds at, std::function<void()> does) {
    events_.emplace(at, actions_.size());
    actions_.push_back(std::move(does));
  }
  [[nodiscard]] static std::size_t waiting(const ModelNode& node) {
    std::size_t sum = 0;
    for (const auto& lane : node.lanes) sum += lane.size();
    return sum;
  }
  [[nodiscard]] static std::size_t room(const ModelNode& node) {
    return static_cast<std::size_t>(std::max(1, node.queue.depth));
  }
  [[nodiscard]] bool has_room(std::size_t n) const {
    const auto& node = nodes_[n];
    if (!node.queue.blocks()) return true;
    return std::ranges::none_of(node.lanes, [&](const auto& lane) { return lane.size() >= room(node); });
  }

  void put(std::size_t n, Piece piece) {
    auto& node = nodes_[n];
    auto& lane = node.lanes[static_cast<std::size_t>(piece.source)];
    ++node.put;
    if (node.queue.depth == 0 && (!node.armed || waiting(node) > 0)) {
      ++node.dropped;
    } else if (lane.size() < room(node)) {
      lane.push_back(piece);
    } else {
      ++node.dropped;
      if (node.queue.when_full == WhenFull::DropOldest) {
        lane.pop_front();
        lane.push_back(piece);
      }
    }
    when(now_ + kHop, [this, n] { take(n); });
  }
  [[nodiscard]] bool gathered(ModelNode& node) {
    if (node.batch == 1 || waiting(node) >= static_cast<std::size_t>(node.batch)) return true;
    if (std::ranges::all_of(node.lanes, [&](const auto& lane) { return lane.size() >= room(node); }))
      return true;
    if (!node.gather) {
      node.gather = now_ + node.max_wait;
      if (node.max_wait > 0)
        when(*node.gather, [this, n = &node - nodes_.data()] { take(static_cast<std::size_t>(n)); });
    }
    return now_ >= *node.gather;
  }
  void take(std::size_t n) {
    auto& node = nodes_[n];
    const auto most = 2 * static_cast<std::size_t>(node.seats) * static_cast<std::size_t>(node.batch);
    while (node.busy < node.seats && (!node.crew || node.behind < most)) {
      node.armed = true;
      if (waiting(node) == 0 || !gathered(node)) return;
      node.gather.reset();
      std::vector<Piece> got;
      while (got.size() < static_cast<std::size_t>(node.batch) && waiting(node) > 0) {
        while (node.lanes[node.turn].empty()) node.turn = (node.turn + 1) % node.lanes.size();
        got.push_back(node.lanes[node.turn].front());
        node.lanes[node.turn].pop_front();
        node.turn = (node.turn + 1) % node.lanes.size();
      }
      node.taken += got.size();
      node.behind += got.size();
      ++node.busy;
      const auto call = node.begun++;
      when(now_ + time_(static_cast<int>(n), call, got.size()), [this, n, call, got] { end(n, call, got); });
      if (n > 0 && nodes_[n - 1].waits) leave(n - 1);
    }
    node.armed = false;
  }
  void end(std::size_t n, std::uint64_t call, const std::vector<Piece>& got) {
    auto& node = nodes_[n];
    if (n + 1 == nodes_.size()) {
      for (const auto& piece : got) ages_.push_back(now_ - piece.captured);
    }
    node.finished[call] = got;
    if (node.crew) --node.busy;
    while (!node.finished.empty() && (!node.in_order || node.finished.begin()->first == node.next)) {
      node.next = node.finished.begin()->first + 1;
      for (const auto& piece : node.finished.begin()->second) node.out.push_back(piece);
      node.finished.erase(node.finished.begin());
    }
    leave(n);
  }
  void leave(std::size_t n) {
    auto& node = nodes_[n];
    node.waits = false;
    while (!node.out.empty() && !node.waits) {
      if (n + 1 < nodes_.size()) node.waits = !has_room(n + 1);
      if (node.waits) break;
      if (n + 1 < nodes_.size()) put(n + 1, node.out.front());
      node.out.pop_front();
      --node.behind;
    }
    if (!node.crew && !node.waits) --node.busy;
    take(n);
  }

  Time time_;
  Nanoseconds now_ = 0;
  using At = std::tuple<Nanoseconds, std::size_t>;
  std::priority_queue<At, std::vector<At>, std::greater<>> events_;
  std::vector<std::function<void()>> actions_;
};

Nanoseconds time_of_call(unsigned seed, int node, std::uint64_t call, std::size_t size) {
  std::mt19937_64 random(seed * 1000003U + static_cast<unsigned>(node) * 7919U + call * 31U);
  random.discard(2);
  return static_cast<Nanoseconds>(2'000'000 + random() % 90'000'000 + size * 3'000'001);
}

/// A chain below one or two sources, with everything drawn.
struct Schedule {
  explicit Schedule(unsigned its_seed) : seed(its_seed), random(its_seed) {
    sources = 1 + one_of(2);
    const auto count = 1 + one_of(3);
    for (std::size_t n = 0; n < count; ++n) nodes.push_back(node(n));
    for (std::size_t s = 0; s < sources; ++s) {
      auto& times = arrivals.emplace_back();
      const auto interval = 10'000'000 + static_cast<Nanoseconds>(random() % 90'000'000);
      for (Nanoseconds t = static_cast<Nanoseconds>(random() % 90'000'000); t < kEnd;) {
        times.push_back(t);
        t += interval / 2 + static_cast<Nanoseconds>(random() % static_cast<std::uint64_t>(interval));
      }
    }
  }
  std::size_t one_of(std::size_t count) { return static_cast<std::size_t>(random() % count); }

  ModelNode node(std::size_t place) {
    const std::array kQueues = {kLatest,
                                kNext,
                                Queue{3},
                                Queue{8},
                                Queue{5, WhenFull::DropNewest},
                                Queue{1, WhenFull::DropNewest},
                                Queue{2, WhenFull::Block},
                                kLossless};
    ModelNode out;
    out.queue = kQueues[one_of(place == 0 ? 6 : kQueues.size())];  // no source waits
    if (sources == 1 && one_of(3) == 0) {
      out.batch = 2 + static_cast<int>(one_of(4));
      out.max_wait = one_of(3) == 0 ? 0 : static_cast<Nanoseconds>(1'000'000 + random() % 120'000'000);
    }
    out.crew = one_of(3) == 0;
    if (out.crew) out.seats = 1 + static_cast<int>(one_of(4));
    out.in_order = !out.crew || one_of(2) == 0;
    // A thread that gathers wants no sample handed over meanwhile; the workers' thread does.
    if (out.batch > 1 && out.queue.depth == 0) out.queue = kLatest;
    return out;
  }

  unsigned seed;
  std::mt19937_64 random;
  std::size_t sources = 1;
  std::vector<ModelNode> nodes;
  std::vector<std::vector<Nanoseconds>> arrivals;
};

Model modelled(const Schedule& schedule) {
  Model model(schedule.nodes, schedule.sources, [&](int node, std::uint64_t call, std::size_t size) {
    return time_of_call(schedule.seed, node, call, size);
  });
  for (std::size_t s = 0; s < schedule.sources; ++s) {
    for (const auto time : schedule.arrivals[s]) model.arrive(time, {static_cast<int>(s), time});
  }
  model.run();
  return model;
}

TimePoint point(Nanoseconds time) {
  return kBegin + std::chrono::nanoseconds(time);
}

constexpr int kFirst = 10;  // the number of the first node

EdgeOptions edge_from(int parent, const Queue& queue, std::vector<int> sources) {
  EdgeOptions options;
  options.parent = parent;
  options.queue = queue;
  options.sources = std::move(sources);
  options.number = parent;
  return options;
}

Plan planned(const Schedule& schedule) {
  Plan plan;
  plan.hop = Seconds(1e-9 * kHop);
  std::vector<int> all;
  for (std::size_t s = 0; s < schedule.sources; ++s) all.push_back(static_cast<int>(s));
  plan.sources = all;
  for (std::size_t n = 0; n < schedule.nodes.size(); ++n) {
    const auto& node = schedule.nodes[n];
    PlannedNode out{.seats = node.seats, .has_crew = node.crew, .in_order = node.in_order};
    if (node.batch > 1) out.batch = Batch{node.batch, 1e-9 * static_cast<double>(node.max_wait)};
    if (n == 0) {
      for (const int s : all) out.edges.push_back(edge_from(s, node.queue, {s}));
    } else {
      out.edges.push_back(edge_from(kFirst + static_cast<int>(n) - 1, node.queue, all));
    }
    out.is_end = n + 1 == schedule.nodes.size();
    plan.nodes[kFirst + static_cast<int>(n)] = std::move(out);
  }
  return plan;
}

Played played(const Schedule& schedule) {
  std::map<int, std::size_t> next;
  std::map<int, std::uint64_t> calls;
  const PlannedTimes times{
      .next_arrival = [&](int source) -> PlannedTimes::Arrival {
        const auto& all = schedule.arrivals[static_cast<std::size_t>(source)];
        const auto index = next[source]++;
        const auto time = point(index < all.size() ? all[index] : 2 * kEnd);
        return {time, time};
      },
      .call_time = [&](int node, std::size_t size) -> Seconds {
        return std::chrono::nanoseconds(time_of_call(schedule.seed, node - kFirst, calls[node]++, size));
      }};
  return play(planned(schedule), times, kBegin, point(kEnd));
}

TEST(Simulation, HasTheCountsAndAgesOfTheModelInAThousandRandomSchedules) {
  std::uint64_t samples = 0;
  std::uint64_t drops = 0;
  for (unsigned seed = 0; seed < 1000; ++seed) {
    const Schedule schedule(seed);
    const auto expected = modelled(schedule);
    auto seen = played(schedule);
    for (std::size_t n = 0; n < schedule.nodes.size(); ++n) {
      const int number = kFirst + static_cast<int>(n);
      std::uint64_t put = 0;
      std::uint64_t delivered = 0;
      std::uint64_t dropped = 0;
      for (const auto& edge : seen.edges.at(number)) {
        put += edge.passed_in;
        delivered += edge.delivered;
        dropped += edge.dropped;
      }
      ASSERT_EQ(put, expected.nodes_[n].put) << "schedule " << seed << ", node " << n;
      ASSERT_EQ(delivered, expected.nodes_[n].taken) << "schedule " << seed << ", node " << n;
      ASSERT_EQ(dropped, expected.nodes_[n].dropped) << "schedule " << seed << ", node " << n;
      ASSERT_EQ(seen.work[number].calls, expected.nodes_[n].begun) << "schedule " << seed << ", node " << n;
      drops += dropped;
    }
    const auto& ends = seen.ends[kFirst + static_cast<int>(schedule.nodes.size()) - 1];
    ASSERT_EQ(ends.size(), expected.ages_.size()) << "schedule " << seed;
    for (std::size_t i = 0; i < ends.size(); ++i)
      ASSERT_NEAR(ends[i].age, 1e-9 * static_cast<double>(expected.ages_[i]), 1e-6) << "schedule " << seed;
    samples += ends.size();
  }
  EXPECT_GT(samples, 100'000U);  // the schedules are no empty ones
  EXPECT_GT(drops, 100'000U);
}

}  // namespace
}  // namespace freshframe::core
