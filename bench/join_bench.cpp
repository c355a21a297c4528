// Compares the cost of a join's set with two samples of a merge, and measures how long after its last member a set is
// processed. Run by join.py.
//
//   join_bench ROUNDS
//
// Prints one line of JSON per run; the kinds take turns within a round.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/pipeline.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "core/edge/inbox.hpp"

namespace {

using freshframe::Context;
using freshframe::Join;
using freshframe::Nothing;
using freshframe::Pipeline;
using freshframe::Sample;
using freshframe::Seconds;
using freshframe::SourceItem;
using freshframe::TimePoint;
using Steady = std::chrono::steady_clock;

double cpu_seconds() {
  timespec spent{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
  return static_cast<double>(spent.tv_sec) + static_cast<double>(spent.tv_nsec) / 1e9;
}

double quantile(std::vector<double> values, double q) {
  if (values.empty()) throw std::runtime_error("nothing arrived");
  std::ranges::sort(values);
  return values[std::min(values.size() - 1,
                         static_cast<std::size_t>(q * static_cast<double>(values.size())))];
}

// ---- only the inbox, on one thread: two samples go in, and come out as a set or one by one

enum class Kind : std::uint8_t { Merge, Join };

double pair_ns(Kind kind) {
  constexpr int kPairs = 200'000;
  freshframe::core::Inbox inbox("consumer", freshframe::Clock::real());
  std::vector<freshframe::core::EdgeRef> edges;
  for (int i = 0; i < 2; ++i) {
    edges.push_back(inbox.add_edge({.parent = i,
                                    .parent_name = std::to_string(i),
                                    .queue = freshframe::kJoining,
                                    .joined = kind == Kind::Join}));
  }
  if (kind == Kind::Join) {
    inbox.expect_join();
    inbox.join({.by = freshframe::JoinBy::Pts, .within = 0.0001, .wait = 0.05});
  }
  const auto value = freshframe::ValueRef::make<int>(0);
  std::atomic<bool> blocked{false};
  freshframe::AnySample taken;
  int out = 0;
  const auto began = Steady::now();
  for (int n = 0; n < kPairs; ++n) {
    for (int parent = 0; parent < 2; ++parent) {
      inbox.put(*edges[static_cast<std::size_t>(parent)], {{n, n / 1000.0, began, parent}, {}, value, 0},
                blocked);
      if (kind == Kind::Merge &&
          inbox.take(taken, freshframe::core::kWithoutWait) == freshframe::core::Taken::Sample)
        ++out;
    }
    if (kind == Kind::Join &&
        inbox.take(taken, freshframe::core::kWithoutWait) == freshframe::core::Taken::Sample)
      ++out;
  }
  const auto spent = Steady::now() - began;
  if (out != (kind == Kind::Join ? kPairs : 2 * kPairs)) throw std::runtime_error("something is missing");
  return std::chrono::duration<double, std::nano>(spent).count() / kPairs;
}

// ---- a whole pipeline of paced sources

struct Pace {
  double hertz = 30;
  double seconds = 4;
  double offset = 0;         // offset of the first sample, in seconds
  double silent_from = 1e9;  // emits nothing from this many seconds after its start on
};

/// A live source that emits the time of each hand-over.
class Clockwork final : public freshframe::Source<TimePoint> {
 public:
  explicit Clockwork(Pace pace) : pace_(pace) {}
  [[nodiscard]] bool live() const noexcept override { return true; }
  std::optional<SourceItem<TimePoint>> read(const Context& /*context*/) override {
    if (!began_) began_ = Steady::now();
    for (;;) {
      const double at = static_cast<double>(next_++) / pace_.hertz + pace_.offset;
      if (at >= pace_.seconds) return std::nullopt;
      std::this_thread::sleep_until(*began_ + freshframe::to_duration(Seconds(at)));
      if (at >= pace_.silent_from) continue;
      const auto now = Steady::now();
      return SourceItem<TimePoint>{now, at - pace_.offset, now};
    }
  }

 private:
  Pace pace_;
  std::optional<TimePoint> began_;
  std::int64_t next_ = 0;
};

double since(TimePoint time) {
  return std::chrono::duration<double, std::micro>(Steady::now() - time).count();
}

class One final : public freshframe::Node<TimePoint, Nothing> {
 public:
  explicit One(std::vector<double>& times) : times_(times) {}
  std::optional<Nothing> process(const Sample<TimePoint>& sample, const Context& /*context*/) override {
    times_.push_back(since(sample.value));
    return std::nullopt;
  }

 private:
  std::vector<double>& times_;
};

class Two final : public freshframe::JoinNode<TimePoint, TimePoint, Nothing> {
 public:
  explicit Two(std::vector<double>& times) : times_(times) {}
  std::optional<Nothing> process(const Sample<TimePoint>& a, const Sample<TimePoint>& b,
                                 const Context& /*context*/) override {
    times_.push_back(since(std::max(a.value, b.value)));
    return std::nullopt;
  }

 private:
  std::vector<double>& times_;
};

/// Records the age of the reference camera in sets of three cameras, of which the third may be missing.
class Three final
    : public freshframe::JoinNode<TimePoint, std::optional<TimePoint>, std::optional<TimePoint>, Nothing> {
 public:
  Three(std::vector<double>& whole, std::vector<double>& partial) : whole_(whole), partial_(partial) {}
  std::optional<Nothing> process(const Sample<TimePoint>& a, const std::optional<Sample<TimePoint>>& b,
                                 const std::optional<Sample<TimePoint>>& c,
                                 const Context& /*context*/) override {
    auto last = a.value;
    if (b) last = std::max(last, b->value);
    if (c) last = std::max(last, c->value);
    (c ? whole_ : partial_).push_back(since(last));
    return std::nullopt;
  }

 private:
  std::vector<double>& whole_;
  std::vector<double>& partial_;
};

void pairs(Kind kind, double hertz, double seconds) {
  std::vector<double> times;
  Pipeline pipeline;
  const auto left = pipeline.add(std::make_unique<Clockwork>(Pace{hertz, seconds}));
  const auto right = pipeline.add(std::make_unique<Clockwork>(Pace{hertz, seconds, 0.0002}));
  if (kind == Kind::Join) {
    pipeline.add(std::make_unique<Two>(times), std::tuple{left, right},
                 {.join = Join{.within = 0.4 / hertz, .max_wait = 0.05, .by = freshframe::JoinBy::Pts}});
  } else {
    pipeline.add(std::make_unique<One>(times), std::vector{left, right});
  }
  const double began = cpu_seconds();
  pipeline.run();
  const double spent = cpu_seconds() - began;
  const double made = static_cast<double>(times.size()) / (kind == Kind::Join ? 1 : 2);
  std::printf(R"({"part": "paced", "hz": %g, "kind": "%s", "cpu_us": %.4f, "p50_us": %.3f, "p99_us": %.3f, )"
              R"("pairs": %.1f, "due": %.0f})"
              "\n",
              hertz, kind == Kind::Join ? "join" : "merge", 1e6 * spent / made, quantile(times, 0.5),
              quantile(times, 0.99), made, hertz * seconds);
}

void silent(double seconds) {
  std::vector<double> whole;
  std::vector<double> partial;
  Pipeline pipeline;
  const auto camera = [&](double offset, double silent_from) {
    return pipeline.add(std::make_unique<Clockwork>(Pace{30, seconds, offset, silent_from}));
  };
  const auto a = camera(0, 1e9);
  const auto b = camera(0.004, 1e9);
  const auto c = camera(0.002, seconds / 2);
  pipeline.add(
      std::make_unique<Three>(whole, partial), std::tuple{a, b, c},
      {.join = Join{.within = 0.016, .max_wait = 0.1, .by = freshframe::JoinBy::Pts, .partial = true}});
  pipeline.run();
  // The first sets after the camera has fallen silent still wait for it. Later sets do not.
  constexpr std::ptrdiff_t kFirst = 6;
  std::vector<double> later(partial.begin() + std::min<std::ptrdiff_t>(kFirst, std::ssize(partial)),
                            partial.end());
  std::printf(R"({"part": "silent", "whole_p99_us": %.3f, "first_us": %.3f, "later_p99_us": %.3f, )"
              R"("whole": %zu, "partial": %zu})"
              "\n",
              quantile(whole, 0.99), *std::ranges::max_element(partial), quantile(later, 0.99), whole.size(),
              partial.size());
}

void run(int rounds) {
  for (int round = 0; round < rounds; ++round) {
    for (const auto kind : {Kind::Merge, Kind::Join, Kind::Merge}) {
      std::printf(R"({"part": "alone", "kind": "%s", "pair_ns": %.2f})"
                  "\n",
                  kind == Kind::Join ? "join" : "merge", pair_ns(kind));
      pairs(kind, 1000, 3);
    }
    pairs(Kind::Join, 30, 6);
    silent(12);
    std::fflush(stdout);
  }
}

}  // namespace

int main(int count, char** arguments) {
  try {
    run(count > 1 ? std::atoi(arguments[1]) : 3);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
