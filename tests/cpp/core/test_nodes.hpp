// Sources and nodes that a test controls step by step: a feed, a gate, nodes made of functions, a runner.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/pipeline.hpp"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cpp/support.hpp"

namespace freshframe::test {

/// The items that a test passes to a source. The source blocks in read() until the next push.
template <class T>
class Feed {
 public:
  /// empty `captured`: now() at the time when the source takes the item
  void push(T value, std::optional<TimePoint> captured = {}, double pts = 0) {
    const std::lock_guard lock(mutex_);
    items_.push_back({std::move(value), captured, pts});
    changed_.notify_all();
  }
  /// The stream ends after the pushed items.
  void finish() {
    const std::lock_guard lock(mutex_);
    finished_ = true;
    changed_.notify_all();
  }
  /// Makes read() throw this after the pushed items.
  void fail(std::exception_ptr error) {
    const std::lock_guard lock(mutex_);
    error_ = std::move(error);
    changed_.notify_all();
  }
  /// Waits until the source requests the next item: every pushed item has been offered to every edge.
  void settle() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return asking_ && items_.empty(); });
  }
  void push_and_settle(T value) {
    push(std::move(value));
    settle();
  }
  [[nodiscard]] std::uint64_t taken() const {
    const std::lock_guard lock(mutex_);
    return taken_;
  }

  std::optional<SourceItem<T>> take(const Context& context) {
    // Destroyed after the lock: its destructor waits for a callback that wants the lock.
    const std::stop_callback wake(context.stop, [this] {
      const std::lock_guard lock(mutex_);
      changed_.notify_all();
    });
    std::unique_lock lock(mutex_);
    asking_ = true;
    changed_.notify_all();
    changed_.wait(lock,
                  [&] { return !items_.empty() || finished_ || error_ || context.stop.stop_requested(); });
    asking_ = false;
    if (context.stop.stop_requested()) return std::nullopt;
    if (!items_.empty()) {
      Item item = std::move(items_.front());
      items_.pop_front();
      ++taken_;
      return SourceItem<T>{std::move(item.value), item.pts, item.captured.value_or(context.clock.now())};
    }
    if (error_) std::rethrow_exception(error_);
    return std::nullopt;
  }

 private:
  struct Item {
    T value;
    std::optional<TimePoint> captured;
    double pts = 0;
  };

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Item> items_;    // guarded by mutex_
  bool asking_ = false;       // guarded by mutex_
  bool finished_ = false;     // guarded by mutex_
  std::uint64_t taken_ = 0;   // guarded by mutex_
  std::exception_ptr error_;  // guarded by mutex_
};

/// Behaviour of a test's source as functions; an empty function does nothing.
template <class T>
struct SourceHooks {
  bool live = false;
  std::function<std::optional<SourceItem<T>>(const Context&)> read;
  std::function<void(const Context&)> open = {};
  std::function<void()> close = {};
  std::string name = "source";
};

template <class T>
class FunctionSource final : public Source<T> {
 public:
  explicit FunctionSource(SourceHooks<T> hooks) : hooks_(std::move(hooks)) {}
  [[nodiscard]] std::string default_name() const override { return hooks_.name; }
  [[nodiscard]] bool live() const noexcept override { return hooks_.live; }
  void open(const Context& context) override {
    if (hooks_.open) hooks_.open(context);
  }
  std::optional<SourceItem<T>> read(const Context& context) override { return hooks_.read(context); }
  void close() override {
    if (hooks_.close) hooks_.close();
  }

 private:
  SourceHooks<T> hooks_;
};

template <class T>
std::unique_ptr<FunctionSource<T>> make_source(SourceHooks<T> hooks) {
  return std::make_unique<FunctionSource<T>>(std::move(hooks));
}

enum class Kind : std::uint8_t { File, Live };

/// A source that sends the items of `feed`. The test must keep the feed alive longer than the pipeline.
template <class T>
std::unique_ptr<FunctionSource<T>> feed_source(Feed<T>& feed, Kind kind) {
  return make_source<T>(
      {.live = kind == Kind::Live, .read = [&feed](const Context& context) { return feed.take(context); }});
}

/// A live source of 0, 1, 2, ... without a pause.
inline std::unique_ptr<FunctionSource<int>> busy_source() {
  return make_source<int>(
      {.live = true, .read = [next = 0](const Context& context) mutable -> std::optional<SourceItem<int>> {
         if (context.stop.stop_requested()) return std::nullopt;
         std::this_thread::sleep_for(std::chrono::microseconds(50));
         return SourceItem<int>{next++, 0, context.clock.now()};
       }});
}

/// The options of a pipeline that may run without a source.
inline Pipeline::Options kept_running() {
  Pipeline::Options options;
  options.keep_running = true;
  return options;
}

/// 0, 1, ... count - 1, then the end.
inline std::unique_ptr<FunctionSource<int>> count_source(int count, Kind kind = Kind::File) {
  return make_source<int>(
      {.live = kind == Kind::Live,
       .read = [next = 0, count](const Context& context) mutable -> std::optional<SourceItem<int>> {
         if (next >= count || context.stop.stop_requested()) return std::nullopt;
         const int value = next++;
         return SourceItem<int>{value, value / 25.0, context.clock.now()};
       }});
}

/// Behaviour of a test's node as functions; an empty function does nothing.
template <class In, class Out>
struct NodeHooks {
  std::function<std::optional<Out>(const Sample<In>&, const Context&)> process;
  std::function<void(const Context&)> open = {};
  std::function<void()> close = {};
  std::string name = "node";
};

template <class In, class Out>
class FunctionNode final : public Node<In, Out> {
 public:
  explicit FunctionNode(NodeHooks<In, Out> hooks) : hooks_(std::move(hooks)) {}
  [[nodiscard]] std::string default_name() const override { return hooks_.name; }
  void open(const Context& context) override {
    if (hooks_.open) hooks_.open(context);
  }
  std::optional<Out> process(const Sample<In>& sample, const Context& context) override {
    return hooks_.process(sample, context);
  }
  void close() override {
    if (hooks_.close) hooks_.close();
  }

 private:
  NodeHooks<In, Out> hooks_;
};

template <class In, class Out>
std::unique_ptr<FunctionNode<In, Out>> make_node(NodeHooks<In, Out> hooks) {
  return std::make_unique<FunctionNode<In, Out>>(std::move(hooks));
}
template <class In, class Out>
std::unique_ptr<FunctionNode<In, Out>> make_node(
    std::function<std::optional<Out>(const Sample<In>&, const Context&)> process) {
  return make_node<In, Out>(NodeHooks<In, Out>{.process = std::move(process)});
}
template <class T>
std::unique_ptr<FunctionNode<T, T>> pass_on() {
  return make_node<T, T>(
      [](const Sample<T>& sample, const Context&) { return std::optional<T>(sample.value); });
}

/// Blocks every thread that reaches it until the test releases it. A stop releases all of them.
class Gate {
 public:
  explicit Gate(bool heeds_stop = true) : heeds_stop_(heeds_stop) {}

  void pass(const std::stop_token& stop) {
    const std::stop_callback wake(stop, [this] {
      const std::lock_guard lock(mutex_);
      changed_.notify_all();
    });
    std::unique_lock lock(mutex_);
    const int mine = ++entered_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return open_ || mine <= permits_ || (heeds_stop_ && stop.stop_requested()); });
  }
  void pass(const Context& context) { pass(context.stop); }
  /// Releases the next `count` threads.
  void permit(int count = 1) {
    const std::lock_guard lock(mutex_);
    permits_ += count;
    changed_.notify_all();
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  /// Waits until `count` calls have reached the gate since its construction.
  void wait_entered(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return entered_ >= count; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  const bool heeds_stop_;
  int entered_ = 0;    // guarded by mutex_
  int permits_ = 0;    // guarded by mutex_
  bool open_ = false;  // guarded by mutex_
};

/// A list that several threads append to, and that a test can wait on.
template <class T>
class Seen {
 public:
  void add(T item) {
    const std::lock_guard lock(mutex_);
    items_.push_back(std::move(item));
    changed_.notify_all();
  }
  void wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return items_.size() >= count; });
  }
  [[nodiscard]] std::vector<T> all() const {
    const std::lock_guard lock(mutex_);
    return items_;
  }
  void clear() {
    std::vector<T> gone;
    const std::lock_guard lock(mutex_);
    gone.swap(items_);
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<T> items_;  // guarded by mutex_
};

/// A sink that keeps every sample.
template <class T>
std::unique_ptr<FunctionNode<T, Nothing>> collect_into(Seen<Sample<T>>& seen) {
  return make_node<T, Nothing>([&seen](const Sample<T>& sample, const Context&) -> std::optional<Nothing> {
    seen.add(sample);
    return std::nullopt;
  });
}
/// A sink that keeps every sample once `gate` lets it through.
template <class T>
std::unique_ptr<FunctionNode<T, Nothing>> collect_behind(Gate& gate, Seen<Sample<T>>& seen) {
  return make_node<T, Nothing>(
      [&](const Sample<T>& sample, const Context& context) -> std::optional<Nothing> {
        seen.add(sample);
        gate.pass(context);
        return std::nullopt;
      });
}

template <class T>
std::vector<std::int64_t> seqs(const std::vector<Sample<T>>& samples) {
  std::vector<std::int64_t> result;
  result.reserve(samples.size());
  for (const auto& sample : samples) result.push_back(sample.stamp.seq);
  return result;
}

/// Runs one node alone over `inputs`, without dropping any, and returns what it emits, like MediaPipe's
/// CalculatorRunner.
template <class In, class Out>
std::vector<Sample<Out>> run_node(std::unique_ptr<Node<In, Out>> node, std::vector<In> inputs) {
  Seen<Sample<Out>> seen;
  CheckedPipeline pipeline;
  const auto source = pipeline.add(make_source<In>(
      {.live = false,
       .read = [next = std::size_t{0},
                &inputs](const Context& context) mutable -> std::optional<SourceItem<In>> {
         if (next == inputs.size()) return std::nullopt;
         const auto index = next++;
         return SourceItem<In>{inputs[index], static_cast<double>(index) / 25.0, context.clock.now()};
       }}));
  const auto port = pipeline.add(std::move(node), source);
  pipeline.add(collect_into<Out>(seen), port);
  EXPECT_TRUE(pipeline.run().complete);
  return seen.all();
}

}  // namespace freshframe::test
