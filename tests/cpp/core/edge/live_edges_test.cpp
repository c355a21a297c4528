// Edges that are added and removed while samples flow, and the end of a source.
// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <cstdint>
#include <memory>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "core/edge/inbox.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {

using namespace freshframe::core;  // NOLINT(google-build-using-namespace)

namespace {

AnySample numbered(int source, std::int64_t seq) {
  AnySample sample{{seq, 0, {}, source}, {}, ValueRef::make<int>(static_cast<int>(seq)), 0};
  sample.stamp.captured = std::chrono::steady_clock::now();
  return sample;
}

void expect_balanced_edge(const EdgeStats& stats) {
  EXPECT_EQ(stats.passed_in, stats.delivered + stats.dropped + stats.waiting);
}

struct LiveBox {
  LiveBox() { inbox.serve_node(nullptr); }
  EdgeRef edge(std::vector<int> sources, Queue queue = kLatest) {
    return inbox.add_edge({.parent_name = "parent", .queue = queue, .sources = std::move(sources)});
  }
  void put(const EdgeRef& edge, int source, std::int64_t seq = 0) {
    inbox.put(*edge, numbered(source, seq), blocked);
  }
  Taken take() { return inbox.take(sample, kWithoutWait); }
  // The sources that have ended.
  std::vector<int> gone() {
    std::vector<int> sources;
    for (const auto& each : inbox.take_gone()) sources.push_back(each.source);
    return sources;
  }

  Inbox inbox{"node", Clock::real()};
  std::atomic<bool> blocked{false};
  AnySample sample;
};

TEST(SourceEnds, AreToldBehindTheLastSample) {
  LiveBox at;
  const auto edge = at.edge({3, 5});
  at.put(edge, 3);
  at.inbox.end_edge(*edge, 3, 0);
  EXPECT_EQ(at.take(), Taken::Sample);
  EXPECT_EQ(at.take(), Taken::News);
  EXPECT_EQ(at.gone(), (std::vector<int>{3}));
  EXPECT_EQ(at.take(), Taken::Nothing);
  at.put(edge, 5);
  EXPECT_EQ(at.take(), Taken::Sample);
  at.inbox.end_edge(*edge);
  EXPECT_EQ(at.take(), Taken::News);
  EXPECT_EQ(at.gone(), (std::vector<int>{5}));
  EXPECT_EQ(at.take(), Taken::Ended);
  const auto stats = at.inbox.stats().at(0);
  EXPECT_EQ(stats.delivered, 2U);
  expect_balanced_edge(stats);
}

// One word holds the bits of 64 lanes. With 65, the turn must not stay in the second word after that word was
// removed.
TEST(SourceEnds, LeaveTheTurnWithALaneThatIsThere) {
  constexpr int kLanes = 65;
  LiveBox at;
  std::vector<int> sources;
  for (int source = 0; source < kLanes; ++source) sources.push_back(source);
  const auto edge = at.edge(sources);
  for (int source = 0; source + 1 < kLanes; ++source) {
    at.put(edge, source);
    ASSERT_EQ(at.take(), Taken::Sample);
  }
  at.inbox.end_edge(*edge, 0, 0);
  ASSERT_EQ(at.take(), Taken::News);
  ASSERT_EQ(at.gone(), std::vector{0});
  at.put(edge, 5);
  ASSERT_EQ(at.take(), Taken::Sample);
  EXPECT_EQ(at.sample.stamp.source, 5);
}

TEST(SourceEnds, WaitForAllWaysOfTheSource) {
  LiveBox at;
  const auto direct = at.edge({3});
  const auto merged = at.edge({3, 5});
  at.inbox.end_edge(*direct, 3, 0);
  EXPECT_EQ(at.take(), Taken::Nothing);
  at.put(merged, 3);
  at.inbox.end_edge(*merged, 3, 0);
  EXPECT_EQ(at.take(), Taken::Sample);
  EXPECT_EQ(at.take(), Taken::News);
  EXPECT_EQ(at.gone(), (std::vector<int>{3}));
}

TEST(SourceEnds, OfAnEarlierChangeDoNotEndAStreamThatALaterOneBegan) {
  LiveBox at;
  const auto edge = at.edge({3});
  at.inbox.add_source(*edge, {.source = 3, .begun = 2, .reached = 2});
  at.inbox.end_edge(*edge, 3, 1);
  EXPECT_EQ(at.take(), Taken::Nothing);
  at.put(edge, 3);
  EXPECT_EQ(at.take(), Taken::Sample);
  at.inbox.end_edge(*edge, 3, 2);
  EXPECT_EQ(at.take(), Taken::News);
  EXPECT_EQ(at.inbox.take_gone().at(0).upto, 2);
}

TEST(SourceEnds, EndTheEdgeThatIsLimitedToTheSource) {
  LiveBox at;
  const auto edge = at.inbox.add_edge(
      {.parent_name = "merge", .queue = kLatest, .sources = {3}, .only = "door", .only_source = 3});
  at.inbox.end_edge(*edge, 3, 0);
  EXPECT_EQ(at.take(), Taken::News);
  EXPECT_EQ(at.gone(), (std::vector<int>{3}));
  EXPECT_EQ(at.take(), Taken::Ended);
}

TEST(SourceEnds, DoNotDivideTheLastBatch) {
  LiveBox at;
  const auto edge = at.edge({0, 1, 2, 3, 4, 5, 6, 7});
  for (int source = 0; source < 8; ++source) {
    at.put(edge, source);
    at.inbox.end_edge(*edge, source, 0);
  }
  std::optional<TimePoint> until;
  std::vector<AnySample> samples;
  EXPECT_EQ(at.inbox.take_batch(samples, {.size = 8}, until, kWithoutWait), Taken::Sample);
  EXPECT_EQ(samples.size(), 8U);
  EXPECT_EQ(at.inbox.take_batch(samples, {.size = 8}, until, kWithoutWait), Taken::News);
  EXPECT_EQ(at.gone().size(), 8U);
}

TEST(SourceEnds, LetABatchGoOnWithTheOthers) {
  LiveBox at;
  const auto edge = at.edge({3, 5});
  std::optional<TimePoint> until;
  std::vector<AnySample> samples;
  const Batch batch{.size = 2, .max_wait = 1000};
  at.put(edge, 3);
  EXPECT_EQ(at.inbox.take_batch(samples, batch, until, kWithoutWait), Taken::Nothing);
  at.inbox.end_edge(*edge, 5, 0);
  EXPECT_EQ(at.inbox.take_batch(samples, batch, until, kWithoutWait), Taken::News);
  EXPECT_EQ(at.gone(), (std::vector<int>{5}));
  EXPECT_EQ(at.inbox.take_batch(samples, batch, until, kWithoutWait), Taken::Sample);
  EXPECT_EQ(samples.size(), 1U);
}

TEST(LiveEdges, ARemovedOneDropsItsSamplesAndTakesNothingMore) {
  LiveBox at;
  const auto stays = at.edge({1}, Queue{4});
  const auto goes = at.edge({2}, Queue{4});
  at.put(stays, 1);
  for (int i = 0; i < 3; ++i) at.put(goes, 2, i);
  const auto books = at.inbox.remove_edge(goes);
  EXPECT_EQ(books.passed_in, 3U);
  EXPECT_EQ(drops_of(books, DropCause::Removed), 3U);
  expect_balanced_edge(books);
  at.put(goes, 2, 3);
  EXPECT_EQ(at.take(), Taken::News);
  EXPECT_EQ(at.gone(), (std::vector<int>{2}));
  EXPECT_EQ(at.take(), Taken::Sample);
  EXPECT_EQ(at.sample.stamp.source, 1);
  EXPECT_EQ(at.take(), Taken::Nothing);
  EXPECT_EQ(at.inbox.stats().size(), 1U);
  at.inbox.remove_edge(stays);
  EXPECT_EQ(at.take(), Taken::News);
  EXPECT_EQ(at.gone(), (std::vector<int>{1}));
  EXPECT_EQ(at.take(), Taken::Ended);
}

TEST(LiveEdges, WithoutAnyAnInboxThatStaysOpenHasNoEndButTheClose) {
  LiveBox at;
  at.inbox.stay_open(true);
  EXPECT_EQ(at.take(), Taken::Nothing);
  const auto edge = at.edge({1});
  at.inbox.end_edge(*edge);
  EXPECT_EQ(at.take(), Taken::News);
  EXPECT_EQ(at.gone(), (std::vector<int>{1}));
  EXPECT_EQ(at.take(), Taken::Nothing);
  EXPECT_FALSE(has_ended(at.inbox));
  at.inbox.close(Closing::ForEvents, TimePoint::max());
  EXPECT_EQ(at.take(), Taken::Ended);
}

TEST(LiveEdges, ARemovalWakesTheProducerThatWaitsThereAndCountsItsSample) {
  for (int round = 0; round < 100; ++round) {
    LiveBox at;
    const auto edge = at.edge({1}, Queue{1, WhenFull::Block});
    at.put(edge, 1);
    std::jthread producer([&] { at.put(edge, 1, 1); });
    wait_until([&] { return at.blocked.load(); });
    const auto books = at.inbox.remove_edge(edge);
    producer.join();
    EXPECT_EQ(books.passed_in, 2U);
    EXPECT_EQ(drops_of(books, DropCause::Removed), 2U);
  }
}

TEST(LiveEdges, AnEndWaitsForTheSampleOfAProducerThatWaitsForRoom) {
  for (int round = 0; round < 100; ++round) {
    LiveBox at;
    const auto edge = at.edge({1}, Queue{1, WhenFull::Block});
    at.put(edge, 1);
    std::jthread producer([&] { at.put(edge, 1, 1); });
    wait_until([&] { return at.blocked.load(); });
    at.inbox.end_edge(*edge);
    std::vector<std::int64_t> seqs;
    auto taken = at.inbox.take(at.sample, TimePoint::max());
    for (; taken == Taken::Sample; taken = at.inbox.take(at.sample, TimePoint::max()))
      seqs.push_back(at.sample.stamp.seq);
    EXPECT_EQ(taken, Taken::News);
    producer.join();
    EXPECT_EQ(at.gone(), (std::vector<int>{1}));
    EXPECT_EQ(seqs, (std::vector<std::int64_t>{0, 1}));
    EXPECT_EQ(at.take(), Taken::Ended);
    const auto books = at.inbox.remove_edge(edge);
    EXPECT_EQ(books.delivered, 2U);
    expect_balanced_edge(books);
  }
}

// ---- random changes

struct ChangingOutput {
  Inbox* inbox;
  EdgeRef edge;
};

class ChangingProducer {
 public:
  explicit ChangingProducer(int source)
      : thread_([this, source](const std::stop_token& stop) { run(stop, source); }) {}
  void change(const std::function<void(std::vector<ChangingOutput>&)>& by) {
    const Lock lock(mutex_);
    auto next = *outputs_;
    by(next);
    outputs_ = std::make_shared<const std::vector<ChangingOutput>>(std::move(next));
  }
  void stop() {
    thread_.request_stop();
    thread_.join();
  }

 private:
  void run(const std::stop_token& stop, int source) {
    std::atomic<bool> blocked{false};
    for (std::int64_t seq = 0; !stop.stop_requested(); ++seq) {
      std::shared_ptr<const std::vector<ChangingOutput>> mine;
      {
        const Lock lock(mutex_);
        mine = outputs_;
      }
      for (const auto& [inbox, edge] : *mine) inbox->put(*edge, numbered(source, seq), blocked);
      if (mine->empty()) std::this_thread::yield();
    }
  }

  Mutex mutex_;
  std::shared_ptr<const std::vector<ChangingOutput>> outputs_ FRESHFRAME_GUARDED_BY(mutex_) =
      std::make_shared<const std::vector<ChangingOutput>>();
  std::jthread thread_;
};

TEST(LiveEdges, RandomChangesBesideProducersAndConsumersLoseNothingUncounted) {
  constexpr int kChanges = kSanitized ? 2000 : 10000;
  constexpr std::size_t kProducers = 4;
  Inbox inboxes[3] = {{"one", Clock::real()}, {"batch", Clock::real()}, {"unread", Clock::real()}};
  inboxes[0].stay_open(true);
  inboxes[1].stay_open(true);
  std::vector<std::unique_ptr<ChangingProducer>> producers;
  for (std::size_t i = 0; i < kProducers; ++i)
    producers.push_back(std::make_unique<ChangingProducer>(static_cast<int>(i)));
  std::atomic<std::uint64_t> taken{0};  // counted by the consumers, to compare with the edges' counters
  std::uint64_t delivered = 0;
  std::jthread one([&] {
    AnySample sample;
    for (; inboxes[0].take(sample, TimePoint::max()) == Taken::Sample; sample = {}) ++taken;
  });
  std::jthread batch([&] {
    std::vector<AnySample> samples;
    std::optional<TimePoint> until;
    const Batch gathering{.size = 4, .max_wait = 5e-4};
    while (inboxes[1].take_batch(samples, gathering, until, TimePoint::max()) == Taken::Sample) {
      taken += samples.size();
      samples.clear();
    }
  });
  struct Live {
    std::size_t producer;
    ChangingOutput output;
  };
  std::mt19937 random(1);  // NOLINT(bugprone-random-generator-seed): the same numbers in every run
  const auto below = [&](std::size_t most) { return static_cast<std::size_t>(random() % most); };
  std::vector<Live> live;
  const auto remove = [&](const Live& each) {
    const auto books = each.output.inbox->remove_edge(each.output.edge);
    expect_balanced_edge(books);
    delivered += books.delivered;
    producers[each.producer]->change([&](auto& outputs) {
      std::erase_if(outputs, [&](const auto& output) { return output.edge == each.output.edge; });
    });
  };
  for (int change = 0; change < kChanges; ++change) {
    if (live.size() < 3 || (below(2) == 0 && live.size() < 12)) {
      const auto producer = below(kProducers);
      auto& inbox = inboxes[below(3)];
      const auto queue = below(2) == 0 ? Queue{1 + static_cast<int>(below(3)), WhenFull::Block} : kLatest;
      const ChangingOutput output{
          &inbox,
          inbox.add_edge({.parent_name = "p", .queue = queue, .sources = {static_cast<int>(producer)}})};
      producers[producer]->change([&](auto& outputs) { outputs.push_back(output); });
      live.push_back({producer, output});
    } else {
      const auto index = below(live.size());
      remove(live[index]);
      live.erase(live.begin() + static_cast<std::ptrdiff_t>(index));
    }
    if (change % 16 != 0) continue;
    for (const auto& inbox : inboxes) {
      for (const auto& stats : inbox.stats()) expect_balanced_edge(stats);
    }
  }
  for (const auto& each : live) remove(each);
  for (auto& producer : producers) producer->stop();
  for (auto& inbox : inboxes) inbox.close();
  one.join();
  batch.join();
  EXPECT_EQ(delivered, taken);
  EXPECT_GT(taken, 0U);
}

}  // namespace
}  // namespace freshframe::test
