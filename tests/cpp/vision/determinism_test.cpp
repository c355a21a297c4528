// The same picture gives the same circles: in every run, on every thread, after any other
// pictures.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/vision.hpp"

#include <barrier>
#include <thread>
#include <vector>

#include "cpp/vision/drawn_discs.hpp"
#include <gtest/gtest.h>

namespace freshframe {
namespace {

constexpr CircleDetectorOptions kOptions = {.min_radius = 5, .max_radius = 150, .min_confidence = 0.1F};

test::Canvas busy_picture(unsigned seed) {
  test::Canvas canvas(401, 303, 100);
  canvas.rectangle(240, 20, 380, 120, 160);
  for (int i = 0; i < 9; ++i) {
    canvas.disc(40.3 + 41 * i, 60.7 + 23 * ((i * 5) % 9), 9 + 4 * i, 20 + 26 * ((i * 4) % 9));
  }
  canvas.noise(7, seed);
  return canvas;
}

void expect_same(const std::vector<Circle>& a, const std::vector<Circle>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].x, b[i].x);
    EXPECT_EQ(a[i].y, b[i].y);
    EXPECT_EQ(a[i].r, b[i].r);
    EXPECT_EQ(a[i].confidence, b[i].confidence);
  }
}

TEST(CircleDeterminism, ConcurrentSearchesFindTheSame) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 5;
  const auto canvas = busy_picture(3);
  const auto expected = CircleFinder(kOptions).find(canvas.plane());
  ASSERT_GE(expected.size(), 3U);
  std::vector<std::vector<Circle>> found(kThreads * kRounds);
  std::barrier start(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      CircleFinder finder(kOptions);
      start.arrive_and_wait();
      for (int n = 0; n < kRounds; ++n) {
        static_cast<void>(finder.find(busy_picture(static_cast<unsigned>(10 * t + n)).plane()));
        found[static_cast<std::size_t>(t * kRounds + n)] = finder.find(canvas.plane());
      }
    });
  }
  for (auto& thread : threads) thread.join();
  for (const auto& circles : found) expect_same(circles, expected);
}

TEST(CircleDeterminism, TrackersWithTheSameInputHaveTheSameOutput) {
  const auto run = [] {
    std::vector<Circles> out;
    CircleAssociator tracker;
    CircleFinder finder({.min_radius = 5, .max_radius = 60, .min_confidence = 0.3F});
    for (int frame = 0; frame < 12; ++frame) {
      test::Canvas canvas(240, 180, 90);
      canvas.disc(40.5 + 9 * frame, 60.2, 15, 200);
      canvas.disc(190.1 - 9 * frame, 110.8 - 4 * frame, 21, 30);
      canvas.noise(5, static_cast<unsigned>(frame));
      out.push_back(tracker.update(frame / 30.0, finder.find(canvas.plane())));
    }
    return out;
  };
  const auto first = run();
  const auto again = run();
  ASSERT_EQ(first.size(), again.size());
  ASSERT_GE(first.back().circles.size(), 1U);
  for (std::size_t i = 0; i < first.size(); ++i) {
    EXPECT_EQ(first[i].ids, again[i].ids);
    expect_same(first[i].circles, again[i].circles);
  }
}

}  // namespace
}  // namespace freshframe
