// The check of a nominal frame rate.
// SPDX-License-Identifier: Apache-2.0
#include "sinks/recording/time_lapse.hpp"

#include <charconv>

#include "core/unit_text.hpp"

namespace freshframe::media {
namespace {

// Six digits, because users copy the number into their programs: with three, 3600 would become "3.6e+03".
std::string argument_text(double number) {
  return core::number_text(number, std::chars_format::general, 6);
}

}  // namespace

std::optional<std::string> NominalRate::find_fault(std::int64_t least) {
  // larger than 2, because a camera that halves its rate at night is not a mistake
  constexpr double kFar = 4;
  if (!fps_ || frames_ < least) return std::nullopt;
  const bool is_slow = *fps_ * shortest_ > kFar;  // the shortest, since an outage is not a frame rate
  const bool is_fast = *fps_ * longest_ < 1 / kFar;
  if (!is_slow && !is_fast) return std::nullopt;
  const double step = is_slow ? shortest_ : longest_;
  const auto fps = argument_text(*fps_);
  const auto seconds = argument_text(step);
  fps_.reset();
  return "fps=" + fps + ", but its frames are " + seconds +
         " s apart, and each is shown at its own time: fps= does not change the speed. " +
         (is_slow ? "For a time lapse write VideoFile(..., every=" + seconds + ", fps=" + fps + ")"
                  : "Leave fps= out");
}

}  // namespace freshframe::media
