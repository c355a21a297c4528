// When the first picture of a playlist was taken, by the server's clock.
// SPDX-License-Identifier: Apache-2.0
#include "media/network/playlist/program_time.hpp"

#include <cmath>
#include <utility>

namespace freshframe::media {
namespace {

constexpr double kLongestStep = 10;  // seconds between two packets, unless the times begin anew

}  // namespace

std::optional<double> ProgramTime::at(double time) noexcept {
  if (first_) {
    offset_ = *std::exchange(first_, std::nullopt) - time;
  } else if (offset_ && std::abs(time - last_) > kLongestStep) {
    offset_.reset();  // behind a discontinuity
  }
  last_ = time;
  return offset_ ? std::optional(*offset_ + time) : std::nullopt;
}

}  // namespace freshframe::media
