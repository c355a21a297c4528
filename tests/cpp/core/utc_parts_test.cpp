// utc_parts() and the C library agree.
// SPDX-License-Identifier: Apache-2.0
#include "core/utc_parts.hpp"

#include <array>
#include <cstdint>
#include <ctime>
#include <string>

#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

std::string text_of(const std::tm& parts) {
  std::array<char, 256> text{};
  const auto length =
      std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S %j %u %G-%V %a %b %Z", &parts);
  return {text.data(), length};
}

TEST(UtcParts, AgreeWithTheCLibrary) {
  constexpr std::int64_t kStep = 86'400 * 37 + 12'345;  // seconds
  constexpr std::int64_t kFarthest = std::int64_t{86'400} * 365 * 2'000;
  for (std::int64_t moment = -kFarthest; moment < kFarthest; moment += kStep) {
    const std::time_t seconds = moment;
    std::tm wanted{};
    ASSERT_NE(::gmtime_r(&seconds, &wanted), nullptr);
    ASSERT_EQ(text_of(core::utc_parts(moment)), text_of(wanted)) << moment;
  }
}

TEST(UtcParts, AreNoughtTooFarAway) {
  EXPECT_EQ(core::utc_parts(INT64_MAX).tm_mday, 0);
  EXPECT_EQ(core::utc_parts(INT64_MIN).tm_mday, 0);
}

}  // namespace
}  // namespace freshframe::test
