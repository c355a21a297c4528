// Later headers of MP4 and Matroska in the same stream.
// SPDX-License-Identifier: Apache-2.0
#include "sources/network/filter/header_filter.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

namespace freshframe::media::header_filter_test {
namespace {

using namespace std::string_literals;

Bytes bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// Passes `text` to the filter in pieces of this size. Returns its output, and whether it has ended the stream.
std::pair<std::string, bool> filtered(const std::string& text, std::size_t piece) {
  const auto filter = HeaderFilter::choose_filter(bytes_of(text));
  FilteredBytes out;
  for (std::size_t begin = 0; begin < text.size(); begin += piece)
    filter->add(bytes_of(text).subspan(begin, std::min(piece, text.size() - begin)), {}, out);
  filter->finish(out);
  std::string passed(text.size(), ' ');
  passed.resize(out.take({reinterpret_cast<std::uint8_t*>(passed.data()), passed.size()}));
  return {passed, filter->has_ended()};
}

std::string box(const std::string& name, const std::string& content) {
  return "\0\0\0"s + static_cast<char>(8 + content.size()) + name + content;
}

std::string moov(char written, char codec) {
  return box("moov", box("mvhd", "\0\0\0\0\0\0\0"s + written + "\0\0\0\0"s) + codec);
}

/// Returns a file with a CodecPrivate element of one byte.
std::string matroska(char unique, char codec) {
  return "\x1A\x45\xDF\xA3\x88webm"s + std::string(60, unique) + "\x63\xA2\x40\x01"s + codec + "tracks";
}

const std::string kBoxes = box("moof", "x") + box("mdat", "moov?") + "\0\0\0\1mdat\0\0\0\0\0\0\0\x12yz"s;
const std::string kClusters =
    "\x1F\x43\xB6\x75 pictures \x1A and \x1A\x45 and \x1A\x45\xDF\xA3 that begin nothing "
    "whatever follows, even if much of it follows"s;

TEST(HeaderFilter, PassesEqualParametersOnAndEndsBeforeOthers) {
  const auto mp4 = box("ftyp", "iso5") + moov('a', 'x') + kBoxes;
  const auto mkv = matroska('a', 'x') + kClusters;
  const auto mp4_again = box("ftyp", "iso5") + moov('b', 'x') + kBoxes;
  const auto mkv_again = matroska('b', 'x') + kClusters;
  for (const std::size_t piece : {3, 7, 64, 1000}) {
    EXPECT_EQ(filtered(mp4 + mp4_again, piece), std::pair(mp4 + mp4_again, false)) << piece;
    EXPECT_EQ(filtered(mkv + mkv_again, piece), std::pair(mkv + mkv_again, false)) << piece;
    EXPECT_EQ(filtered(mp4 + moov('b', 'y') + kBoxes, piece), std::pair(mp4, true)) << piece;
    EXPECT_EQ(filtered(mkv + matroska('a', 'y') + kClusters, piece), std::pair(mkv, true)) << piece;
  }
}

TEST(HeaderFilter, HoldsNoByteOfAPictureBack) {
  for (const auto& whole : {box("ftyp", "iso5") + moov('a', 'x') + kBoxes, matroska('a', 'x') + kClusters}) {
    const auto filter = HeaderFilter::choose_filter(bytes_of(whole));
    FilteredBytes out;
    filter->add(bytes_of(whole), {}, out);
    std::string passed(2 * whole.size(), ' ');
    EXPECT_EQ(out.take({reinterpret_cast<std::uint8_t*>(passed.data()), passed.size()}), whole.size());
  }
}

TEST(HeaderFilter, PassesWhatItDoesNotKnow) {
  for (const auto& text : {"\0\0\0\4ftyp and more"s, "\0\0\0\0moov to the end"s,
                           "\0\0\0\x20"
                           "ftyp cut"s,
                           "\x1A\x45\xDF\xA3"s + std::string(2 << 20, 'x')}) {
    EXPECT_EQ(filtered(text, 1000), std::pair(text, false));
  }
  EXPECT_EQ(HeaderFilter::choose_filter(bytes_of("")), nullptr);
  EXPECT_EQ(HeaderFilter::choose_filter(bytes_of("FLV\1")), nullptr);
}

}  // namespace
}  // namespace freshframe::media::header_filter_test
