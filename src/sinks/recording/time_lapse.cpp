// The check of a nominal frame rate.
// SPDX-License-Identifier: Apache-2.0
#include "sinks/recording/time_lapse.hpp"

#include <iomanip>
#include <sstream>

namespace freshframe::media {

std::optional<std::string> NominalRate::find_fault(std::int64_t least) {
  constexpr double kFar = 4;  // a camera that halves its rate at night is not a mistake
  if (!fps_ || frames_ < least) return std::nullopt;
  const bool is_slow = *fps_ * shortest_ > kFar;  // the shortest, since an outage is not a frame rate
  const bool is_fast = *fps_ * longest_ < 1 / kFar;
  if (!is_slow && !is_fast) return std::nullopt;
  const double step = is_slow ? shortest_ : longest_;
  std::ostringstream text;
  text << std::setprecision(3) << "fps=" << *fps_ << ", but its frames are " << step
       << " s apart, and each is shown at its own time: fps= does not change the speed. ";
  if (is_slow) {
    text << "For a time lapse write VideoFile(..., every=" << step << ", fps=" << *fps_ << ")";
  } else {
    text << "Leave fps= out";
  }
  fps_.reset();
  return text.str();
}

}  // namespace freshframe::media
