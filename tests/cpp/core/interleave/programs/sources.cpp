// Programs about the end of a source, and about the sources of a join.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/join_node.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "edges.hpp"

namespace freshframe::interleave {
namespace {

// The consumer learns once that source 3 has ended, after its samples.
FRESHFRAME_INTERLEAVE(SourceEnds, Edges) {
  edge(kLatest, {3, 4});
  inbox_.serve_node(nullptr);
  const auto look = [this] {
    const auto all = inbox_.take_gone();
    return std::count_if(all.begin(), all.end(), [](const auto& gone) { return gone.source == 3; });
  };
  thread("producer", [this] {
    give(sample_of(0, 3)), give(sample_of(0, 4));
    inbox_.end_edge(*edges_[0], 3, 0);
    give(sample_of(1, 4));
    end();
  });
  thread("consumer", [this, look] {
    std::ptrdiff_t ends = 0;
    AnySample sample;
    for (Taken taken{}; (taken = inbox_.take(sample, TimePoint::max())) != Taken::Ended;) {
      if (taken == Taken::News) ends += look();
      if (taken != Taken::Sample) continue;
      expect(sample.stamp.source != 3 || ends == 0, "a sample of a source came after its end");
      got(sample);
    }
    if (ends == 0) ends = look();
    expect(ends == 1, "the end of a source was not told once");
  });
  thread("changer", [this] { inbox_.wake(); });
}

// A lane is removed with its source while its producer waits for room there.
FRESHFRAME_INTERLEAVE(SourceEndsWhileWaiting, Edges) {
  edge(kOneBlocks, {3, 4});
  thread("producer", [this] { give(sample_of(0, 3)), give(sample_of(1, 3)), end(); });
  thread("consumer", [this] { take_all(); });
  thread("changer", [this] { inbox_.end_edge(*edges_[0], 3, 0); });
}

// A consumer is woken for a sample that is gone by the time it looks. The next one must wake it again.
FRESHFRAME_INTERLEAVE(DropSourceTake, Edges) {
  edge(kLatest, {3});
  deadlines_come_last();
  thread("producer", [this] { give(sample_of(0, 3)), give(sample_of(1, 3)); });
  thread("consumer", [this] {
    constexpr std::int64_t kHalf = 500'000'000'000;  // nanoseconds
    AnySample sample;
    const auto taken = inbox_.take(sample, simulated_clock()->now() + std::chrono::seconds(1000));
    expect(taken != Taken::Sample || now_ns() < kHalf,
           "the consumer slept until its deadline beside a sample");
  });
  thread("changer", [this] { inbox_.drop_source(3); });
}

// ---- joins: two cameras whose frames are 26.4 ms apart

constexpr double kWithin = .02;  // seconds

class Join : public Edges {
 protected:
  Join() {
    inbox_.expect_join();
    EdgeSetup camera;
    camera.queue = kJoining;
    camera.joined = true;
    edge(camera);
    edge(camera);
    inbox_.join({.by = JoinBy::Captured, .within = kWithin, .wait = .05});
  }
  void give_left() { give(sample_of(0, 0, 1.0), 0), give(sample_of(1, 0, 1.0333), 0); }
  void give_right() { give(sample_of(0, 1, 1.0264), 1), give(sample_of(1, 1, 1.0597), 1); }
  void take_sets() {
    AnySample sample;
    while (inbox_.take(sample, TimePoint::max()) == Taken::Sample) {
      const auto& parts = sample.value.as<Joined>()->members;
      for (const auto& part : parts) {
        if (part) got(*part);
      }
      if (!parts[0] || !parts[1]) continue;
      const auto apart = Seconds(parts[0]->stamp.captured - parts[1]->stamp.captured).count();
      if (std::abs(apart) > kWithin + 1e-6)
        fail("the parts of a set are " + std::to_string(apart) + " s apart");
    }
  }
};

FRESHFRAME_INTERLEAVE(JoinTwo, Join) {
  thread("left", [this] { give_left(); });
  thread("right", [this] { give_right(); });
  thread("reader", [this] { take_sets(); });
  thread("stopper", [this] { close(); });
}

FRESHFRAME_INTERLEAVE(JoinRemove, Join) {
  thread("left", [this] { give_left(), end(0); });
  thread("right", [this] { give_right(), end(1); });
  thread("reader", [this] { take_sets(); });
  thread("remover", [this] { remove(1); });
}

}  // namespace
}  // namespace freshframe::interleave
