// Packets of a file that produced no frame, for decoders that change timestamps or fail for long.
// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "sources/file/frame_counts.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

constexpr std::int64_t kPacketsOfFile = 20'000;
constexpr std::int64_t kDecoderHolds = 3;  // packets that the decoder holds

struct DecoderCase {
  std::string name;
  /// Timestamp of the frame of packet n; nullopt: it produces none.
  std::function<std::optional<std::int64_t>(std::int64_t n)> given;
  std::size_t least = 0;  // packets without a frame that may be counted
  std::size_t most = 0;
};

TEST(SentPackets, ThatGaveNoFrameAreCounted) {
  using Given = std::optional<std::int64_t>;
  const std::vector<DecoderCase> cases = {
      {"its own timestamps", [](std::int64_t n) { return Given(n); }},
      {"each tenth fails", [](std::int64_t n) { return n % 10 == 4 ? Given() : n; }, 2'000, 2'000},
      {"5,000 fail", [](std::int64_t n) { return n > 100 && n <= 5'100 ? Given() : n; }, 5'000, 5'000},
      {"the first 5,000 fail", [](std::int64_t n) { return n < 5'000 ? Given() : n; }, 5'000, 5'000},
      {"the last 5,000 fail", [](std::int64_t n) { return n >= 15'000 ? Given() : n; }, 5'000, 5'000},
      {"all fail", [](std::int64_t) { return Given(); }, 20'000, 20'000},
      {"one timestamp for all", [](std::int64_t) { return Given(-1); }, 0, 4},
      {"earlier timestamps", [](std::int64_t n) { return Given(n - 100'000); }, 0, 4},
  };
  for (const auto& [name, given, least, most] : cases) {
    media::SentPackets packets;
    std::size_t lost = 0;
    for (std::int64_t n = 0; n < kPacketsOfFile + kDecoderHolds; ++n) {
      if (n < kPacketsOfFile) packets.send(n, n % 50 == 0);
      const auto pts = n >= kDecoderHolds ? given(n - kDecoderHolds) : std::nullopt;
      if (pts) lost += packets.take(*pts);
    }
    lost += packets.finish();
    EXPECT_GE(lost, least) << name;
    EXPECT_LE(lost, most) << name;
    EXPECT_EQ(packets.finish(), 0U) << name;
  }
}

}  // namespace
}  // namespace freshframe::test
