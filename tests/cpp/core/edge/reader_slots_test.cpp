// Readers of several nodes, closed readers, and a reader that two threads use at the same time.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <atomic>
#include <barrier>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cpp/core/test_nodes.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

TEST(ReaderSlots, AFastNodeCannotEvictASlowOne) {
  Feed<int> fast;
  Feed<int> slow;
  CheckedPipeline pipeline;
  const auto a = pipeline.add(feed_source(fast, Kind::Live), {.name = "fast"});
  const auto b = pipeline.add(feed_source(slow, Kind::Live), {.name = "slow"});
  auto reader = pipeline.reader<int>({a, b});
  pipeline.start();
  slow.push_and_settle(1000);
  for (int i = 0; i < 20; ++i) fast.push_and_settle(i);
  std::vector<int> values{reader.poll()->value, reader.poll()->value};
  std::sort(values.begin(), values.end());
  EXPECT_EQ(values, (std::vector<int>{19, 1000}));
  EXPECT_FALSE(reader.poll());
  EXPECT_EQ(edge_of(pipeline, "fast", "reader").dropped, 19U);
  EXPECT_EQ(edge_of(pipeline, "slow", "reader").dropped, 0U);
}

TEST(ReaderSlots, AreServedRoundRobin) {
  Feed<int> feeds[3];
  CheckedPipeline pipeline;
  std::vector<Port<int>> ports;
  for (Feed<int>& feed : feeds) ports.push_back(pipeline.add(feed_source(feed, Kind::File)));
  auto reader = pipeline.reader(ports);
  pipeline.start();
  for (int i = 0; i < 4; ++i) {
    for (Feed<int>& feed : feeds) feed.push_and_settle(i);
  }
  std::vector<int> order;
  for (int i = 0; i < 12; ++i) order.push_back(reader.poll()->stamp.source);
  for (std::size_t i = 3; i < order.size(); ++i) EXPECT_EQ(order[i], order[i - 3]);
  std::sort(order.begin(), order.begin() + 3);
  EXPECT_EQ(order[0], ports[0].node);
  EXPECT_EQ(order[1], ports[1].node);
  EXPECT_EQ(order[2], ports[2].node);
}

TEST(ReaderSlots, TheReaderEndsWhenAllItsNodesHaveEnded) {
  Feed<int> first;
  Feed<int> second;
  CheckedPipeline pipeline;
  auto reader = pipeline.reader<int>(
      {pipeline.add(feed_source(first, Kind::File)), pipeline.add(feed_source(second, Kind::File))});
  first.push(1);
  first.finish();
  pipeline.start();
  EXPECT_EQ(reader.get()->value, 1);
  wait_until([&] { return node_of(pipeline, "source").state == NodeState::Ended; });
  EXPECT_FALSE(reader.poll());
  EXPECT_FALSE(reader.has_ended());
  second.push(2);
  second.finish();
  EXPECT_EQ(reader.get()->value, 2);
  EXPECT_FALSE(reader.get());
  EXPECT_TRUE(reader.has_ended());
}

TEST(ReaderClose, UnblocksALosslessProducerAndCountsWhatWaitedAsRemoved) {
  Feed<int> feed;
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline;
  const auto source = pipeline.add(feed_source(feed, Kind::File));
  auto reader = pipeline.reader(source);
  pipeline.add(collect_into<int>(seen), source, {.name = "sink"});
  pipeline.start();
  for (int i = 0; i < 20; ++i) feed.push(i);
  feed.finish();
  wait_until([&] { return feed.taken() == 9 && node_of(pipeline, "source").state == NodeState::Blocked; });
  EXPECT_EQ(reader.get()->value, 0);
  reader.close();
  EXPECT_TRUE(pipeline.wait());
  seen.wait_for(20);                // the sibling receives everything
  EXPECT_NO_THROW(reader.close());  // a second close() has no effect
  const auto removed = pipeline.stats().removed;
  EXPECT_EQ(removed.edge_count, 1U);
  EXPECT_EQ(removed.delivered, 1U);
  EXPECT_GE(removed.dropped, 7U);  // 8 if the producer has already refilled the slot that get() freed
  EXPECT_EQ(removed.passed_in, removed.delivered + removed.dropped);
  EXPECT_EQ(removed.drops.size(), 1U);
  EXPECT_TRUE(removed.drops.contains(DropCause::Removed));
}

TEST(ReaderClose, OfALiveReaderTakesItOutOfTheGraph) {
  Feed<int> feed;
  CheckedPipeline pipeline;
  auto reader = pipeline.reader(pipeline.add(feed_source(feed, Kind::Live)));
  pipeline.start();
  feed.push_and_settle(0);
  reader.close();
  for (int i = 1; i < 5; ++i) feed.push_and_settle(i);
  const auto stats = pipeline.stats();
  EXPECT_TRUE(stats.edges.empty());
  EXPECT_EQ(stats.removed.passed_in, 1U);
  EXPECT_EQ(stats.removed.dropped, 1U);
  EXPECT_FALSE(reader.get());
  EXPECT_THROW((void)reader.latest(), StateError);
  EXPECT_NO_THROW((void)pipeline.reader(Port<int>{0}, {.name = "reader"})) << "its name is free";
}

TEST(ReaderClose, BeforeStartMeansThatItIsNotInTheGraph) {
  Feed<int> feed;
  CheckedPipeline pipeline;
  auto reader = pipeline.reader(pipeline.add(feed_source(feed, Kind::File)));
  reader.close();
  for (int i = 0; i < 30; ++i) feed.push(i);
  feed.finish();
  EXPECT_NO_THROW(pipeline.run());
  EXPECT_TRUE(pipeline.stats().edges.empty());
}

TEST(ReaderClose, DestroyingThePipelineFirstLeavesReadersThatSayTheEnd) {
  Feed<int> feed;
  auto pipeline = std::make_unique<CheckedPipeline>();
  auto reader = pipeline->reader(pipeline->add(feed_source(feed, Kind::Live)));
  pipeline->start();
  feed.push_and_settle(7);
  const auto sample = reader.get();
  pipeline.reset();
  EXPECT_FALSE(reader.get());
  EXPECT_EQ(reader.latest()->value, 7);
  EXPECT_EQ(sample->value, 7);
  EXPECT_NO_THROW(reader.close());
}

TEST(ReaderThreads, ASecondThreadAtTheSameTimeGetsAClearError) {
  Feed<int> feed;
  CheckedPipeline pipeline;
  auto reader = pipeline.reader(pipeline.add(feed_source(feed, Kind::Live)), {.name = "shared"});
  pipeline.start();
  std::atomic<bool> got{false};
  std::jthread first([&] {
    while (!got) {
      try {
        (void)reader.get();
        got = true;
      } catch (const StateError&) {  // collided with a poll() on the other thread
      }
    }
  });
  // No sample arrives, so the first thread stays in get() and poll() is refused from then on.
  std::string message;
  wait_until([&] {
    try {
      (void)reader.poll();
    } catch (const Error& error) {
      message = error.what();
    }
    return !message.empty();
  });
  EXPECT_TRUE(contains(message, "shared")) << message;
  EXPECT_TRUE(contains(message, "thread")) << message;
  EXPECT_FALSE(got);
  feed.push(1);
  first.join();
  EXPECT_TRUE(got);
  EXPECT_FALSE(reader.poll());  // two threads may take turns
}

TEST(ReaderThreads, LatestBesideAThreadThatWaitsIsTheSampleThatItGotLast) {
  Feed<int> feed;
  CheckedPipeline pipeline;
  auto reader = pipeline.reader(pipeline.add(feed_source(feed, Kind::Live)));
  pipeline.start();
  feed.push_and_settle(7);
  EXPECT_EQ(reader.get()->value, 7);
  std::atomic<int> got{0};
  const auto newest = [&](std::optional<Seconds> max_age) {
    const auto sample = reader.latest(max_age);
    return sample ? sample->value : -1;
  };
  {
    const std::jthread waits([&] { got = reader.get()->value; });
    for (int i = 0; i < 1000; ++i) {
      EXPECT_EQ(newest(std::nullopt), 7);
      EXPECT_EQ(newest(Seconds{3600}), 7);
    }
    feed.push(8);
    wait_until([&] { return got != 0; });
  }
  EXPECT_EQ(got, 8);
  EXPECT_EQ(reader.latest()->value, 8);
}

TEST(ReaderThreads, TwoThreadsThatRaceForOneReaderBreakNothing) {
  Feed<int> feed;
  CheckedPipeline pipeline;
  auto reader = pipeline.reader(pipeline.add(feed_source(feed, Kind::Live)));
  pipeline.start();
  std::barrier start(3);
  std::atomic<bool> done{false};
  std::vector<std::jthread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&, i] {
      start.arrive_and_wait();
      while (!done) {
        try {
          (void)(i == 0 ? reader.latest() : reader.poll());
        } catch (const StateError&) {  // collided with the other thread
        }
      }
    });
  }
  start.arrive_and_wait();
  for (int i = 0; i < 500; ++i) feed.push_and_settle(i);
  done = true;
  threads.clear();
  expect_books(pipeline);
}

TEST(ReaderThreads, ManyThreadsEachWithAReaderSeeEverySampleOfAFile) {
  constexpr int kReaders = 4;
  constexpr int kSamples = 300;
  CheckedPipeline pipeline;
  const auto source = pipeline.add(count_source(kSamples));
  std::vector<Reader<int>> readers;
  for (int i = 0; i < kReaders; ++i) readers.push_back(pipeline.reader(source));
  pipeline.start();
  std::atomic<int> wrong{0};
  {
    std::vector<std::jthread> threads;
    for (auto& reader : readers) {
      threads.emplace_back([&] {
        int next = 0;
        while (const auto sample = reader.get()) wrong += sample->value != next++ ? 1 : 0;
        wrong += next != kSamples ? 1 : 0;
      });
    }
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_TRUE(pipeline.wait());
  EXPECT_TRUE(pipeline.report().complete);
}

}  // namespace
}  // namespace freshframe::test
