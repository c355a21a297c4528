// Threads of a program as stacks on one thread of the operating system: a switch costs nanoseconds.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace freshframe::interleave {

/// A stack with its own copy of this executable's thread-local variables and its own exceptions in flight.
/// Without begin() it stands for the stack that the executable itself runs on.
class Fiber {
 public:
  static constexpr std::size_t kStackBytes = std::size_t{256} << 10;

  Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;
  ~Fiber();

  /// Makes the next switch to this fiber call `entry`, which must never return. The thread-local variables
  /// are those of a new thread.
  void begin(void (*entry)());
  /// Resumes `to` where it last switched away.
  static void switch_between(Fiber& from, Fiber& to);
  /// Returns true if the address is on this fiber's stack.
  [[nodiscard]] bool owns(std::uintptr_t address) const noexcept {
    return address - reinterpret_cast<std::uintptr_t>(stack_) < kStackBytes;
  }
  /// Returns true if the address belongs to the thread-local variables of the running fiber.
  [[nodiscard]] static bool is_thread_local(std::uintptr_t address) noexcept;

 private:
  static constexpr std::size_t kExceptionBytes = 12;  // a pointer and a count

  void save();
  void load() const;

  void* stack_pointer_ = nullptr;
  void* stack_ = nullptr;
  std::array<char, kExceptionBytes> exceptions_{};
  std::vector<char> variables_;
};

}  // namespace freshframe::interleave
