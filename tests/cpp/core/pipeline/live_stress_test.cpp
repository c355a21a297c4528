// Random changes from two threads at the same time: cameras, files, joins, batches, nodes that fail or are
// replaced, readers that are not read. With FRESHFRAME_TEST_TIER=full it makes 20,000 changes, and checks the
// memory.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/pipeline.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "cpp/core/test_nodes.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>
#include <malloc.h>

namespace freshframe::test {
namespace {

Pipeline::Options of_a_service() {
  Pipeline::Options options;
  options.keep_running = true;
  return options;
}

class Together final : public JoinNode<int, int, int> {
 public:
  std::optional<int> process(const Sample<int>& a, const Sample<int>& b, const Context&) override {
    return a.value + b.value;
  }
};

// Samples of a camera that a node received after its removal had returned. One call is allowed, because it
// may have taken its samples earlier.
class LateCalls {
 public:
  explicit LateCalls(std::size_t numbers) : removed_(numbers), calls_(numbers) {}

  void removed(int camera) { removed_.at(static_cast<std::size_t>(camera)) = true; }
  void begin(int camera) {
    const auto index = static_cast<std::size_t>(camera);
    const int late = removed_.at(index) ? ++calls_[index] : 0;
    EXPECT_LE(late, 1) << "camera " << camera;
  }

 private:
  std::vector<std::atomic<bool>> removed_;
  std::vector<std::atomic<int>> calls_;
};

class BatchTaker final : public BatchNode<int, int> {
 public:
  explicit BatchTaker(LateCalls& late) : late_(late) {}
  std::vector<std::optional<int>> process_batch(std::span<const Sample<int>> samples,
                                                const Context& /*context*/) override {
    std::vector<int> cameras;
    std::vector<std::optional<int>> results;
    for (const auto& sample : samples) {
      results.emplace_back(sample.value);
      if (std::ranges::find(cameras, sample.stamp.source) != cameras.end()) continue;
      cameras.push_back(sample.stamp.source);
      late_.begin(sample.stamp.source);
    }
    return results;
  }

 private:
  LateCalls& late_;
};

struct ChurnedCamera {
  Port<int> port;
  bool drains = false;   // at its removal; no reader of it stays unread then
  bool blocked = false;  // it has a reader that is not read
};

class Churn {
 public:
  explicit Churn(std::size_t changes) : late_(4 * changes + 100), late_batched_(4 * changes + 100) {
    merge_ = pipeline_.add(merges(), std::vector<Port<int>>{}, {.name = "merge"});
    batched_ = pipeline_.add(std::make_unique<BatchTaker>(late_batched_), std::vector<Port<int>>{},
                             {.name = "batched", .batch = Batch{.size = 4, .max_wait = 0.002}});
    const auto below = pipeline_.add(counts(), std::vector<Port<int>>{merge_, batched_}, {.name = "below"});
    all_ = pipeline_.reader(below, {.name = "all"});
    pipeline_.start();
  }

  [[nodiscard]] Pipeline& pipeline() { return pipeline_; }
  [[nodiscard]] Reader<int>& all() { return *all_; }
  [[nodiscard]] std::uint64_t results() const { return results_; }
  [[nodiscard]] std::uint64_t replacements() const { return replacements_; }

  void change(std::mt19937& random) {
    const auto below = [&](std::size_t most) { return static_cast<std::size_t>(random() % most); };
    auto camera = any(random);
    const auto choice = below(14);
    if (!camera || (choice < 3 && count() < 10)) {
      add_camera(below(4) == 0, below(3) == 0);
      return;
    }
    try {
      if (choice < 5) {
        const auto child = below(2) == 0 ? merge_ : batched_;
        below(3) == 0 ? pipeline_.disconnect(child, camera->port) : pipeline_.connect(child, camera->port);
      } else if (choice < 7) {
        add_child(camera->port, below(7));
      } else if (choice < 8) {
        add_reader(*camera, below(2) == 0);
      } else if (choice < 9) {
        remove_reader();
      } else if (choice < 10) {
        remove_child(random);
      } else if (choice < 12) {
        replace_any(*camera, below(4));
      } else {
        remove_camera(*camera);
      }
    } catch (const StateError&) {  // NOLINT(bugprone-empty-catch): the other thread has removed it
    } catch (const GraphError&) {  // NOLINT(bugprone-empty-catch): it is connected, or is not
    } catch (const NodeError&) {   // NOLINT(bugprone-empty-catch): it failed while it was removed
    }
  }

  void remove_all() {
    std::mt19937 random(1);  // NOLINT(bugprone-random-generator-seed): the order does not matter
    while (const auto camera = any(random)) {
      try {
        remove_camera(*camera);
      } catch (const NodeError&) {  // NOLINT(bugprone-empty-catch): a node below it failed meanwhile
        forget(*camera);
      }
    }
  }

 private:
  std::unique_ptr<FunctionNode<int, int>> counts() {
    return make_node<int, int>([this](const Sample<int>& sample, const Context&) {
      ++results_;
      return std::optional<int>(sample.value);
    });
  }

  std::unique_ptr<FunctionNode<int, int>> merges() {
    return make_node<int, int>([this](const Sample<int>& sample, const Context&) {
      late_.begin(sample.stamp.source);
      return std::optional<int>(sample.value);
    });
  }

  static std::unique_ptr<FunctionNode<int, int>> cannot_open() {
    return make_node<int, int>({.process = [](const auto&, const auto&) { return std::optional<int>(); },
                                .open = [](const Context&) { throw Error("cannot open"); }});
  }

  static auto reads(bool is_file) {
    auto read = [next = 0, is_file](const Context& context) mutable -> std::optional<SourceItem<int>> {
      if (context.stop.stop_requested() || (is_file && next == 100)) return std::nullopt;
      std::this_thread::sleep_for(std::chrono::microseconds(50));
      return SourceItem<int>{next++, 0, context.clock.now()};
    };
    return make_source<int>({.live = !is_file, .read = std::move(read)});
  }

  void replace_any(const ChurnedCamera& camera, std::size_t kind) {
    try {
      if (kind == 0) {
        pipeline_.replace(camera.port, reads(false));
      } else if (kind == 1) {
        pipeline_.replace(merge_, merges());
      } else if (kind == 2) {
        pipeline_.replace(batched_, std::make_unique<BatchTaker>(late_batched_));
      } else {
        EXPECT_THROW(pipeline_.replace(merge_, cannot_open()), Error);
        return;
      }
      ++replacements_;
    } catch (const StopTimeoutError&) {  // NOLINT(bugprone-empty-catch): a busy machine needs over 5 s
    }
  }

  std::optional<ChurnedCamera> any(std::mt19937& random) {
    const std::lock_guard lock(mutex_);
    if (cameras_.empty()) return std::nullopt;
    return cameras_[random() % cameras_.size()];
  }
  std::size_t count() {
    const std::lock_guard lock(mutex_);
    return cameras_.size();
  }

  void add_camera(bool is_file, bool drains) {
    const auto port = pipeline_.add(reads(is_file));
    const std::lock_guard lock(mutex_);
    cameras_.push_back({port, drains, false});
  }

  void add_child(Port<int> parent, std::size_t kind) {
    Port<int> child;
    if (kind == 0) {
      child = pipeline_.add(counts(), parent);
    } else if (kind == 1) {
      child = pipeline_.add(std::make_unique<BatchTaker>(late_batched_), parent, {.batch = Batch{.size = 3}});
    } else if (kind == 2) {
      const auto step = pipeline_.add(counts(), parent);
      child = pipeline_.add(std::make_unique<Together>(), std::tuple{parent, step},
                            {.join = Join{.max_wait = 0.01}});
    } else if (kind == 3) {
      child = pipeline_.add(make_node<int, int>([](const Sample<int>& sample, const Context&) {
                              if (sample.stamp.seq % 3 == 0) throw Error("every third one");
                              return std::optional<int>(sample.value);
                            }),
                            parent, {.on_error = OnError::Skip});
    } else if (kind == 4) {
      child = pipeline_.add(make_node<int, int>([](const Sample<int>& sample, const Context&) {
                              std::this_thread::sleep_for(std::chrono::milliseconds(1));
                              return std::optional<int>(sample.value);
                            }),
                            parent, {.queue = Queue{2, WhenFull::Block}});
    } else if (kind == 5) {
      child =
          pipeline_.add(make_node<int, int>([left = 20](const Sample<int>& sample, const Context&) mutable {
                          if (--left == 0) throw Error("enough");
                          return std::optional<int>(sample.value);
                        }),
                        parent, {.on_error = OnError::Remove});
    } else {
      EXPECT_THROW(pipeline_.add(cannot_open(), parent), Error);
      return;
    }
    const std::lock_guard lock(mutex_);
    children_.push_back(child);
  }

  void remove_child(std::mt19937& random) {
    Port<int> child;
    {
      const std::lock_guard lock(mutex_);
      if (children_.empty()) return;
      const auto place = children_.begin() + static_cast<std::ptrdiff_t>(random() % children_.size());
      child = *place;
      children_.erase(place);
    }
    pipeline_.remove(child, {.timeout = Seconds{60}});
  }

  void add_reader(const ChurnedCamera& camera, bool blocks) {
    if (blocks && camera.drains) return;
    auto reader = pipeline_.reader(
        camera.port, {.queue = blocks ? Queue{1, WhenFull::Block} : Queue{1, WhenFull::DropNewest}});
    const std::lock_guard lock(mutex_);
    readers_.push_back(std::move(reader));
  }

  void remove_reader() {
    std::optional<Reader<int>> reader;
    {
      const std::lock_guard lock(mutex_);
      if (readers_.empty()) return;
      reader = std::move(readers_.back());
      readers_.pop_back();
    }
    reader->close();
  }

  void remove_camera(const ChurnedCamera& camera) {
    pipeline_.remove(camera.port, {.drain = camera.drains, .timeout = Seconds{60}});
    if (!camera.drains) {
      late_.removed(camera.port.node);
      late_batched_.removed(camera.port.node);
    }
    forget(camera);
  }

  void forget(const ChurnedCamera& camera) {
    const std::lock_guard lock(mutex_);
    std::erase_if(cameras_, [&](const auto& each) { return each.port.node == camera.port.node; });
  }

  LateCalls late_;
  LateCalls late_batched_;
  std::atomic<std::uint64_t> results_{0};
  std::atomic<std::uint64_t> replacements_{0};  // that succeeded in time
  CheckedPipeline pipeline_{of_a_service()};
  Port<int> merge_;
  Port<int> batched_;
  std::optional<Reader<int>> all_;
  std::mutex mutex_;
  std::vector<ChurnedCamera> cameras_;  // guarded by mutex_
  std::vector<Port<int>> children_;     // guarded by mutex_
  std::vector<Reader<int>> readers_;    // guarded by mutex_
};

// Every snapshot balances, and the sums including removed members never decrease.
void look_at_books(const Pipeline& pipeline, const std::atomic<bool>& done) {
  std::uint64_t before = 0;
  while (!done) {
    const auto stats = pipeline.stats();
    for (const auto& edge : stats.edges)
      EXPECT_EQ(edge.passed_in, edge.delivered + edge.dropped + edge.waiting) << label(edge);
    EXPECT_EQ(stats.removed.passed_in, stats.removed.delivered + stats.removed.dropped);
    auto total = stats.removed.passed_in;
    for (const auto& edge : stats.edges) total += edge.passed_in;
    EXPECT_GE(total, before);
    before = total;
  }
}

bool all_tests() {
  const char* const tier =
      std::getenv("FRESHFRAME_TEST_TIER");  // NOLINT(concurrency-mt-unsafe): no thread sets it
  return tier != nullptr && std::string_view(tier) == "full";
}

constexpr std::size_t kMebibyte = std::size_t{1} << 20;

struct Memory {  // bytes
  std::size_t resident = 0;
  std::size_t in_use = 0;  // bytes in use on the heap

  static Memory now() {
    constexpr std::size_t kPage = 4096;
    std::size_t all = 0;
    std::size_t pages = 0;
    std::ifstream("/proc/self/statm") >> all >> pages;
    const auto heap = mallinfo2();
    return {pages * kPage, heap.uordblks + heap.hblkhd};
  }
};

// Makes changes on two threads until `made` reaches `changes`.
void make_changes(Churn& churn, std::atomic<std::size_t>& made, std::size_t changes) {
  std::vector<std::jthread> services;
  for (unsigned seed = 1; seed <= 2; ++seed) {
    services.emplace_back([&, seed = seed + static_cast<unsigned>(made.load())] {
      std::mt19937 random(seed);
      while (made++ < changes) churn.change(random);
    });
  }
}

TEST(LiveStress, RandomChangesOfTwoThreadsKeepTheBooks) {
  const bool full = all_tests();
  const std::size_t changes = full ? 20'000 : kSanitized ? 150 : 600;
  extend_watchdog(full ? 1200 : 120);
  Churn churn(changes);
  std::atomic<bool> done{false};
  std::jthread looker([&] { look_at_books(churn.pipeline(), done); });
  std::jthread consumer([&] {
    while (!done) (void)churn.all().latest();
  });
  std::atomic<std::size_t> made{0};
  // After a quarter of the changes, and after all of them, with all new nodes removed.
  std::vector<Memory> memory;
  for (const std::size_t until : {changes / 4, changes}) {
    make_changes(churn, made, until);
    churn.remove_all();
    wait_until([&] { return churn.pipeline().stats().nodes.size() == 3; });
    memory.push_back(Memory::now());
  }
  done = true;
  consumer.join();
  looker.join();
  EXPECT_GT(churn.results(), 0U);
  EXPECT_GT(churn.replacements(), 0U);
  if (!full || kSanitized) return;
  const auto& [early, late] = std::tie(memory.front(), memory.back());
  RecordProperty("bytes_in_use", std::to_string(early.in_use) + " to " + std::to_string(late.in_use));
  RecordProperty("bytes_resident", std::to_string(early.resident) + " to " + std::to_string(late.resident));
  EXPECT_LE(late.in_use, early.in_use + kMebibyte);  // the names of some 6,000 nodes
  EXPECT_LE(late.resident, early.resident + 5 * kMebibyte);
}

// A camera that sends the number of its incarnation.
auto camera_of(int life) {
  auto read = [life](const Context& context) -> std::optional<SourceItem<int>> {
    if (context.stop.stop_requested()) return std::nullopt;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return SourceItem<int>{life, 0, context.clock.now()};
  };
  return make_source<int>({.live = true, .read = std::move(read)});
}

TEST(LiveStress, ANameThatIsUsedOftenBesideASlowNodeKeepsItsNumbersApart) {
  const bool full = all_tests();
  const int lives = full ? 1000 : 60;
  const auto call = std::chrono::milliseconds(full ? 200 : 20);
  extend_watchdog(full ? 600 : 120);
  Seen<Sample<int>> seen;
  CheckedPipeline pipeline(of_a_service());
  auto slow = make_node<int, int>([call](const Sample<int>& sample, const Context&) {
    std::this_thread::sleep_for(call);
    return std::optional<int>(sample.value);
  });
  const auto people = pipeline.add(std::move(slow), std::vector<Port<int>>{}, {.name = "people"});
  pipeline.add(collect_into<int>(seen), people, {.name = "seen"});
  pipeline.start();
  std::vector<int> numbers;
  Memory early;
  for (int life = 0; life < lives; ++life) {
    const auto camera = pipeline.add(camera_of(life), {.name = "door"});
    numbers.push_back(camera.node);
    pipeline.connect(people, camera);
    if (life % 10 == 0)  // of every tenth camera, waits for the first sample
      wait_until([&] { return edge_of(pipeline, "door", "people").delivered > 0; });
    pipeline.remove(camera, {.timeout = Seconds{60}});
    if (life == lives / 4) early = Memory::now();
  }
  const auto late = Memory::now();
  wait_until([&] { return pipeline.stats().nodes.size() == 2; });
  EXPECT_GE(seen.all().size(), 1U);
  for (const auto& sample : seen.all())
    EXPECT_EQ(sample.stamp.source, numbers.at(static_cast<std::size_t>(sample.value)));
  EXPECT_TRUE(!full || kSanitized || late.resident <= early.resident + kMebibyte);
}

}  // namespace
}  // namespace freshframe::test
