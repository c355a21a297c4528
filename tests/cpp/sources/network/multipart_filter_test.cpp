// Content-Length headers for the JPEG images of a multipart stream.
// SPDX-License-Identifier: Apache-2.0
#include "sources/network/filter/multipart_filter.hpp"

#include "freshframe/error.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace freshframe::media::multipart_test {
namespace {

using namespace std::string_literals;

/// A JPEG with a thumbnail in its metadata, which has its own end marker, and with a marker in its coded data.
const std::string kPicture =
    "\xFF\xD8"
    "\xFF\xE1\x00\x08\xFF\xD8\xFF\xD9\x01\x02"
    "\xFF\xC0\x00\x04\x11\x22"
    "\xFF\xDA\x00\x03\x01"
    "ab\xFF\x00zz\xFF\xD3qq"
    "\xFF\xC4\x00\x03\x05"
    "\xFF\xDA\x00\x03\x01"
    "cd\xFF\xFF\xD9"s;
const std::string kHead = "--edge\r\nContent-Type: image/jpeg\r\n\r\n";

TimePoint at(int seconds) {
  return TimePoint(std::chrono::seconds(seconds));
}

Bytes bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::string all(FilteredBytes& bytes) {
  std::string text(1 << 20, ' ');
  text.resize(bytes.take({reinterpret_cast<std::uint8_t*>(text.data()), text.size()}));
  return text;
}

/// Passes `text` to the filter in pieces of this size. Returns the output.
std::string filtered(std::string_view text, std::size_t piece = 1000) {
  MultipartFilter filter;
  FilteredBytes out;
  for (std::size_t begin = 0; begin < text.size(); begin += piece) {
    filter.add(bytes_of(text.substr(begin, piece)), at(0), out);
  }
  filter.finish(out);
  return all(out);
}

std::string part(const std::string& head = kHead, const std::string& picture = kPicture) {
  return head + picture + "\r\n";
}

std::string part_with_length() {
  return "--edge\r\nContent-Type: image/jpeg\r\nContent-Length: " + std::to_string(kPicture.size()) +
         "\r\n\r\n" + kPicture;
}

TEST(MultipartFilter, PutsInTheLengthInWhateverPiecesThePicturesCome) {
  const auto given = part() + part() + part();
  const auto one = part_with_length() + "\r\n";
  for (std::size_t piece = 1; piece < 80; ++piece) {
    EXPECT_EQ(filtered(given, piece), one + one + one) << piece;
  }
}

TEST(MultipartFilter, GivesAPictureWithItsLastByte) {
  MultipartFilter filter;
  FilteredBytes out;
  const auto given = kHead + kPicture;
  filter.add(bytes_of(given).first(given.size() - 1), at(0), out);
  EXPECT_EQ(all(out), "");
  filter.add(bytes_of(given).last(1), at(1), out);
  EXPECT_EQ(all(out), part_with_length());
}

TEST(MultipartFilter, RecordsWhenTheFirstByteOfAnImageArrived) {
  MultipartFilter filter;
  FilteredBytes out;
  filter.add(bytes_of(kHead), at(1), out);  // some servers send it together with the previous image
  filter.add(bytes_of(kPicture).first(5), at(2), out);
  filter.add(bytes_of(kPicture).subspan(5), at(3), out);
  const auto made = all(out);
  EXPECT_EQ(out.arrival(static_cast<std::int64_t>(made.size() - kPicture.size())), at(2));
}

TEST(MultipartFilter, LeavesPartsAloneThatHaveALength) {
  for (const auto& given : {part_with_length() + "\r\n" + part_with_length(),
                            "--a\ncontent-type:x\ncontent-length:3\n\nabc\n--a\n"s,
                            "--a\ncontent-type:x\ncontent-length:0\n\n\n--a\n"s, "--a\n"s}) {
    EXPECT_EQ(filtered(given), given);
  }
  MultipartFilter filter;
  FilteredBytes out;
  filter.add(bytes_of("--a\nContent-Type: x\nContent-Length: 100\n\nabc"), at(0), out);
  EXPECT_EQ(all(out), "--a\nContent-Type: x\nContent-Length: 100\n\nabc") << "as it comes";
}

TEST(MultipartFilter, PassesWhatIsNotAnImageAndAllThatFollowsUnchanged) {
  const auto text = "--edge\r\nContent-Type: text/plain\r\n\r\nhello" + part();
  EXPECT_EQ(filtered(text), text);
  const auto head = "--edge\r\nContent-Type: x\r\nContent-Length: all\r\n\r\nx"s;
  EXPECT_EQ(filtered(head), head);
}

/// Returns a part with any Content-Length, even an invalid one.
std::string announced(const std::string& length, const std::string& picture = kPicture) {
  return part("--edge\r\nContent-Length: " + length + "\r\nContent-Type: image/jpeg\r\n\r\n", picture);
}

std::string part_of(const std::string& picture) {
  return "--edge\r\nContent-Type: image/jpeg\r\nContent-Length: " + std::to_string(picture.size()) +
         "\r\n\r\n" + picture;
}

TEST(MultipartFilter, PutsInTheRightLengthForAWrongOne) {
  const auto one = part_with_length() + "\r\n";
  for (const std::string length :
       {"0", "1", "30", "59", "61", "200", "16777217", "99999999999999999999", "-5", "all", "", "12abc"}) {
    for (std::size_t piece = 1; piece < 80; ++piece)
      EXPECT_EQ(filtered(announced(length) + announced(length) + part(), piece), one + one + one)
          << length << ", " << piece;
  }
}

TEST(MultipartFilter, EndsAPictureThatWasCutOffAtTheNextBoundary) {
  for (std::size_t size = 2; size < kPicture.size(); ++size) {
    const auto cut = kPicture.substr(0, size);
    for (const auto& begun : {part(kHead, cut), announced("10", cut), announced("1000", cut),
                              announced(std::to_string(size), cut)}) {
      for (const std::size_t piece : {1, 7, 10, 1000})
        EXPECT_EQ(filtered(begun + part() + part(), piece),
                  part_of(cut) + part_with_length() + "\r\n" + part_with_length() + "\r\n")
            << size << ", " << piece;
    }
  }
}

TEST(MultipartFilter, PassesImagesWithoutAnEndImmediatelyIfTheirLengthsAreRight) {
  MultipartFilter filter;
  FilteredBytes out;
  const auto open = kPicture.substr(0, kPicture.size() - 2);
  const auto given = announced(std::to_string(open.size()), open);
  filter.add(bytes_of(given), at(0), out);
  EXPECT_EQ(all(out), "");
  filter.add(bytes_of(given), at(1), out);
  EXPECT_EQ(all(out), part_of(open) + part_of(open) + "\r\n");
}

TEST(MultipartFilter, DropsBytesAfterAnImage) {
  EXPECT_EQ(filtered(kHead + kPicture + "\0\0junk\r\n\r\n"s + part()),
            part_with_length() + "\r\n" + part_with_length() + "\r\n");
}

TEST(MultipartFilter, EndsPartsEvenWithoutTheFinalLineBreak) {
  EXPECT_EQ(filtered(kHead + kPicture + kHead + kPicture), part_with_length() + part_with_length());
}

/// Each row has the bytes from a server, and the parts that the demuxer must receive.
TEST(MultipartFilter, MakesPartsOfPicturesThatServersSendInOtherManners) {
  const auto length = "Content-Length: " + std::to_string(kPicture.size()) + "\r\n";
  const auto type = "Content-Type: image/jpeg\r\n"s;
  const auto whole = "\r\n" + type + length + "\r\n" + kPicture;
  const auto ours = "--part" + whole;
  const auto theirs = "--edge" + whole;
  struct Manner {
    const char* name;
    std::string given;
    std::string made;
  };
  const std::vector<Manner> manners{
      {"no first boundary", type + length + "\r\n" + kPicture + "\r\n" + part(),
       ours + "\r\n" + theirs + "\r\n"},
      {"nor a length", type + "\r\n" + kPicture + "\r\n" + part(), ours + "\r\n" + theirs + "\r\n"},
      {"no dashes",
       "edge\r\n" + type + length + "\r\n" + kPicture + "\r\nedge\r\n" + type + "\r\n" + kPicture,
       ours + "\r\n" + ours},
      {"a preamble", "This is MIME.\r\nX: y\r\n\r\n" + part(), theirs + "\r\n"},
      {"an empty line first", "\r\n" + part(), theirs + "\r\n"},
      {"no type", "--edge\r\n\r\n" + kPicture + "\r\n", theirs + "\r\n"},
      {"no type but a length", "--edge\r\n" + length + "\r\n" + kPicture, theirs},
      {"only pictures", kPicture + kPicture, ours + ours},
      {"pictures and zeros", "\0"s + kPicture + "\0\0\r\n\0"s + kPicture, ours + ours},
      {"a boundary alone", "edge\r\n\r\n" + kPicture + "\r\nedge\r\n\r\n" + kPicture, ours + "\r\n" + ours},
      {"a picture cut off in its coded data", kPicture.substr(0, 44) + kPicture, ours},
      {"a length too small", "--edge\r\n" + type + "Content-Length: 1\r\n\r\n\xFFjunk\r\n" + part(),
       "--edge\r\n" + type + "Content-Length: 5\r\n\r\n\xFFjunk" + theirs + "\r\n"},
  };
  for (const auto& [name, given, made] : manners) {
    for (const std::size_t piece : {1, 7, 1000})
      EXPECT_EQ(filtered(given, piece), made) << name << ", " << piece;
  }
}

TEST(MultipartFilter, KeepsNoHeadWithoutAnEnd) {
  MultipartFilter filter;
  FilteredBytes out;
  const auto line = "--edge " + std::string(100'000, 'x');
  filter.add(bytes_of(line), at(0), out);
  EXPECT_EQ(all(out), line);
}

/// Passes `begin` and then `more` repeatedly to the filter until add() throws. Returns the message of the error, or an
/// empty string.
std::string refusal(std::string_view begin, std::string_view more) {
  MultipartFilter filter;
  FilteredBytes out;
  try {
    filter.add(bytes_of(begin), at(0), out);
    for (std::size_t given = 0; given < 2 * MultipartFilter::kMostPartBytes; given += more.size()) {
      filter.add(bytes_of(more), at(0), out);
      static_cast<void>(all(out));
    }
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

TEST(MultipartFilter, RefusesAPartThatIsLargerThanAPictureCanBe) {
  const std::string much(1 << 16, 'x');
  std::string parts;
  while (parts.size() < much.size()) parts += part();
  const auto open = kPicture.substr(0, kPicture.size() - 3);
  EXPECT_EQ(refusal(kHead + open, much), "the server sends an image without an end; the limit is 16 MiB");
  EXPECT_EQ(refusal("--edge\r\nContent-Length: 16777217\r\n\r\n", much),
            "the server announces an image of 16777217 bytes; the limit is 16 MiB");
  for (const auto& begin :
       {kHead + "hello", "--edge\r\nContent-Length: all\r\n\r\n"s, "--edge\r\nX: y"s, ""s}) {
    EXPECT_EQ(refusal(begin, much), "the server sends a part without an end; the limit is 16 MiB");
  }
  std::string largest;
  largest.resize(MultipartFilter::kMostPartBytes, 'x');
  EXPECT_EQ(refusal("--edge\r\nContent-Length: 16777216\r\n\r\n" + largest, "\r\n" + parts), "");
}

TEST(MultipartFilter, PassesNoPicturesWhoseBoundariesCome) {
  const std::string much(1 << 16, 'x');
  EXPECT_EQ(refusal(kHead + "hello", much + "\r\n" + kHead + "hello"), "");
  EXPECT_EQ(refusal(kHead + "hello" + much + "\r\n--ed", "ge\r\n\r\n" + much + "\r\n--ed"), "")
      << "in two pieces";
}

TEST(JpegEnd, TakesThePictureAndNothingBehindIt) {
  for (std::size_t size = 0; size <= kPicture.size() + 10; ++size) {
    JpegEnd end;
    const auto given = (kPicture + "0123456789").substr(0, size);
    EXPECT_EQ(end.add(bytes_of(given)), std::min(size, kPicture.size()));
    EXPECT_EQ(end.has_ended(), size >= kPicture.size());
    EXPECT_FALSE(end.is_no_jpeg());
  }
}

TEST(JpegEnd, RejectsWhatIsNotAJpeg) {
  const auto is_no_jpeg = [](const std::string& text) {
    JpegEnd end;
    static_cast<void>(end.add(bytes_of(text)));
    return end.is_no_jpeg();
  };
  EXPECT_TRUE(is_no_jpeg("<html>"));
  EXPECT_TRUE(is_no_jpeg("\xFF\xD8x"));
  EXPECT_TRUE(is_no_jpeg("\xFF\xD8\xFF\xC0\x00\x01"s)) << "a length that is too small";
  EXPECT_TRUE(is_no_jpeg("\xFF\xD8\xFF\xDA\x00\x03zab\r\n--edge\r\n\r\n\xFF\xD8"s)) << "the next picture";
  EXPECT_FALSE(is_no_jpeg("\xFF\xD8\xFF\xFF\xDA\x00\x03zab"s)) << "padding before a marker";
}

}  // namespace
}  // namespace freshframe::media::multipart_test
