// Reads this process's own memory without trusting the address: if another thread frees the memory at the
// same time, the result is a short read or stale bytes, never a fault.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>

namespace freshframe::gil {

/// Copies `size` bytes from `address`. Returns false if not all of them can be read. Async-signal-safe.
bool read_memory(std::uintptr_t address, void* out, std::size_t size) noexcept;

/// Copies bytes from `address` up to the first unmapped one, at most `out.size()`. Returns their number.
/// Async-signal-safe.
std::size_t read_up_to(std::uintptr_t address, std::span<std::byte> out) noexcept;

/// Copies `each` bytes from every address in one system call. Returns the number of addresses read before the
/// first failure.
std::size_t read_each(std::span<const std::uintptr_t> addresses, std::size_t each, std::byte* out) noexcept;

/// The reason why this process's memory cannot be read, or "".
std::string why_unreadable();

template <class T>
  requires std::is_trivially_copyable_v<T>
bool read_value(std::uintptr_t address, T& out) noexcept {
  return read_memory(address, &out, sizeof out);
}

}  // namespace freshframe::gil
