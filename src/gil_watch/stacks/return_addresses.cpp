// Checks the bytes before each address on a stack.
// SPDX-License-Identifier: Apache-2.0
#include "gil_watch/stacks/return_addresses.hpp"

#include <array>
#include <cstring>

#include "gil_watch/stacks/memory.hpp"

namespace freshframe::gil {
namespace {

constexpr std::uintptr_t kLowest = 0x10000;
constexpr std::uintptr_t kHighest =
    0x7fff'ffff'ffff;  // user space with 47 bits; aarch64 has 48, of which libraries use the low half

#if defined(__x86_64__)
// Intel SDM, volume 2, CALL: E8 rel32, or FF /2 with two to seven bytes.
bool follows_call(std::uintptr_t address) {
  std::array<unsigned char, 7> code{};
  if (!read_memory(address - code.size(), code.data(), code.size())) return false;
  if (code[2] == 0xE8) return true;
  for (std::size_t length = 2; length <= code.size(); ++length) {
    const std::size_t at = code.size() - length;
    if (code[at] == 0xFF && (code[at + 1] & 0x38U) == 0x10) return true;
  }
  return false;
}
#else
// Arm ARM C6: BL has 100101 in its top bits, BLR is 1101011000111111000000.
bool follows_call(std::uintptr_t address) {
  std::uint32_t code = 0;
  if (address % 4 != 0 || !read_value(address - 4, code)) return false;
  return code >> 26U == 0x25 || (code & 0xFFFFFC1FU) == 0xD63F0000U;
}
#endif

}  // namespace

std::size_t find_return_address(std::span<const std::byte> stack, std::size_t from) {
  constexpr std::size_t kWord = sizeof(std::uintptr_t);
  for (std::size_t at = (from + kWord - 1) / kWord * kWord; at + kWord <= stack.size(); at += kWord) {
    std::uintptr_t word = 0;
    std::memcpy(&word, stack.data() + at, sizeof word);
    if (word >= kLowest && word <= kHighest && follows_call(word)) return at;
  }
  return stack.size();
}

}  // namespace freshframe::gil
