// Pooled image memory: aligned, reused, bounded, and never used by two frames.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/frame.hpp"

#include <atomic>
#include <barrier>
#include <cstdint>
#include <cstring>
#include <thread>
#include <utility>
#include <vector>

#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

TEST(FramePool, ReusesWhatWasGivenBack) {
  FramePool pool;
  const std::uint8_t* first = nullptr;
  {
    const auto buffer = pool.take(10'000);
    first = buffer.get();
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(first) % 64, 0U);
    EXPECT_EQ(pool.stats().allocated, 1U);
    EXPECT_EQ(pool.stats().idle_bytes, 0U);
  }
  EXPECT_GE(pool.stats().idle_bytes, 10'000U);
  const auto again = pool.take(10'000);
  EXPECT_EQ(again.get(), first);
  EXPECT_EQ(pool.stats().allocated, 1U);
  EXPECT_EQ(pool.stats().reused, 1U);
}

TEST(FramePool, AFrameGivesItsMemoryBackWithItsLastHandle) {
  FramePool pool;
  const PictureFormat format{.width = 64, .height = 32, .format = PixelFormat::Gray};
  for (int i = 0; i < 10; ++i) {
    const Frame frame = FrameBuilder(format, pool).publish();
    EXPECT_TRUE(frame);
  }
  EXPECT_EQ(pool.stats().allocated, 1U);
  EXPECT_EQ(pool.stats().reused, 9U);
}

TEST(FramePool, ServesManyThreadsWithoutSharingABuffer) {
  FramePool pool;
  constexpr int kThreads = 4;
  std::barrier start(kThreads);
  std::atomic<int> clashes{0};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&, i] {
        start.arrive_and_wait();
        for (int round = 0; round < 300; ++round) {
          const std::size_t bytes = 100U + static_cast<std::size_t>(round % 5) * 4000U;
          const auto buffer = pool.take(bytes);
          std::memset(buffer.get(), i, bytes);
          for (std::size_t k = 0; k < bytes; k += 97) clashes += buffer[k] != i ? 1 : 0;
        }
      });
    }
  }
  EXPECT_EQ(clashes, 0);
  EXPECT_EQ(pool.stats().allocated + pool.stats().reused, kThreads * 300U);
}

TEST(FramePool, KeepsNoMoreThan64MebibytesForReuse) {
  constexpr std::size_t kBuffer = std::size_t{1} << 20;
  FramePool pool;
  {
    std::vector<FramePool::Buffer> buffers;
    for (int i = 0; i < 80; ++i) buffers.push_back(pool.take(kBuffer));
  }
  EXPECT_EQ(pool.stats().idle_bytes, 64 * kBuffer);
}

TEST(FramePool, ASizeThatNobodyAsksForMakesRoomForOthers) {
  constexpr std::size_t kMebibyte = std::size_t{1} << 20;
  FramePool pool;
  const auto use = [&](std::size_t bytes, int count) {
    std::vector<FramePool::Buffer> buffers;
    for (int i = 0; i < count; ++i) buffers.push_back(pool.take(bytes));
  };
  use(3 * kMebibyte, 20);
  use(2 * kMebibyte, 2);
  const auto before = pool.stats();
  for (int i = 0; i < 30; ++i) use(12 * kMebibyte, 1);
  EXPECT_EQ(pool.stats().allocated - before.allocated, 1U);
  EXPECT_EQ(pool.stats().reused - before.reused, 29U);
  EXPECT_LE(pool.stats().idle_bytes, 64 * kMebibyte);
  use(2 * kMebibyte, 2);
  EXPECT_EQ(pool.stats().allocated - before.allocated, 1U) << "a size that was used later has gone first";
  use(80 * kMebibyte, 1);
  EXPECT_GT(pool.stats().idle_bytes, 50 * kMebibyte) << "a buffer that is never kept has evicted others";
}

TEST(FramePool, ABufferThatIsNotKeptEvictsNoOther) {
  constexpr std::size_t kMebibyte = std::size_t{1} << 20;
  FramePool pool;
  const auto use = [&](std::size_t bytes, int count) {
    std::vector<FramePool::Buffer> buffers;
    for (int i = 0; i < count; ++i) buffers.push_back(pool.take(bytes));
  };
  use(kMebibyte, 10);
  use(25 * kMebibyte, 3);  // only two of them are kept
  const auto before = pool.stats();
  EXPECT_EQ(before.idle_bytes, 60 * kMebibyte);
  use(kMebibyte, 10);
  EXPECT_EQ(pool.stats().allocated, before.allocated);
}

TEST(FramePool, ManySizesOfOnePictureEachLeaveNoMoreThanItKeeps) {
  FramePool pool;
  for (std::size_t size = 1; size <= 500; ++size) (void)pool.take(size << 14U);
  std::size_t bytes = 0;
  for (std::size_t size = 1; size <= 500; ++size) bytes += size << 14U;
  EXPECT_GT(bytes, std::size_t{64} << 20U);
  EXPECT_LE(pool.stats().idle_bytes, std::size_t{64} << 20U);
  EXPECT_EQ(pool.stats().allocated, 500U);
}

TEST(FramePool, AFrameMayOutliveItsPool) {
  Frame frame;
  {
    FramePool pool;
    FrameBuilder builder({.width = 8, .height = 8, .format = PixelFormat::Gray}, pool);
    builder.plane(0)[0] = 77;
    frame = std::move(builder).publish();
  }
  EXPECT_EQ(frame.luma().row(0)[0], 77);
}

}  // namespace
}  // namespace freshframe::test
