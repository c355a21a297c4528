// The year, month, day, hour, minute and second of a moment in UTC.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <ctime>

namespace freshframe::core {

/// Sets the time zone if the system's std::tm has a field for it, for "%Z" of strftime().
template <class Parts>
void name_zone(Parts& parts) {
  if constexpr (requires { parts.tm_zone; }) parts.tm_zone = "GMT";
}

/// Splits `seconds` since 1970. All fields are 0 for times more than 30,000 years away.
[[nodiscard]] inline std::tm utc_parts(std::int64_t seconds) {
  using namespace std::chrono;  // NOLINT(google-build-using-namespace): of this function only
  constexpr std::int64_t kMost = std::int64_t{30'000} * 365 * 86'400;
  std::tm parts{};
  name_zone(parts);
  if (seconds > kMost || seconds < -kMost) return parts;
  const sys_seconds moment{std::chrono::seconds{seconds}};
  const auto day = floor<days>(moment);
  const year_month_day date{day};
  const hh_mm_ss time{moment - day};
  constexpr int kFirstYear = 1900;
  parts.tm_year = static_cast<int>(date.year()) - kFirstYear;
  parts.tm_mon = static_cast<int>(static_cast<unsigned>(date.month())) - 1;
  parts.tm_mday = static_cast<int>(static_cast<unsigned>(date.day()));
  parts.tm_hour = static_cast<int>(time.hours().count());
  parts.tm_min = static_cast<int>(time.minutes().count());
  parts.tm_sec = static_cast<int>(time.seconds().count());
  parts.tm_wday = static_cast<int>(weekday{day}.c_encoding());
  parts.tm_yday = static_cast<int>((day - sys_days{date.year() / January / 1}).count());
  return parts;
}

}  // namespace freshframe::core
