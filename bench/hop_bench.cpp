// The cost of one hop from node to node, natively, beside a bare condition variable and a bare queue. Run by
// hop.py.
//
//   hop_bench ROUNDS SHARE [paced|burst]
//
// Prints one line of JSON per run; the kinds take turns within a round. SHARE scales the samples per run, in
// percent.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/pipeline.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using freshframe::AddOptions;
using freshframe::Context;
using freshframe::Frame;
using freshframe::Nothing;
using freshframe::Pipeline;
using freshframe::Queue;
using freshframe::Sample;
using freshframe::SourceItem;
using freshframe::TimePoint;
using freshframe::WhenFull;
using Steady = std::chrono::steady_clock;

double microseconds(TimePoint::duration time) {
  return std::chrono::duration<double, std::micro>(time).count();
}

// Returns the CPU time of all threads.
double cpu_seconds() {
  timespec spent{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
  return static_cast<double>(spent.tv_sec) + static_cast<double>(spent.tv_nsec) / 1e9;
}

double quantile(std::vector<double>& values, double q) {
  if (values.empty()) throw std::runtime_error("nothing arrived");
  const auto index =
      std::min(values.size() - 1, static_cast<std::size_t>(q * static_cast<double>(values.size())));
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(index), values.end());
  return values[index];
}

// ---- paced: time from the hand-over until the other thread has the sample

struct Pace {
  int hertz;
  int samples;
};

/// Waits for the next sample's time. Used by both kinds, so that they wait in the same way.
class Beat {
 public:
  explicit Beat(Pace pace) : pace_(pace), next_(Steady::now()) {}
  bool wait() {
    if (done_++ == pace_.samples) return false;
    next_ += std::chrono::nanoseconds(1'000'000'000 / pace_.hertz);
    std::this_thread::sleep_until(next_);
    return true;
  }

 private:
  Pace pace_;
  TimePoint next_;
  int done_ = 0;
};

std::vector<double> bare_wake_ups(Pace pace) {
  std::mutex mutex;
  std::condition_variable changed;
  std::optional<TimePoint> handed_over;
  bool ended = false;
  std::vector<double> times;
  times.reserve(static_cast<std::size_t>(pace.samples));
  std::jthread consumer([&] {
    std::unique_lock lock(mutex);
    while (true) {
      changed.wait(lock, [&] { return ended || handed_over; });
      if (!handed_over) return;
      times.push_back(microseconds(Steady::now() - *std::exchange(handed_over, std::nullopt)));
    }
  });
  Beat beat(pace);
  while (beat.wait()) {
    const auto now = Steady::now();
    {
      const std::lock_guard lock(mutex);
      handed_over = now;
    }
    changed.notify_one();
  }
  {
    const std::lock_guard lock(mutex);
    ended = true;
  }
  changed.notify_one();
  consumer.join();
  return times;
}

/// A live source that emits the time of each hand-over.
class Clockwork final : public freshframe::Source<TimePoint> {
 public:
  explicit Clockwork(Pace pace) : pace_(pace) {}
  [[nodiscard]] bool live() const noexcept override { return true; }
  std::optional<SourceItem<TimePoint>> read(const Context& /*context*/) override {
    if (!beat_) beat_.emplace(pace_);
    if (!beat_->wait()) return std::nullopt;
    const auto now = Steady::now();
    return SourceItem<TimePoint>{now, 0, now};
  }

 private:
  Pace pace_;
  std::optional<Beat> beat_;
};

class Ear final : public freshframe::Node<TimePoint, Nothing> {
 public:
  explicit Ear(std::vector<double>& times) : times_(times) {}
  std::optional<Nothing> process(const Sample<TimePoint>& sample, const Context& /*context*/) override {
    times_.push_back(microseconds(Steady::now() - sample.value));
    return std::nullopt;
  }

 private:
  std::vector<double>& times_;
};

std::vector<double> hops(Pace pace) {
  std::vector<double> times;
  times.reserve(static_cast<std::size_t>(pace.samples));
  Pipeline pipeline;
  pipeline.add(std::make_unique<Ear>(times), pipeline.add(std::make_unique<Clockwork>(pace)));
  pipeline.run();
  return times;
}

void paced(const char* kind, Pace pace, std::vector<double> (*run)(Pace)) {
  auto times = run(pace);
  std::printf(R"({"part": "paced", "hz": %d, "kind": "%s", "p50_us": %.3f, "p99_us": %.3f, "n": %zu})"
              "\n",
              pace.hertz, kind, quantile(times, 0.50), quantile(times, 0.99), times.size());
}

// ---- bursts: all samples as fast as possible, until the last one has arrived

struct Burst {
  int depth;
  std::int64_t samples;
};

/// Measures wall time and CPU time from the creation of the first sample to the arrival of the last.
struct Watch {
  TimePoint began{};
  TimePoint ended{};
  double cpu_began = 0;
  double cpu_ended = 0;

  void start() {
    cpu_began = cpu_seconds();
    began = Steady::now();
  }
  void stop() {
    ended = Steady::now();
    cpu_ended = cpu_seconds();
  }
};

class Counter final : public freshframe::Source<std::int64_t> {
 public:
  Counter(std::int64_t samples, Watch& watch) : samples_(samples), watch_(watch) {}
  [[nodiscard]] bool live() const noexcept override { return false; }
  std::optional<SourceItem<std::int64_t>> read(const Context& /*context*/) override {
    if (next_ == 0) watch_.start();
    if (next_ == samples_) return std::nullopt;
    return SourceItem<std::int64_t>{next_++};
  }

 private:
  std::int64_t samples_;
  std::int64_t next_ = 0;
  Watch& watch_;
};

class Sum final : public freshframe::Node<std::int64_t, Nothing> {
 public:
  Sum(std::int64_t samples, Watch& watch) : left_(samples), watch_(watch) {}
  std::optional<Nothing> process(const Sample<std::int64_t>& sample, const Context& /*context*/) override {
    if (sample.value != seen_++) throw std::runtime_error("a sample is missing");
    if (--left_ == 0) watch_.stop();
    return std::nullopt;
  }

 private:
  std::int64_t seen_ = 0;
  std::int64_t left_;
  Watch& watch_;
};

Watch engine_burst(Burst burst) {
  Watch watch;
  Pipeline pipeline;
  const auto source = pipeline.add(std::make_unique<Counter>(burst.samples, watch));
  pipeline.add(std::make_unique<Sum>(burst.samples, watch), source,
               AddOptions{.queue = Queue{burst.depth, WhenFull::Block}});
  const auto edge = pipeline.run().stats.edges.at(0);
  const auto all = static_cast<std::uint64_t>(burst.samples);
  if (edge.passed_in != all || edge.delivered != all) throw std::runtime_error("the edge's books are short");
  return watch;
}

/// The textbook bounded queue: a mutex, two condition variables and a ring.
class BareQueue {
 public:
  explicit BareQueue(int depth) : ring_(static_cast<std::size_t>(depth)) {}

  void put(std::int64_t value) {
    {
      std::unique_lock lock(mutex_);
      room_.wait(lock, [&] { return size_ < ring_.size(); });
      ring_[(head_ + size_++) % ring_.size()] = value;
    }
    ready_.notify_one();
  }

  std::int64_t take() {
    std::int64_t value = 0;
    {
      std::unique_lock lock(mutex_);
      ready_.wait(lock, [&] { return size_ > 0; });
      value = ring_[head_];
      head_ = (head_ + 1) % ring_.size();
      --size_;
    }
    room_.notify_one();
    return value;
  }

 private:
  std::mutex mutex_;
  std::condition_variable ready_;
  std::condition_variable room_;
  std::vector<std::int64_t> ring_;
  std::size_t head_ = 0;
  std::size_t size_ = 0;
};

Watch bare_burst(Burst burst) {
  Watch watch;
  BareQueue queue(burst.depth);
  std::exception_ptr failure;
  std::jthread consumer([&] {
    std::int64_t wrong = 0;
    for (std::int64_t n = 0; n < burst.samples; ++n) wrong += queue.take() != n ? 1 : 0;
    watch.stop();
    if (wrong > 0) failure = std::make_exception_ptr(std::runtime_error("the bare queue is wrong"));
  });
  watch.start();
  for (std::int64_t n = 0; n < burst.samples; ++n) queue.put(n);
  consumer.join();
  if (failure) std::rethrow_exception(failure);
  return watch;
}

void bursts(const char* kind, Burst burst, Watch (*run)(Burst)) {
  const auto watch = run(burst);
  const auto samples = static_cast<double>(burst.samples);
  std::printf(R"({"part": "burst", "depth": %d, "kind": "%s", "us": %.5f, "cpu_us": %.5f, "n": %lld})"
              "\n",
              burst.depth, kind, microseconds(watch.ended - watch.began) / samples,
              1e6 * (watch.cpu_ended - watch.cpu_began) / samples, static_cast<long long>(burst.samples));
}

// ---- images: the same memory at both ends

constexpr int kPictures = 1000;
constexpr int kKept = 4;

Frame picture() {
  return freshframe::FrameBuilder({.width = 1280, .height = 720, .format = freshframe::PixelFormat::I420})
      .publish();
}

/// Emits the same few images repeatedly, without loss.
class Album final : public freshframe::Source<Frame> {
 public:
  explicit Album(const std::array<Frame, kKept>& pictures) : pictures_(pictures) {}
  [[nodiscard]] bool live() const noexcept override { return false; }
  std::optional<SourceItem<Frame>> read(const Context& /*context*/) override {
    if (next_ == kPictures) return std::nullopt;
    return SourceItem<Frame>{pictures_.at(next_++ % kKept)};
  }

 private:
  const std::array<Frame, kKept>& pictures_;
  std::size_t next_ = 0;
};

class Relay final : public freshframe::Node<Frame, Frame> {
 public:
  std::optional<Frame> process(const Sample<Frame>& sample, const Context& /*context*/) override {
    return sample.value;
  }
};

/// Counts the planes that reach the reader of source -> node -> reader in other memory than the source's.
void copies() {
  const std::array<Frame, kKept> pictures = {picture(), picture(), picture(), picture()};
  Pipeline pipeline;
  const auto relayed =
      pipeline.add(std::make_unique<Relay>(), pipeline.add(std::make_unique<Album>(pictures)));
  auto reader = pipeline.reader(relayed);
  pipeline.start();
  int seen = 0;
  int moved = 0;
  while (const auto sample = reader.get()) {
    const auto& sent = pictures.at(static_cast<std::size_t>(sample->stamp.seq) % kKept);
    for (std::size_t plane = 0; plane < 3; ++plane)
      moved += sample->value.planes()[plane].data != sent.planes()[plane].data ? 1 : 0;
    ++seen;
  }
  std::printf(R"({"part": "pictures", "seen": %d, "planes_copied": %d})"
              "\n",
              seen, moved);
}

void paced_round(int share) {
  for (const auto& [hertz, samples] : {Pace{100, 200}, Pace{300, 400}, Pace{1000, 1000}}) {
    const Pace pace{hertz, std::max(20, samples * share / 100)};
    paced("bare", pace, &bare_wake_ups);
    paced("freshframe", pace, &hops);
    paced("bare again", pace, &bare_wake_ups);
  }
}

void burst_round(int share) {
  for (const auto& [depth, samples] : {Burst{1, 50'000}, Burst{8, 200'000}, Burst{1024, 1'000'000}}) {
    const Burst burst{depth, std::max<std::int64_t>(2 * depth, samples * share / 100)};
    bursts("bare", burst, &bare_burst);
    bursts("freshframe", burst, &engine_burst);
    bursts("bare again", burst, &bare_burst);
  }
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 3 || argc > 4) throw std::runtime_error("usage: hop_bench ROUNDS SHARE [paced|burst]");
  const int rounds = std::max(1, std::atoi(argv[1]));
  const int share = std::max(1, std::atoi(argv[2]));
  const std::string part = argc == 4 ? argv[3] : "";
  copies();
  for (int round = 0; round < rounds; ++round) {
    if (part != "burst") paced_round(share);
    if (part != "paced") burst_round(share);
    std::fflush(stdout);
  }
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "hop_bench: %s\n", error.what());
  return 1;
}
