// Cryptographically secure random numbers.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace freshframe::platform {

/// Fills `bytes` from the system's generator. Suitable for secrets. Shortly after boot, waits until the
/// generator is seeded. Throws std::system_error if the system has none.
void secret_bytes(std::span<std::byte> bytes);

/// Fills `bytes` from the system's generator without waiting. Returns false if the generator is not seeded
/// yet or missing; some of `bytes` are then unchanged.
[[nodiscard]] bool random_bytes(std::span<std::byte> bytes) noexcept;

/// Returns two lowercase hex digits for each of `bytes` bytes of random_bytes(). Where that fails, digits are
/// 0, so this is not suitable for secrets.
[[nodiscard]] std::string random_hex(std::size_t bytes);

}  // namespace freshframe::platform
