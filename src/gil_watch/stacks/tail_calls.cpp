// Searches the code of named functions for jumps.
// SPDX-License-Identifier: Apache-2.0
#include "gil_watch/stacks/tail_calls.hpp"

#include <array>
#include <cstddef>
#include <cstring>
#include <span>

#include "gil_watch/stacks/function_start.hpp"
#include "gil_watch/stacks/memory.hpp"

namespace freshframe::gil {
namespace {

#if defined(__x86_64__)
// Intel SDM, volume 2, JMP: E9 rel32, relative to the next instruction.
bool jumps(std::uintptr_t from, std::uintptr_t to) {
  constexpr std::size_t kSearched = 768;  // a wrapper that parses arguments is shorter
  constexpr std::size_t kLength = 5;
  std::array<std::byte, kSearched> code{};
  const std::size_t size = read_up_to(from, code);
  for (std::size_t at = 0; at + kLength <= size; ++at) {
    if (code[at] != std::byte{0xE9}) continue;
    std::int32_t distance = 0;
    std::memcpy(&distance, &code[at + 1], sizeof distance);
    const std::uintptr_t target = from + at + kLength + static_cast<std::uintptr_t>(std::intptr_t{distance});
    if (target == to && function_start(from + at) == from) return true;
  }
  return false;
}
#else
bool jumps(std::uintptr_t /*from*/, std::uintptr_t /*to*/) {
  return false;
}
#endif

}  // namespace

std::string name_of_jumper(std::uintptr_t function, const CallableNames& names) {
  std::string found;
  for (const auto& [address, name] : names) {
    if (!jumps(address, function)) continue;
    if (!found.empty()) return "";
    found = name;
  }
  return found;
}

}  // namespace freshframe::gil
