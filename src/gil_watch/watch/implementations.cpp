// Asks all functions with names whether they jump to one without.
// SPDX-License-Identifier: Apache-2.0
#include "gil_watch/watch/implementations.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

#include "gil_watch/stacks/function_start.hpp"
#include "gil_watch/stacks/memory.hpp"

namespace freshframe::gil {
namespace {

constexpr std::size_t kLooked = 4096;  // bytes

#if defined(__x86_64__)
// Intel SDM, volume 2, JMP and Jcc: E9 rel32, or 0F 80 to 0F 8F rel32, from the end of the instruction.
bool is_jump(std::span<const std::byte> code, std::size_t distance_at) {
  const auto before = [&](std::size_t back) { return std::to_integer<unsigned>(code[distance_at - back]); };
  if (distance_at >= 1 && before(1) == 0xE9) return true;
  return distance_at >= 2 && before(2) == 0x0F && before(1) >= 0x80 && before(1) <= 0x8F;
}

constexpr std::size_t kStep = 1;
constexpr std::size_t kEnd = 4;  // of the distance's bytes, where it counts from

bool leads_to(std::span<const std::byte> code, std::size_t at, std::uintptr_t address, std::uintptr_t to) {
  std::int32_t distance = 0;
  std::memcpy(&distance, code.data() + at, sizeof distance);
  const auto found = address + kEnd + static_cast<std::uintptr_t>(static_cast<std::intptr_t>(distance));
  return found == to && is_jump(code, at);
}
#else
constexpr std::size_t kStep = 4;
constexpr std::size_t kEnd = 4;

// Arm ARM C6: B has 000101 in its top bits and a distance in instructions in the others. B.cond and CBZ do not reach
// as far as other functions are.
bool leads_to(std::span<const std::byte> code, std::size_t at, std::uintptr_t address, std::uintptr_t to) {
  std::uint32_t word = 0;
  std::memcpy(&word, code.data() + at, sizeof word);
  if (word >> 26U != 0x05) return false;
  const auto distance = static_cast<std::int32_t>(word << 6U) >> 4;
  return address + static_cast<std::uintptr_t>(static_cast<std::intptr_t>(distance)) == to;
}
#endif

// Functions of one library are no further apart.
constexpr std::uintptr_t kReach = std::uintptr_t{64} << 20U;

// nullptr: none jumps there, or several do, which share it.
const CallableName* only_one_that_jumps_to(std::uintptr_t function, const CallableNames& names) {
  const CallableName* found = nullptr;
  for (const auto& [address, name] : names) {
    const std::uintptr_t apart = std::max(address, function) - std::min(address, function);
    if (name.text.empty() || apart > kReach || !jumps_to(address, function)) continue;
    if (found != nullptr && found->text != name.text) return nullptr;
    found = &name;
  }
  return found;
}

}  // namespace

bool jumps_to(std::uintptr_t from, std::uintptr_t to) {
  std::array<std::byte, kLooked> code{};
  const std::size_t size = read_up_to(from, code);
  for (std::size_t at = 0; at + kEnd <= size; at += kStep) {
    // Behind the function's end is another one's code.
    if (leads_to(std::span(code).first(size), at, from + at, to)) return function_start(from + at) == from;
  }
  return false;
}

void Implementations::learn(std::span<const NativeFrame> chain, CallableNames& names) {
  constexpr std::size_t kMost = 1000;
  for (const NativeFrame& frame : above_interpreter(chain)) {
    if (!frame.symbol.empty() || frame.function == 0 || names.contains(frame.function)) continue;
    if (known_.size() >= kMost || !known_.insert(frame.function).second) continue;
    const CallableName* const found = only_one_that_jumps_to(frame.function, names);
    if (found == nullptr) continue;
    CallableName copy = *found;  // an insertion may move the one that it is a copy of
    names.emplace(frame.function, std::move(copy));
  }
}

}  // namespace freshframe::gil
