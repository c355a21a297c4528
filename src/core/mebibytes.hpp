// Sizes of memory in messages.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

namespace freshframe::core {

/// "5 MiB" for up to 5 MiB: for a size that is requested.
inline std::string mebibytes_rounded_up(std::size_t bytes) {
  return std::to_string((bytes + (std::size_t{1} << 20) - 1) >> 20) + " MiB";
}

/// "5 MiB" from 5 MiB on: for a size that is available.
inline std::string mebibytes_rounded_down(std::size_t bytes) {
  return std::to_string(bytes >> 20) + " MiB";
}

}  // namespace freshframe::core
