// The names of the clocks of wall times.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/utc.hpp"

#include <array>
#include <cstddef>

namespace freshframe {
namespace {

constexpr std::array<std::string_view, kUtcFroms> kNames = {"none", "arrival", "file", "device", "camera"};

}  // namespace

std::string_view to_string(UtcFrom from) noexcept {
  return kNames[static_cast<std::size_t>(from)];
}

}  // namespace freshframe
