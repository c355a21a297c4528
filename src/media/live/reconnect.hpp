// Which losses a live source answers with another attempt to connect.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/media.hpp"

#include <cstdint>

namespace freshframe::media {

enum class Reconnect : std::uint8_t { Never, AfterItsFirstFrame, Always };

[[nodiscard]] inline Reconnect reconnect_of(const OpenOptions& options) noexcept {
  if (!options.reconnect.value_or(true)) return Reconnect::Never;
  return options.must_open ? Reconnect::AfterItsFirstFrame : Reconnect::Always;
}

}  // namespace freshframe::media
