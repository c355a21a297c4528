// Memory that workers read: free space, slabs, their pool, and what a process with their descriptors cannot
// do.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/frame.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include "cpp/support.hpp"
#include "process/crew/placed_frame.hpp"
#include "process/memory/memory_file.hpp"
#include "process/memory/slab_pool.hpp"
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace freshframe::process {
namespace {

constexpr std::size_t kMebibyte = std::size_t{1} << 20;

SlabPool plenty() {
  return SlabPool([] { return std::size_t{1} << 40; });
}

TEST(FreeSpace, TakesTheLowestPlaceThatFits) {
  FreeSpace space(kMebibyte);
  EXPECT_EQ(space.take(4096), 0U);
  EXPECT_EQ(space.take(4096), 4096U);
  EXPECT_EQ(space.take(4096), 8192U);
  space.give(4096);
  EXPECT_EQ(space.take(100), 4096U);
}

TEST(FreeSpace, MergesFreedSpaceWithBothNeighbours) {
  FreeSpace space(3 * 4096);
  const auto first = space.take(4096);
  const auto second = space.take(4096);
  const auto third = space.take(4096);
  EXPECT_FALSE(space.take(1));
  space.give(*first);
  space.give(*third);
  EXPECT_FALSE(space.take(2 * 4096));
  space.give(*second);
  EXPECT_TRUE(space.all_free());
  EXPECT_EQ(space.take(3 * 4096), 0U);
}

TEST(FreeSpace, GivingBackTwiceChangesNothing) {
  FreeSpace space(4 * 4096);
  const auto first = space.take(4096);
  space.give(*first);
  space.give(*first);
  EXPECT_TRUE(space.all_free());
  EXPECT_EQ(space.take(4 * 4096), 0U);
}

TEST(FreeSpace, NoTwoSlotsOverlapAndAllComesBack) {
  FreeSpace space(16 * kMebibyte);
  std::mt19937 random(7);
  std::vector<std::pair<std::size_t, std::size_t>> taken;
  for (int step = 0; step < 5000; ++step) {
    const std::size_t size = 1 + random() % (2 * kMebibyte);
    if (const auto offset = space.take(size)) {
      for (const auto& [other, bytes] : taken) {
        ASSERT_TRUE(*offset + size <= other || other + bytes <= *offset);
      }
      ASSERT_LE(*offset + size, 16 * kMebibyte);
      taken.emplace_back(*offset, size);
    }
    while (taken.size() > 8) {
      const auto index = random() % taken.size();
      space.give(taken[index].first);
      taken.erase(taken.begin() + static_cast<std::ptrdiff_t>(index));
    }
  }
  for (const auto& [offset, size] : taken) space.give(offset);
  EXPECT_TRUE(space.all_free());
}

TEST(Slab, IsWrittenByItsOwnMappingOnly) {
  const Slab slab(1, kMebibyte);
  slab.data()[0] = std::byte{42};
  const Mapping reader(slab.descriptor(), kMebibyte, Mapping::Access::ReadOnly);
  EXPECT_EQ(reader.data()[0], std::byte{42});
  EXPECT_THROW(Mapping(slab.descriptor(), kMebibyte, Mapping::Access::ReadWrite), Error);
  EXPECT_NE(::mprotect(reader.data(), kMebibyte, PROT_READ | PROT_WRITE), 0);
  const auto path = "/proc/self/fd/" + std::to_string(slab.descriptor());
  const Descriptor again(::open(path.c_str(), O_RDWR));
  EXPECT_THROW(Mapping(again.get(), kMebibyte, Mapping::Access::ReadWrite), Error);
  const char byte = 1;
  EXPECT_LT(::pwrite(again.get(), &byte, 1, 0), 0);
}

TEST(Slab, KeepsItsSizeItsPagesAndItsSeals) {
  const Slab slab(1, kMebibyte);
  const int file = slab.descriptor();
  EXPECT_NE(::ftruncate(file, 0), 0);
  EXPECT_NE(::ftruncate(file, 2 * kMebibyte), 0);
  EXPECT_NE(::fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), 0);
  EXPECT_NE(::fcntl(file, F_ADD_SEALS, F_SEAL_WRITE), 0);
}

TEST(MemoryFile, OfResultsCannotBeTruncated) {
  const auto file = make_memory_file("test", 4096);
  seal(file, Sealed::Size);
  EXPECT_NE(::ftruncate(file.get(), 0), 0);
  const Mapping writer(file.get(), 4096, Mapping::Access::ReadWrite);
  std::memcpy(writer.data(), "result", 6);
  char read[6] = {};
  EXPECT_TRUE(read_file(file.get(), std::as_writable_bytes(std::span(read))));
  EXPECT_EQ(std::string(read, 6), "result");
}

TEST(MemoryFile, ThatIsTooShortIsNotRead) {
  const auto file = make_memory_file("test", 4096);
  std::vector<std::byte> into(4097);
  EXPECT_FALSE(read_file(file.get(), into));
  EXPECT_FALSE(read_file(-1, into));
}

TEST(MemoryFile, OfAMessageCannotBeChanged) {
  const std::vector<std::byte> bytes(100'000, std::byte{7});
  const auto file = make_message_file(bytes);
  EXPECT_EQ(file_size(file.get()), bytes.size());
  std::vector<std::byte> into(bytes.size());
  EXPECT_TRUE(read_file(file.get(), into));
  EXPECT_EQ(into, bytes);
  EXPECT_LT(::pwrite(file.get(), "x", 1, 0), 0);
  EXPECT_THROW(Mapping(file.get(), bytes.size(), Mapping::Access::ReadWrite), Error);
}

TEST(SlabPool, FindsWhatItGave) {
  auto pool = plenty();
  auto* const first = pool.allocate(1000);
  auto* const second = pool.allocate(5 * kMebibyte);
  ASSERT_NE(first, nullptr);
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(pool.find(first)->offset, 0U);
  EXPECT_EQ(pool.find(first)->slab, pool.find(second)->slab);
  EXPECT_TRUE(pool.owns(second));
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(second) % 64, 0U);
  int other = 0;
  EXPECT_FALSE(pool.find(&other));
  EXPECT_FALSE(pool.owns(&other));
}

TEST(SlabPool, GivesALargePictureASlabOfItsOwn) {
  auto pool = plenty();
  auto* const memory = pool.allocate(40 * kMebibyte);
  ASSERT_NE(memory, nullptr);
  EXPECT_GE(pool.slabs().at(0)->size(), 40 * kMebibyte);
  memory[40 * kMebibyte - 1] = 1;
}

TEST(SlabPool, GivesBackSlabsThatHaveBeenEmptyForAWhile) {
  auto pool = plenty();
  auto* const memory = pool.allocate(1000);
  const auto generation = pool.generation();
  pool.trim(TimePoint::max());
  EXPECT_EQ(pool.slabs().size(), 1U);
  pool.deallocate(memory);
  pool.trim(TimePoint::min());
  EXPECT_EQ(pool.slabs().size(), 1U);
  pool.trim(TimePoint::max());
  EXPECT_TRUE(pool.slabs().empty());
  EXPECT_FALSE(pool.owns(memory));
  EXPECT_NE(pool.generation(), generation);
}

TEST(SlabPool, NeverUsesTheSameNumberTwice) {
  auto pool = plenty();
  auto* memory = pool.allocate(1000);
  const auto first = pool.slabs().at(0)->id();
  pool.deallocate(memory);
  pool.trim(TimePoint::max());
  EXPECT_NE(pool.allocate(1000), nullptr);
  EXPECT_NE(pool.slabs().at(0)->id(), first);
}

TEST(SlabPool, MakesNoSlabThatWouldWakeTheOomKiller) {
  std::size_t left = SlabPool::kSlabBytes + SlabPool::kReserve;
  SlabPool pool([&] { return left; });
  ASSERT_NE(pool.allocate(20 * kMebibyte), nullptr);
  left = SlabPool::kSlabBytes + SlabPool::kReserve - 1;
  EXPECT_EQ(pool.allocate(20 * kMebibyte), nullptr);
  EXPECT_NE(pool.why_refused().find("needs 32 MiB more and 32 MiB beside them, but only 63 MiB"),
            std::string::npos)
      << pool.why_refused();
  EXPECT_NE(pool.allocate(1000), nullptr);  // there is space in the first slab
}

TEST(SlabPool, KeepsToItsNumberOfDescriptors) {
  SlabPool pool([] { return std::size_t{1} << 40; }, 16 * 4096);
  while (pool.allocate(8 * 4096) != nullptr) continue;
  EXPECT_EQ(pool.slabs().size(), SlabPool::kMostSlabs);
  EXPECT_TRUE(test::contains(pool.why_refused(), "all 16 slabs of shared frame memory are full"))
      << pool.why_refused();
  EXPECT_GT(pool.slabs().back()->size(), pool.slabs().front()->size());
}

TEST(SlabPool, ServesManyThreads) {
  auto pool = plenty();
  std::atomic<bool> wrong{false};
  std::vector<std::jthread> threads;
  for (int number = 0; number < 4; ++number) {
    threads.emplace_back([&, number] {
      for (int step = 0; step < 300; ++step) {
        const std::size_t size = 1000 + static_cast<std::size_t>(step) * 997 % 300'000;
        auto* const memory = pool.allocate(size);
        if (memory == nullptr) continue;
        std::memset(memory, number, size);
        for (std::size_t i = 0; i < size; i += 997) wrong = wrong || memory[i] != number;
        pool.deallocate(memory);
        if (step % 50 == 0) pool.trim(TimePoint::max());
      }
    });
  }
  threads.clear();
  EXPECT_FALSE(wrong);
  pool.trim(TimePoint::max());
  EXPECT_TRUE(pool.slabs().empty());
}

Frame gray(int width, int height, std::uint8_t value) {
  FrameBuilder builder({.width = width, .height = height, .format = PixelFormat::Gray});
  std::memset(builder.plane(0), value, builder.size_bytes());
  return std::move(builder).publish();
}

TEST(SlabUse, PutsNewFramesIntoSlabsWhileItExists) {
  Frame kept;
  {
    const SlabUse use;
    kept = gray(640, 480, 1);
    EXPECT_TRUE(SlabPool::get_shared().owns(kept.planes()[0].data));
  }
  const auto later = gray(640, 480, 2);
  EXPECT_FALSE(SlabPool::get_shared().owns(later.planes()[0].data));
  EXPECT_EQ(kept.planes()[0].row(479)[639], 1);
  EXPECT_EQ(SlabPool::get_shared().slabs().size(), 1U);
  kept = {};
  EXPECT_TRUE(SlabPool::get_shared().slabs().empty());
}

// There was no SlabUse before, because the fork handler is registered when the program is loaded.
TEST(SlabPool, AForkedChildLeavesThePoolToItsParent) {
  auto& pool = SlabPool::get_shared();
  auto* const memory = pool.allocate(1000);
  ASSERT_NE(memory, nullptr) << pool.why_refused();
  EXPECT_FALSE(SlabPool::is_inherited(memory));
  const int child = ::fork();
  if (child == 0) {
    const bool left = SlabPool::is_inherited(memory) && pool.allocate(1000) == nullptr;
    const bool renewed = &SlabPool::get_shared() != &pool && !SlabPool::get_shared().owns(memory);
    ::_exit(left && renewed ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  pool.deallocate(memory);
  pool.trim(TimePoint::max());
}

TEST(Place, GivesAPictureInASlabWithoutACopy) {
  const SlabUse use;
  const auto frame = gray(640, 480, 1);
  const auto placed = place(frame, SlabPool::get_shared());
  ASSERT_EQ(placed.forms.size(), 1U);
  ASSERT_EQ(placed.slabs.size(), 1U);
  EXPECT_EQ(placed.slabs[0]->data() + placed.forms[0].planes[0].offset,
            reinterpret_cast<const std::byte*>(frame.planes()[0].data));
}

TEST(Place, CopiesForeignMemoryOnce) {
  const SlabUse use;
  std::vector<std::uint8_t> memory(64 * 48, 9);
  Picture picture{{.width = 64, .height = 48, .format = PixelFormat::Gray}, {}};
  picture.planes[0] = {memory.data(), 48, 64, 64};
  const auto frame = Frame::wrap(picture, memory.size(), [] {}, basic_pixel_ops());
  const auto first = place(frame, SlabPool::get_shared());
  const auto second = place(frame, SlabPool::get_shared());
  EXPECT_EQ(first.forms[0].planes[0].offset, second.forms[0].planes[0].offset);
  EXPECT_EQ(first.slabs[0]->data()[first.forms[0].planes[0].offset + 65], std::byte{9});
}

TEST(Place, TakesTheOtherFormatsAlongThatAreThere) {
  const SlabUse use;
  FrameBuilder builder({.width = 64, .height = 48, .format = PixelFormat::I420});
  std::memset(builder.plane(0), 5, builder.size_bytes());
  const auto frame = std::move(builder).publish();
  EXPECT_EQ(place(frame, SlabPool::get_shared()).forms.size(), 1U);
  const auto luma = frame.to(PixelFormat::Gray);
  const auto placed = place(frame, SlabPool::get_shared());
  ASSERT_EQ(placed.forms.size(), 2U);
  EXPECT_EQ(placed.forms[0].format.format, PixelFormat::I420);
  EXPECT_EQ(placed.forms[1].format.format, PixelFormat::Gray);
}

TEST(Place, ReportsWhyThereIsNoRoom) {
  SlabPool pool([] { return std::size_t{0}; });
  std::vector<std::uint8_t> memory(64 * 48, 9);
  Picture picture{{.width = 64, .height = 48, .format = PixelFormat::Gray}, {}};
  picture.planes[0] = {memory.data(), 48, 64, 64};
  const auto frame = Frame::wrap(picture, memory.size(), [] {}, basic_pixel_ops());
  EXPECT_EQ(pool.allocate(1000), nullptr);
  try {
    (void)place(frame, pool);
    FAIL() << "there is no room";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("OOM killer"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace freshframe::process
