// Where the frames of a transport stream end, and the packets that the filter inserts there.
// SPDX-License-Identifier: Apache-2.0
#include "sources/network/filter/ts_filter.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace freshframe::media::ts_test {
namespace {

using Data = std::vector<std::uint8_t>;

constexpr int kPid = 0x100;

TimePoint at(int seconds) {
  return TimePoint(std::chrono::seconds(seconds));
}

/// Makes one packet per letter: 'P' begins an image, 'p' continues it, 'Q' and 'q' do the same with stuffing, like the
/// last packet of an image. 'x' is a lost packet, 'n' a null packet, 'S' begins a scrambled image.
class Sender {
 public:
  Data packets(const std::string& letters) {
    Data bytes;
    for (const char letter : letters) {
      if (letter == 'x') ++counter_;
      if (letter == 'x') continue;
      const auto one = packet(letter);
      bytes.insert(bytes.end(), one.begin(), one.end());
    }
    return bytes;
  }

 private:
  Data packet(char letter) {
    Data bytes(kTsPacketSize, 0x55);
    const bool starts = letter < 'a';
    const bool stuffed = letter == 'q' || letter == 'Q';
    const int pid = letter == 'n' ? 0x1FFF : kPid;
    bytes[0] = kTsSync;
    bytes[1] = static_cast<std::uint8_t>((starts ? 0x40 : 0) | pid >> 8);
    bytes[2] = static_cast<std::uint8_t>(pid & 255);
    bytes[3] = static_cast<std::uint8_t>((letter == 'S' ? 0x80 : 0) | (stuffed ? 0x30 : 0x10) |
                                         (pid == kPid ? counter_++ & 15 : 0));
    std::size_t payload = 4;
    if (stuffed) {
      bytes[4] = 20;
      bytes[5] = 0;
      std::fill_n(bytes.begin() + 6, 19, std::uint8_t{0xFF});
      payload = 25;
    }
    constexpr std::array<std::uint8_t, 4> kBegin{0, 0, 1, 0xE0};
    if (starts) std::ranges::copy(kBegin, bytes.begin() + static_cast<std::ptrdiff_t>(payload));
    return bytes;
  }

  unsigned counter_ = 0;
};

Data all(FilteredBytes& bytes) {
  Data result(1 << 20);
  result.resize(bytes.take(result));
  return result;
}

/// Returns the packets' letters, with '|' after each packet that made the filter insert another one.
std::string ends(TsFilter& filter, Sender& sender, const std::string& letters) {
  std::string text;
  for (const char letter : letters) {
    FilteredBytes out;
    filter.add(sender.packets({letter}), at(0), out);
    const auto made = all(out).size() / kTsPacketSize;
    text += letter;
    if (letter != 'x' && made > 1) text += '|';
  }
  return text;
}

class TsFilterTest : public ::testing::Test {
 protected:
  TsFilterTest() {
    FilteredBytes out;
    filter_.end_early(kPid, out);
    filter_.add(sender_.packets("nn"), at(0), out);  // the second one proves that the first is a packet
  }

  Sender sender_;
  TsFilter filter_;
};

/// Returns a packet of a PID with a table. The table's length field counts the bytes after the first three.
std::string table(int pid, std::string bytes) {
  const auto size = bytes.size() - 3 + 4;  // including the checksum
  bytes[1] = static_cast<char>(0xB0U | size >> 8U);
  bytes[2] = static_cast<char>(size & 255U);
  auto packet = std::string("G") + static_cast<char>(0x40 | pid >> 8) + static_cast<char>(pid & 255) +
                '\x10' + std::string(1, '\0') + bytes;
  packet.resize(kTsPacketSize, '\xff');
  return packet;
}

std::string head_of_table(int number) {
  return static_cast<char>(number) + std::string("\0\0\0\1\xc1\0\0", 7);
}

std::string entry(int type, int pid, const std::string& descriptors = "") {
  return std::string{static_cast<char>(type), static_cast<char>(0xE0 | pid >> 8),
                     static_cast<char>(pid & 255), '\xf0', static_cast<char>(descriptors.size())} +
         descriptors;
}

std::optional<TsVideo> video_of(const std::string& text) {
  return video_in_tables({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

TEST(TsTables, NameTheCodecAndThePidOfTheFirstVideo) {
  const auto programs = table(0, head_of_table(0) + std::string("\0\0\xe0\x10\0\1\xf0\0", 8));
  const auto program = [](const std::string& entries) {
    return table(0x1000, head_of_table(2) + std::string("\xe1\0\xf0\2??", 6) + entries);
  };
  const auto other = table(0x11, head_of_table(0x42));
  const auto streams = entry(0x0F, 257, "lang") + entry(0x24, 256) + entry(0x1B, 258);
  const TsVideo wanted{.type = 0x24, .pid = 256};
  EXPECT_EQ(video_of(other + programs + other + program(streams)), wanted);
  EXPECT_EQ(video_of(programs + program(entry(0x0F, 257))), std::nullopt) << "sound alone";
  EXPECT_EQ(video_of(programs + table(0x1001, head_of_table(2) + "    " + streams)), std::nullopt);
  EXPECT_EQ(video_of(program(streams)), std::nullopt) << "no table of programs";
  EXPECT_EQ(video_of(programs + "x" + program(streams)), std::nullopt) << "out of step";
  const auto all = programs + program(streams);
  for (std::size_t size = 0; size < all.size(); ++size)
    EXPECT_EQ(video_of(all.substr(0, size)), std::nullopt);
  for (std::size_t place = 4; place < all.size(); ++place) {
    for (const char wrong : {'\0', '\x7f', '\xff'}) {
      auto damaged = all;
      damaged[place] = wrong;
      static_cast<void>(video_of(damaged));  // must not read beyond the end
    }
  }
}

TEST_F(TsFilterTest, EndsPicturesWithTheirLastPacketOnceThatWasTrueThreeTimes) {
  EXPECT_EQ(ends(filter_, sender_, "PpqPqQPpqPppqQ"), "PpqPqQPpq|Pppq|Q|");
}

TEST_F(TsFilterTest, LeavesAStreamAloneThatStuffsAnyPacket) {
  EXPECT_EQ(ends(filter_, sender_, "QqqPqqPqqQqqPqqPqq"), "QqqPqqPqqQqqPqqPqq");
}

TEST_F(TsFilterTest, StopsAfterAPacketOfAPictureThatHadEnded) {
  EXPECT_EQ(ends(filter_, sender_, "PpqPpqPpqPpqPqpPpqPpqPpq"), "PpqPpqPpqPpq|Pq|pPpqPpqPpq");
}

TEST_F(TsFilterTest, WaitsWithAPictureThatFillsItsLastPacket) {
  EXPECT_EQ(ends(filter_, sender_, "PpqPpqPpqPpqPppPpq"), "PpqPpqPpqPpq|PppPpq|");
}

TEST_F(TsFilterTest, TakesThePacketsOfALostBeginningForAnotherPicture) {
  EXPECT_EQ(ends(filter_, sender_, "PpqPpqPpqPpqxpqPpq"), "PpqPpqPpqPpq|xpq|Ppq|");
}

TEST_F(TsFilterTest, LeavesScrambledPicturesAlone) {
  static_cast<void>(ends(filter_, sender_, "PpqPpqPpq"));
  EXPECT_FALSE(filter_.is_scrambled(kPid));
  EXPECT_EQ(ends(filter_, sender_, "S"), "S");
  EXPECT_TRUE(filter_.is_scrambled(kPid));
}

TEST_F(TsFilterTest, EndsNoPictureOfWhichMoreHasComeAtTheSameTime) {
  static_cast<void>(ends(filter_, sender_, "PpqPpqPpq"));
  FilteredBytes out;
  filter_.add(sender_.packets("PpqPqpqPp"), at(0), out);
  EXPECT_EQ(all(out).size(), (9 + 1) * kTsPacketSize) << "the first one has ended";
  EXPECT_EQ(ends(filter_, sender_, "qPpq"), "qPpq") << "stuffing was false";
  EXPECT_FALSE(filter_.believes_stuffing());
}

TEST(TsFilter, BelievesWhatWasTrueOnAnEarlierConnectionFromTheFirstPictureOn) {
  Sender sender;
  TsFilter filter(true);
  FilteredBytes out;
  filter.add(sender.packets("nnPpqP"), at(0), out);
  filter.end_early(kPid, out);
  EXPECT_EQ(all(out).size(), 6 * kTsPacketSize) << "the newest picture goes on";
  EXPECT_EQ(ends(filter, sender, "pqPq"), "pq|Pq|");
  EXPECT_TRUE(filter.believes_stuffing());
}

TEST(TsFilter, EndsThePictureThatHasComeBeforeItWasAsked) {
  Sender sender;
  TsFilter filter(true);
  FilteredBytes out;
  filter.add(sender.packets("nnPpq"), at(0), out);
  static_cast<void>(all(out));
  EXPECT_FALSE(filter.believes_stuffing()) << "before it is asked";
  filter.end_early(kPid, out);
  const auto end = all(out);
  ASSERT_EQ(end.size(), kTsPacketSize);
  EXPECT_TRUE(parse_ts_packet(end).starts);
  EXPECT_EQ(parse_ts_packet(end).counter, 2);
}

TEST_F(TsFilterTest, EndsNothingUnlessAsked) {
  FilteredBytes out;
  filter_.end_early(std::nullopt, out);
  EXPECT_EQ(ends(filter_, sender_, "PpqPpqPpqPpqPpq"), "PpqPpqPpqPpqPpq");
}

TEST_F(TsFilterTest, PutsInAPacketThatBeginsAnother) {
  static_cast<void>(ends(filter_, sender_, "PpqPpqPpqPp"));
  FilteredBytes out;
  filter_.add(sender_.packets("q"), at(0), out);
  const auto bytes = all(out);
  ASSERT_EQ(bytes.size(), 2 * kTsPacketSize);
  const auto last = parse_ts_packet(Bytes(bytes).first(kTsPacketSize));
  const auto put = parse_ts_packet(Bytes(bytes).subspan(kTsPacketSize));
  EXPECT_EQ(put.pid, kPid);
  EXPECT_TRUE(put.starts);
  EXPECT_EQ(put.counter, last.counter);
  EXPECT_EQ(put.payload.size(), 1U);
  EXPECT_EQ(bytes[kTsPacketSize + 5], 0x80) << "discontinuity_indicator";
}

TEST_F(TsFilterTest, RecordsWhenTheFirstByteOfEachImageArrived) {
  FilteredBytes out;
  filter_.add(sender_.packets("Pp"), at(1), out);
  filter_.add(sender_.packets("q"), at(2), out);
  filter_.add(sender_.packets("Pq"), at(3), out);
  static_cast<void>(all(out));
  EXPECT_EQ(out.arrival(0), at(1));
  EXPECT_EQ(out.arrival(1), std::nullopt);
  EXPECT_EQ(out.arrival(3 * kTsPacketSize), at(3));
}

TEST_F(TsFilterTest, RecordsLossesThatTheDemuxerDoesNotReport) {
  static_cast<void>(ends(filter_, sender_, "PpqPpqPpqPpq"));
  FilteredBytes out;
  filter_.add(sender_.packets("PqxpqPqxxPqPxq"), at(0), out);  // a packet is inserted after each 'q'
  static_cast<void>(all(out));
  const auto after_loss = [&](std::size_t packet) {
    return out.seek_loss(static_cast<std::int64_t>(packet * kTsPacketSize));
  };
  EXPECT_FALSE(after_loss(0));
  EXPECT_TRUE(after_loss(6)) << "the beginning of the one before it is lost";
  EXPECT_TRUE(after_loss(9)) << "all of one is lost";
  EXPECT_FALSE(after_loss(12)) << "the demuxer marks a picture that has lost its middle";
}

TEST(TsFilter, GivesAllBytesWhateverTheyAre) {
  TsFilter filter;
  Sender sender;
  FilteredBytes out;
  Data given{1, 2, kTsSync, 3};
  for (const auto& part : {sender.packets("Ppq"), Data{9, kTsSync}, sender.packets("Pq"), Data{kTsSync}}) {
    given.insert(given.end(), part.begin(), part.end());
  }
  for (std::size_t begin = 0; begin < given.size(); begin += 100) {
    filter.add(Bytes(given).subspan(begin, std::min<std::size_t>(100, given.size() - begin)), at(0), out);
  }
  filter.finish(out);
  EXPECT_EQ(all(out), given);
}

TEST(TsPacket, DistinguishesStuffingFromFields) {
  const auto stuffed = [](const Data& field) {
    Data bytes(kTsPacketSize, 0x55);
    bytes[0] = kTsSync;
    bytes[3] = 0x30;
    std::ranges::copy(field, bytes.begin() + 4);
    return parse_ts_packet(bytes).stuffed;
  };
  EXPECT_TRUE(stuffed({0})) << "one byte";
  EXPECT_TRUE(stuffed({1, 0})) << "two";
  EXPECT_TRUE(stuffed({2, 0, 0xFF}));
  EXPECT_FALSE(stuffed({7, 0x10, 1, 2, 3, 4, 5, 6})) << "PCR";
  EXPECT_TRUE(stuffed({8, 0x10, 1, 2, 3, 4, 5, 6, 0xFF}));
  EXPECT_FALSE(stuffed({1, 0x40})) << "a flag alone";
  EXPECT_FALSE(stuffed({4, 0x02, 2, 1, 1})) << "private data";
  EXPECT_TRUE(stuffed({5, 0x02, 2, 1, 1, 0xFF}));
  EXPECT_FALSE(stuffed({200, 0})) << "longer than the packet";
}

}  // namespace
}  // namespace freshframe::media::ts_test
