// The rules of a join downstream of files: the result does not depend on arrival times.
// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cstddef>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "cpp/core/join/trial.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

TEST(JoinerOfFiles, ABranchThatFiltersFillsTheQueueOfTheOther) {
  Trial trial({.within = 0, .wait = std::nullopt, .depth = 8});
  for (int k = 0; k < 8; ++k) trial.put(0, k, k);
  EXPECT_EQ(trial.waiting(), 8U);
  EXPECT_FALSE(trial.joiner().next_time());
  trial.put(1, 7, 8);
  expect_sets(trial, {{7, 7}});
}

using Streams = std::vector<std::vector<double>>;  // timestamps of each parent

// Three files at 25, 200 and 30 frames per second, with a little jitter and some missing frames.
Streams random_files(unsigned seed) {
  constexpr std::array kRates = {25.0, 200.0, 30.0};
  constexpr std::array kCounts = {50, 390, 55};
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> jitter(-0.4, 0.4);
  std::bernoulli_distribution lost(0.1);
  Streams result(kRates.size());
  for (std::size_t i = 0; i < kRates.size(); ++i) {
    for (int k = 0; k < kCounts.at(i); ++k) {
      const double time = (k + jitter(random)) / kRates.at(i);
      if (!lost(random)) result[i].push_back(time);
    }
  }
  return result;
}

// Producers whose order of arrival differs from run to run. Each waits for room in a queue of 8.
Times sets_of_files(const Streams& files, unsigned seed, bool partial) {
  Trial trial(
      {.parents = files.size(), .within = 0.02, .wait = std::nullopt, .partial = partial, .depth = 8});
  std::mt19937 random(seed);
  std::vector<std::size_t> given(files.size());
  std::vector<bool> ended(files.size());
  double now = 0;
  for (std::size_t live = files.size(); live > 0;) {
    const auto parent = random() % files.size();
    now += 0.001;
    if (ended[parent]) continue;
    if (given[parent] == files[parent].size()) {
      trial.end(parent, now);
      ended[parent] = true;
      --live;
    } else if (trial.joiner().waiting(parent) < 8) {
      trial.put(parent, files[parent][given[parent]++], now);
    }
  }
  EXPECT_EQ(trial.waiting(), 0U);
  return trial.times();
}

TEST(JoinerOfFiles, TheSetsDoNotDependOnTheOrderOfArrival) {
  for (unsigned files = 1; files <= 20; ++files) {
    const auto streams = random_files(files);
    for (const bool partial : {false, true}) {
      const auto first = sets_of_files(streams, 1, partial);
      EXPECT_GE(first.size(), partial ? streams[0].size() : 25U);
      for (unsigned seed = 2; seed < 12; ++seed) {
        SCOPED_TRACE("files " + std::to_string(files) + ", order " + std::to_string(seed) +
                     (partial ? ", partial" : ""));
        expect_sets(sets_of_files(streams, seed, partial), first);
        if (testing::Test::HasFailure()) return;
      }
    }
  }
}

}  // namespace
}  // namespace freshframe::test
