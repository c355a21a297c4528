// The moov box of a complete MP4 file, derived from the one at its start.
// SPDX-License-Identifier: Apache-2.0
#include "media/ffmpeg/write/moov_box.hpp"

#include "freshframe/error.hpp"

#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace freshframe::test {

using namespace freshframe::media;  // NOLINT(google-build-using-namespace)

namespace {

using Moov = std::vector<std::uint8_t>;

Moov number(std::uint64_t value, std::size_t size) {
  Moov bytes;
  for (std::size_t i = size; i > 0; --i) bytes.push_back(static_cast<std::uint8_t>(value >> (8 * (i - 1))));
  return bytes;
}

Moov join(const std::vector<Moov>& parts) {
  Moov all;
  for (const auto& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

Moov box(const std::string& name, const std::vector<Moov>& parts) {
  const auto body = join(parts);
  return join({number(8 + body.size(), 4), Moov(name.begin(), name.end()), body});
}

/// A moov box for one second: 1000 ticks of the movie, 90000 of the video. The last image is shown after the end of the
/// decoding times in mdhd, as FFmpeg 9 writes it. `size`: bytes per time or duration, 4 or 8.
Moov moov_of_a_second(std::size_t size) {
  const auto head = number(size == 8 ? 1 : 0, 1);
  const auto flags = number(7, 3);
  const Moov zeros(2 * size, 0);
  const auto movie = box("mvhd", {head, flags, zeros, number(1000, 4), number(1000, size), Moov(80, 3)});
  const auto track =
      box("tkhd", {head, flags, zeros, number(1, 4), number(0, 4), number(1000, size), Moov(60, 4)});
  const auto edit =
      box("elst", {head, flags, number(2, 4), number(500, size), number(UINT64_MAX, size), number(0x10000, 4),
                   number(1000, size), number(3000, size), number(0x10000, 4)});
  const auto media = box("mdhd", {head, flags, zeros, number(90000, 4), number(82800, size), Moov(4, 5)});
  const auto tables = box("stbl", {box("stsd", {Moov(20, 6)}), box("stts", {Moov(16, 7)}),
                                   box("stsz", {Moov(16, 7)}), box("co64", {Moov(16, 7)})});
  return box("moov", {movie,
                      box("trak", {track, box("edts", {edit}),
                                   box("mdia", {media, box("minf", {box("vmhd", {}), tables})})}),
                      box("udta", {Moov(9, 8)})});
}

OpenMoov whole(std::int64_t seconds, std::size_t size = 4, std::uint64_t tables = 100) {
  return open_moov(moov_of_a_second(size),
                   {.described = 90000, .whole = seconds * 90000, .time_base = {1, 90000}}, tables);
}

std::size_t place_of(const Moov& bytes, const std::string& name) {
  return std::string(bytes.begin(), bytes.end()).find(name);
}

std::uint64_t number_at(const Moov& bytes, std::size_t place, std::size_t size) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < size; ++i) value = value << 8U | bytes.at(place + i);
  return value;
}

TEST(MoovBox, HasTheDurationsOfTheWholeVideo) {
  const auto moov = whole(60).bytes;
  EXPECT_EQ(number_at(moov, place_of(moov, "mvhd") + 20, 4), 60000U);
  EXPECT_EQ(number_at(moov, place_of(moov, "tkhd") + 24, 4), 60000U);
  EXPECT_EQ(number_at(moov, place_of(moov, "mdhd") + 20, 4), 60U * 90000);
  const auto edit = place_of(moov, "elst");
  EXPECT_EQ(number_at(moov, edit + 12, 8), 500U) << "a delay keeps its length";
  EXPECT_EQ(number_at(moov, edit + 20, 8), UINT64_MAX);
  EXPECT_EQ(number_at(moov, edit + 32, 8), 60000U);
  EXPECT_EQ(number_at(moov, edit + 40, 8), 3000U);
}

TEST(MoovBox, HasNumbersOf64BitsWhereTheyAreNeeded) {
  constexpr std::int64_t kDay = 86400;
  const auto moov = whole(kDay).bytes;
  const auto media = place_of(moov, "mdhd");
  EXPECT_EQ(moov.at(media + 4), 1);
  EXPECT_EQ(number_at(moov, media + 24, 4), 90000U);
  EXPECT_EQ(number_at(moov, media + 28, 8), static_cast<std::uint64_t>(kDay) * 90000);
  EXPECT_EQ(moov.at(place_of(moov, "mvhd") + 4), 0) << "it has room";
}

TEST(MoovBox, TakesBoxesOf64Bits) {
  const auto moov = whole(60, 8).bytes;
  EXPECT_EQ(number_at(moov, place_of(moov, "mdhd") + 28, 8), 60U * 90000);
  EXPECT_EQ(number_at(moov, place_of(moov, "elst") + 32, 8), 60000U);
}

TEST(MoovBox, HasAPlaceForTablesAndSizesThatCountThem) {
  const auto moov = whole(60, 4, 1234);
  for (const std::string name : {"stts", "stsz", "co64"}) {
    EXPECT_EQ(place_of(moov.bytes, name), std::string::npos) << name;
  }
  EXPECT_EQ(number_at(moov.bytes, 0, 4), moov.bytes.size() + 1234);
  const auto tables = place_of(moov.bytes, "stbl") - 4;
  EXPECT_EQ(number_at(moov.bytes, tables, 4), moov.tables_at - tables + 1234);
  EXPECT_EQ(place_of(moov.bytes, "udta"), moov.tables_at + 4) << "what follows stays";
}

TEST(MoovBox, IsRefusedWhereItIsCutOff) {
  auto moov = moov_of_a_second(4);
  moov.resize(100);
  EXPECT_THROW(static_cast<void>(open_moov(moov, {.time_base = {1, 90000}}, 0)), Error);
  EXPECT_THROW(static_cast<void>(open_moov(box("moov", {}), {.time_base = {1, 90000}}, 0)), Error);
}

}  // namespace
}  // namespace freshframe::test
