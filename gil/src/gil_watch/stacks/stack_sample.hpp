// Registers of a thread and a copy of its stack, the input of the unwinder.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "gil_watch/stacks/libraries.hpp"
#include <sys/types.h>

namespace freshframe::gil {

#if defined(__x86_64__)
/// DWARF's numbers of the registers (System V ABI, AMD64 supplement, figure 3.36): 16, the return address,
/// holds the program counter.
inline constexpr std::size_t kRegisters = 17;
inline constexpr std::size_t kStackRegister = 7;
inline constexpr std::size_t kCounterRegister = 16;
#elif defined(__aarch64__)
/// DWARF's numbers (DWARF for the Arm 64-bit Architecture, 4.1): x0 to x30, sp. The program counter is stored
/// after them and passed separately.
inline constexpr std::size_t kRegisters = 33;
inline constexpr std::size_t kStackRegister = 31;
inline constexpr std::size_t kCounterRegister = 32;
#else
#error "the GIL watch reads the registers of x86-64 and aarch64 only"
#endif

/// Reads the thread's position from within that thread, at the moment of the sample. Async-signal-safe.
/// `context` must not change while the sampler is armed.
struct Witness {
  std::uint64_t (*look)(const void* context) noexcept = nullptr;
  const void* context = nullptr;
};

struct StackSample {
  pid_t thread = 0;
  std::array<std::uint64_t, kRegisters> registers{};
  std::array<bool, kRegisters> known{};
  std::vector<std::byte> stack;  // copy of the stack from the stack pointer upwards
  // The list from before the sample was taken; nullptr if no library has been unloaded since.
  std::shared_ptr<const Libraries> libraries;
  // What the witness of CpuSampler::arm() returned; nullopt without one, and for samples of perf events.
  std::optional<std::uint64_t> witnessed;

  void set(std::size_t number, std::uint64_t value) {
    registers[number] = value;
    known[number] = true;
  }
  [[nodiscard]] std::uint64_t stack_pointer() const { return registers[kStackRegister]; }
  [[nodiscard]] std::uint64_t counter() const { return registers[kCounterRegister]; }
};

}  // namespace freshframe::gil
