// Detects data races and uses of freed memory in one execution, with vector clocks.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "choices.hpp"

namespace freshframe::interleave {

/// A vector clock: how many steps of each thread are known to have happened before.
class VectorClock {
 public:
  [[nodiscard]] std::uint32_t of(std::size_t thread) const { return steps_[thread]; }
  void tick(std::size_t thread) { ++steps_[thread]; }
  void join(const VectorClock& other) {
    for (std::size_t i = 0; i < steps_.size(); ++i) steps_[i] = std::max(steps_[i], other.steps_[i]);
  }

 private:
  std::array<std::uint32_t, kMostThreads> steps_{};
};

/// Two accesses without a happens-before order, or an access to freed memory.
struct Race {
  std::string what;
  const void* place = nullptr;  // address of the code that made the access
  const void* other = nullptr;  // the earlier access; null: the memory was freed
};

/// Tracks the happens-before order: the clocks of the threads and of the objects with which they synchronize,
/// and the last accesses to each eight bytes of memory.
class Races {
 public:
  void begin_execution(std::size_t threads);
  [[nodiscard]] bool found() const noexcept { return !race_.what.empty(); }
  [[nodiscard]] const Race& race() const noexcept { return race_; }

  void step(std::size_t thread) { threads_[thread].tick(thread); }
  /// Orders the thread after every release of the object.
  void acquire(std::size_t thread, const void* object);
  /// Orders later acquires of the object after the thread. `only`: drops the order after earlier releases.
  void release(std::size_t thread, const void* object, bool only);
  /// A store without release semantics.
  void forget(const void* object) { objects_.erase(object); }

  struct Access {
    std::uintptr_t address = 0;
    std::size_t bytes = 0;
    bool writes = false;
    const void* place = nullptr;  // address of the code that made the access
  };
  void access(std::size_t thread, Access access);
  void allocated(const void* memory, std::size_t bytes);
  void freed(const void* memory, std::size_t bytes);

 private:
  /// Eight bytes: the last write, and the last read by each thread. Masks select the bytes.
  struct Cell {
    bool is_freed = false;
    bool is_written = false;
    std::uint8_t writer = 0;
    std::uint8_t written = 0;
    std::uint32_t write_step = 0;
    const void* write_place = nullptr;
    std::array<std::uint8_t, kMostThreads> read{};
    std::array<std::uint32_t, kMostThreads> read_steps{};
    std::array<const void*, kMostThreads> read_places{};
  };
  /// Cells by address. Open addressing, because an execution looks up thousands of them and then discards
  /// them all.
  class Cells {
   public:
    Cells() : slots_(std::size_t{1} << 12) {}
    void clear();
    Cell& at(std::uintptr_t number);
    /// Returns null if there was no access.
    Cell* find(std::uintptr_t number);

   private:
    struct Slot {
      std::uintptr_t number = 0;
      std::uint64_t execution = 0;
      Cell cell;
    };
    [[nodiscard]] Slot& slot_of(std::uintptr_t number);
    void grow();

    std::vector<Slot> slots_;
    std::size_t used_ = 0;
    std::uint64_t execution_ = 1;
  };

  void access_cell(std::size_t thread, const Access& access);
  void note_race(const char* what, const void* place, const void* other);

  std::array<VectorClock, kMostThreads> threads_;
  std::size_t count_ = 0;
  std::unordered_map<const void*, VectorClock> objects_;
  Cells cells_;
  Race race_;
};

}  // namespace freshframe::interleave
