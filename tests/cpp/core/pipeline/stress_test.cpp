// Random graphs stopped at random moments, and a thousand starts and stops: counters, threads, files, memory.
// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "cpp/core/test_frames.hpp"
#include "cpp/core/test_nodes.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>
#include <unistd.h>

namespace freshframe::test {
namespace {

class RandomGraph {
 public:
  explicit RandomGraph(unsigned seed) : random_(seed) {
    for (int i = one_of(1, 2); i > 0; --i) add_source();
    for (int i = one_of(1, 5); i > 0; --i) add_node();
    for (int i = one_of(0, 3); i > 0; --i) add_reader();
  }

  void run() {
    pipeline_.start();
    {
      std::vector<std::jthread> threads;
      for (auto& reader : readers_) {
        threads.emplace_back([this, &reader, verb = one_of(0, 3)] { pull(reader, verb); });
      }
      threads.emplace_back([this] {
        while (!done_) expect_books(pipeline_);
      });
      std::this_thread::sleep_for(std::chrono::microseconds(one_of(0, 4000)));
      pipeline_.stop(Seconds{60});
      done_ = true;
    }
    expect_books(pipeline_);
    const Stats stats = pipeline_.stats();
    for (const EdgeStats& edge : stats.edges) EXPECT_EQ(edge.waiting, 0U) << label(edge);
    EXPECT_EQ(stats.pool.in_use, 0);
    EXPECT_EQ(open_, 0);
  }

  [[nodiscard]] std::string text() const { return pipeline_.to_string(); }

 private:
  int one_of(int low, int high) { return std::uniform_int_distribution<int>(low, high)(random_); }

  void add_source() {
    const bool live = one_of(0, 2) != 0;
    const int count = one_of(0, 3) == 0 ? one_of(0, 40) : 1'000'000;
    const int pause = one_of(0, 3) * 20;
    live_.push_back(live);
    all_live_ = all_live_ && live;
    ports_.push_back(pipeline_.add(make_source<Frame>(
        {.live = live,
         .read = [n = 0, count, pause](const Context& context) mutable -> std::optional<SourceItem<Frame>> {
           if (n == count) return std::nullopt;
           const TimePoint now = context.clock.now();
           if (pause > 0) context.clock.sleep_until(now + std::chrono::microseconds(pause), context.stop);
           return SourceItem<Frame>{gray_frame(n++ % 256), 0, now};
         },
         .open = [this](const Context&) { ++open_; },
         .close = [this] { --open_; }})));
  }

  /// Any policy that the graph rules allow downstream of `parents`.
  std::optional<Queue> random_queue(const std::vector<std::size_t>& parents) {
    bool below_live_source = false;
    for (const std::size_t parent : parents)
      below_live_source = below_live_source || (parent < live_.size() && live_[parent]);
    switch (one_of(0, 5)) {
      case 0:
        return std::nullopt;
      case 1:
        return parents.size() == 1 ? kNext : kLatest;
      case 2:
        return Queue{one_of(1, 6), WhenFull::DropOldest};
      case 3:
        return Queue{one_of(1, 6), WhenFull::DropNewest};
      default:
        return below_live_source ? kLatest : Queue{one_of(1, 6), WhenFull::Block};
    }
  }

  std::vector<std::size_t> random_parents() {
    const auto last = static_cast<int>(ports_.size()) - 1;
    std::vector<std::size_t> parents{static_cast<std::size_t>(one_of(0, last))};
    const auto second = static_cast<std::size_t>(one_of(0, last));
    if (one_of(0, 2) == 0 && second != parents[0]) parents.push_back(second);
    return parents;
  }

  void add_node() {
    const auto parents = random_parents();
    std::vector<Port<Frame>> from;
    for (const std::size_t parent : parents) from.push_back(ports_[parent]);
    AddOptions options{.queue = random_queue(parents), .on_error = OnError::Skip};
    if (all_live_ && one_of(0, 3) == 0) options.max_age = one_of(1, 500) * 1e-6;
    const int pause = one_of(0, 4) == 0 ? one_of(10, 300) : 0;
    const int filter = one_of(0, 3);
    ports_.push_back(pipeline_.add(
        make_node<Frame, Frame>({.process = [pause, filter](const Sample<Frame>& s,
                                                            const Context& context) -> std::optional<Frame> {
                                   const TimePoint until =
                                       context.clock.now() + std::chrono::microseconds(pause);
                                   if (pause > 0) context.clock.sleep_until(until, context.stop);
                                   if (s.stamp.seq % 17 == 11) throw std::runtime_error("every seventeenth");
                                   if (filter == 1 && s.stamp.seq % 2 == 1) return std::nullopt;
                                   if (filter == 2) return gray_frame(3);
                                   return s.value;
                                 },
                                 .open = [this](const Context&) { ++open_; },
                                 .close = [this] { --open_; }}),
        from, options));
  }

  void add_reader() {
    const auto parents = random_parents();
    std::vector<Port<Frame>> from;
    for (const std::size_t parent : parents) from.push_back(ports_[parent]);
    readers_.push_back(pipeline_.reader(from, {.queue = random_queue(parents)}));
  }

  void pull(Reader<Frame>& reader, int verb) {
    try {
      for (int i = 0; !done_; ++i) {
        if (verb == 0) {
          (void)reader.latest();
        } else if (verb == 1) {
          (void)reader.poll();
        } else if (verb == 2 && i == 5) {
          reader.close();
          return;
        } else if (!reader.get()) {
          return;
        }
        if (verb < 2) std::this_thread::sleep_for(std::chrono::microseconds(50));
      }
    } catch (const Error&) {  // the end, or a method that this policy does not allow
    }
    while (!done_) std::this_thread::sleep_for(std::chrono::microseconds(200));
  }

  std::mt19937 random_;
  std::atomic<int> open_{0};
  std::atomic<bool> done_{false};
  bool all_live_ = true;
  std::vector<bool> live_;
  std::vector<Port<Frame>> ports_;
  CheckedPipeline pipeline_;
  std::vector<Reader<Frame>> readers_;
};

TEST(Stress, RandomGraphsStoppedAtRandomMomentsKeepTheirBooksAndJoinEverything) {
  extend_watchdog(150);
  constexpr unsigned kGraphs = kSanitized ? 150 : 400;
  // The same graphs in each run. --gtest_shuffle --gtest_random_seed=N gives others.
  const auto first = static_cast<unsigned>(::testing::UnitTest::GetInstance()->random_seed()) * kGraphs + 1;
  for (unsigned seed = first; seed < first + kGraphs; ++seed) {
    SCOPED_TRACE(seed);
    RandomGraph graph(seed);
    graph.run();
    if (HasFailure()) {
      // SCOPED_TRACE does not reach other threads, so their failures do not show the seed.
      ADD_FAILURE() << "with seed " << seed << ": " << graph.text();
      break;
    }
  }
}

TEST(Stress, RandomFileGraphsThatEndByThemselvesLoseNothing) {
  for (unsigned seed = 1; seed <= (kSanitized ? 15U : 60U); ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    const auto one_of = [&](int low, int high) {
      return std::uniform_int_distribution<int>(low, high)(random);
    };
    Seen<Sample<int>> seen;
    CheckedPipeline pipeline;
    std::vector<Port<int>> ports;
    std::vector<std::size_t> expected;  // samples that each port emits
    for (int i = one_of(1, 3); i > 0; --i) {
      const int count = one_of(0, 60);
      ports.push_back(pipeline.add(count_source(count)));
      expected.push_back(static_cast<std::size_t>(count));
    }
    for (int i = one_of(1, 5); i > 0; --i) {
      const auto a = static_cast<std::size_t>(one_of(0, static_cast<int>(ports.size()) - 1));
      const auto b = static_cast<std::size_t>(one_of(0, static_cast<int>(ports.size()) - 1));
      std::vector<Port<int>> parents{ports[a]};
      std::size_t count = expected[a];
      if (a != b) {
        parents.push_back(ports[b]);
        count += expected[b];
      }
      ports.push_back(pipeline.add(pass_on<int>(), parents, {.queue = Queue{one_of(1, 4), WhenFull::Block}}));
      expected.push_back(count);
    }
    pipeline.add(collect_into<int>(seen), ports.back());
    EXPECT_TRUE(pipeline.run().complete);
    EXPECT_EQ(seen.all().size(), expected.back());
  }
}

std::size_t entries(const char* directory) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) count += entry.exists() ? 1U : 1U;
  return count;
}

std::size_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::size_t total = 0;
  std::size_t resident = 0;
  statm >> total >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

void start_and_stop(int round) {
  Feed<Frame> feed;
  CheckedPipeline pipeline;
  const auto source = pipeline.add(feed_source(feed, Kind::Live));
  const auto step = pipeline.add(pass_on<Frame>(), source);
  auto reader = pipeline.reader(step);
  pipeline.start();
  feed.push(gray_frame(round % 256));
  if (round % 3 != 0) {
    EXPECT_TRUE(reader.get());
  }
}

TEST(Stress, AThousandStartsAndStopsLeakNoThreadNoFileAndNoMemory) {
  extend_watchdog(120);
  for (int i = 0; i < 100; ++i) start_and_stop(i);
  const std::size_t threads = entries("/proc/self/task");
  const std::size_t files = entries("/proc/self/fd");
  const std::size_t memory = resident_bytes();
  for (int i = 0; i < 1000; ++i) start_and_stop(i);
  // A joined thread may still be listed for a moment, even when the baseline was taken.
  wait_until([&] { return entries("/proc/self/task") <= threads; });
  EXPECT_EQ(entries("/proc/self/fd"), files);
  // A leaked frame, queue or thread stack per round would be megabytes; sanitizers keep freed memory.
  if (!kSanitized) {
    EXPECT_LT(resident_bytes(), memory + (std::size_t{2} << 20));
  }
}

}  // namespace
}  // namespace freshframe::test
