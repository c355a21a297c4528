// Numbers that nobody can foresee.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>

namespace freshframe::platform {

/// Fills `bytes` from the system's generator, for secrets. In the first seconds of a machine it waits until the
/// generator has its seed. Throws std::system_error if the system has no such generator.
void secret_bytes(std::span<std::byte> bytes);

/// Fills `bytes` from the system's generator without waiting. Returns false, and leaves some of `bytes` as they are, if
/// the generator has no seed yet or is missing.
[[nodiscard]] bool random_bytes(std::span<std::byte> bytes) noexcept;

}  // namespace freshframe::platform
