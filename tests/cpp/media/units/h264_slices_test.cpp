// Which slices of H.264 begin another image.
// SPDX-License-Identifier: Apache-2.0
#include "media/units/h264_slices.hpp"

#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace freshframe::media::test {
namespace {

using Octets = std::vector<std::uint8_t>;

/// Collects bits. The result ends with a stop bit and has no emulation prevention.
class Writer {
 public:
  Writer& bits(std::uint32_t value, int count) {
    for (int i = count - 1; i >= 0; --i) text_ += (value >> static_cast<unsigned>(i) & 1U) != 0 ? '1' : '0';
    return *this;
  }
  Writer& number(std::uint32_t value) {
    int size = 1;
    while ((value + 1) >> static_cast<unsigned>(size) != 0) ++size;
    bits(0, size - 1);
    return bits(value + 1, size);
  }
  [[nodiscard]] Octets done() {
    text_ += '1';
    while (text_.size() % 8 != 0) text_ += '0';
    Octets bytes;
    for (std::size_t at = 0; at < text_.size(); at += 8)
      bytes.push_back(static_cast<std::uint8_t>(std::stoi(text_.substr(at, 8), nullptr, 2)));
    return bytes;
  }

 private:
  std::string text_;
};

constexpr unsigned kSequenceSet = 0x67;
constexpr unsigned kPictureSet = 0x68;

/// Returns a sequence parameter set (main profile) with 4-bit frame numbers and picture order counts.
Octets sequence_set(bool frames_only) {
  Writer set;
  set.bits(77, 8).bits(0, 8).bits(30, 8).number(0).number(0).number(0).number(0).number(4).bits(0, 1);
  set.number(19).number(14).bits(frames_only ? 1 : 0, 1);
  if (!frames_only) set.bits(0, 1);
  return set.bits(1, 1).bits(0, 2).done();
}

Octets picture_set(bool redundant) {
  Writer set;
  set.number(0).number(0).bits(0, 1).bits(0, 1).number(0).number(0).number(0).bits(0, 3);
  return set.number(0).number(0).number(0).bits(1, 1).bits(0, 1).bits(redundant ? 1 : 0, 1).done();
}

struct Slice {
  std::uint32_t first = 0;
  std::uint32_t frame = 0;
  std::uint32_t order = 0;
  unsigned type = 1;
  unsigned reference = 1;
  std::uint32_t idr_id = 0;
  char field = ' ';  // 't' top, 'b' bottom
  int redundant = -1;
};

class Stream {
 public:
  explicit Stream(bool frames_only = true, bool redundant = false) : frames_only_(frames_only) {
    slices_.add_set(kSequenceSet, sequence_set(frames_only));
    slices_.add_set(kPictureSet, picture_set(redundant));
  }
  /// Adds a slice. Returns true if it begins another image.
  bool begins(const Slice& slice, bool after_loss = false) {
    Writer head;
    head.number(slice.first).number(5).number(0).bits(slice.frame, 4);
    if (!frames_only_) head.bits(slice.field != ' ' ? 1 : 0, 1);
    if (slice.field != ' ') head.bits(slice.field == 'b' ? 1 : 0, 1);
    if (slice.type == 5) head.number(slice.idr_id);
    head.bits(slice.order, 4);
    if (slice.redundant >= 0) head.number(static_cast<std::uint32_t>(slice.redundant));
    return slices_.place(slice.reference << 5U | slice.type, head.bits(0x55, 8).done(), after_loss) ==
           SlicePlace::Begins;
  }
  [[nodiscard]] bool is_half() const { return slices_.is_half(); }

 private:
  const bool frames_only_;
  H264Slices slices_;
};

TEST(H264Slices, BeginAnImageWhereTheAddressDoesNotRise) {
  Stream stream;
  EXPECT_TRUE(stream.begins({.first = 0, .type = 5}));
  EXPECT_FALSE(stream.begins({.first = 20, .type = 5}));
  EXPECT_FALSE(stream.begins({.first = 40, .type = 5}));
  EXPECT_TRUE(stream.begins({.first = 0, .frame = 1, .order = 2}));
  EXPECT_FALSE(stream.begins({.first = 40, .frame = 1, .order = 2}));
  EXPECT_TRUE(stream.begins({.first = 0, .frame = 2, .order = 4}));
}

TEST(H264Slices, BelongToOneImageInAnyOrder) {
  Stream stream;
  EXPECT_TRUE(stream.begins({.first = 40, .frame = 1, .order = 2}));
  EXPECT_FALSE(stream.begins({.first = 0, .frame = 1, .order = 2}));
  EXPECT_FALSE(stream.begins({.first = 20, .frame = 1, .order = 2}));
  EXPECT_TRUE(stream.begins({.first = 20, .frame = 2, .order = 4}));
  EXPECT_FALSE(stream.begins({.first = 0, .frame = 2, .order = 4}));
  EXPECT_FALSE(stream.begins({.first = 40, .frame = 2, .order = 4}));
}

TEST(H264Slices, BeginAnImageWithAnAddressThatIsThereAlreadyWhateverTheHeadersSay) {
  Stream stream;
  EXPECT_TRUE(stream.begins({.first = 0, .type = 5})) << "an encoder whose idr_pic_id stays the same";
  EXPECT_FALSE(stream.begins({.first = 30, .type = 5}));
  EXPECT_TRUE(stream.begins({.first = 0, .type = 5}));
  EXPECT_FALSE(stream.begins({.first = 30, .type = 5}));
}

TEST(H264Slices, OfOneImageMayContradictEachOther) {
  Stream stream;
  EXPECT_TRUE(stream.begins({.first = 0, .frame = 3, .order = 2}));
  EXPECT_FALSE(stream.begins({.first = 20, .frame = 9, .order = 5}))
      << "nothing is lost, and the address rises";
}

TEST(H264Slices, AreComparedAfterALoss) {
  Stream stream;
  EXPECT_TRUE(stream.begins({.first = 0, .frame = 3, .order = 6}));
  EXPECT_FALSE(stream.begins({.first = 40, .frame = 3, .order = 6}, true));
  EXPECT_TRUE(stream.begins({.first = 60, .frame = 4, .order = 8}, true))
      << "the beginning of the next is lost";
}

TEST(H264Slices, DifferWhereNoOtherImageRefersToThem) {
  Stream stream;
  EXPECT_TRUE(stream.begins({.first = 0, .frame = 3, .order = 6, .reference = 0}));
  EXPECT_TRUE(stream.begins({.first = 0, .frame = 3, .order = 4, .reference = 0})) << "B, B";
  EXPECT_TRUE(stream.begins({.first = 0, .frame = 3, .order = 10}))
      << "the same frame number, and a reference";
}

TEST(H264Slices, OfARedundantPictureBelongToTheImage) {
  Stream stream(true, true);
  EXPECT_TRUE(stream.begins({.first = 0, .frame = 1, .order = 2, .redundant = 0}));
  EXPECT_FALSE(stream.begins({.first = 20, .frame = 1, .order = 2, .redundant = 0}));
  EXPECT_FALSE(stream.begins({.first = 0, .frame = 1, .order = 2, .redundant = 1}));
  EXPECT_FALSE(stream.begins({.first = 20, .frame = 1, .order = 2, .redundant = 1}));
  EXPECT_TRUE(stream.begins({.first = 0, .frame = 2, .order = 4, .redundant = 0}));
}

TEST(H264Slices, OfTwoFieldsMakeOneImage) {
  Stream stream(false);
  EXPECT_TRUE(stream.begins({.first = 0, .type = 5, .field = 't'}));
  EXPECT_TRUE(stream.is_half());
  EXPECT_FALSE(stream.begins({.first = 10, .type = 5, .field = 't'}));
  EXPECT_FALSE(stream.begins({.first = 0, .order = 1, .field = 'b'}))
      << "the second field of an IDR picture may be P";
  EXPECT_FALSE(stream.is_half());
  EXPECT_FALSE(stream.begins({.first = 10, .order = 1, .field = 'b'}));
  EXPECT_TRUE(stream.begins({.first = 0, .frame = 1, .order = 2, .field = 't'}));
  EXPECT_FALSE(stream.begins({.first = 0, .frame = 1, .order = 3, .field = 'b'}));
  EXPECT_TRUE(stream.begins({.first = 0, .frame = 2, .order = 4, .field = 'b'})) << "bottom field first";
  EXPECT_FALSE(stream.begins({.first = 0, .frame = 2, .order = 5, .field = 't'}));
  EXPECT_TRUE(stream.begins({.first = 0, .frame = 3, .order = 6, .field = 't'}));
  EXPECT_TRUE(stream.begins({.first = 0, .frame = 4, .order = 8, .field = 't'})) << "the other field is lost";
  EXPECT_TRUE(stream.begins({.first = 0, .frame = 5, .order = 10})) << "a whole frame";
  EXPECT_FALSE(stream.is_half());
}

TEST(H264Slices, OfFieldsOfBPicturesHaveTheSameFrameNumber) {
  Stream stream(false);
  EXPECT_TRUE(stream.begins({.frame = 3, .order = 6, .reference = 0, .field = 't'}));
  EXPECT_FALSE(stream.begins({.frame = 3, .order = 7, .reference = 0, .field = 'b'}));
  EXPECT_TRUE(stream.begins({.frame = 3, .order = 4, .reference = 0, .field = 't'}));
  EXPECT_FALSE(stream.begins({.frame = 3, .order = 5, .reference = 0, .field = 'b'}));
}

TEST(H264Slices, WithoutParameterSetsAreKnownByTheirAddresses) {
  H264Slices slices;
  const auto begins = [&](std::uint32_t first) {
    return slices.place(0x41, Writer().number(first).number(5).number(0).bits(9, 12).done(), false) ==
           SlicePlace::Begins;
  };
  EXPECT_TRUE(begins(0));
  EXPECT_FALSE(begins(20));
  EXPECT_TRUE(begins(0));
  EXPECT_TRUE(begins(0));
}

TEST(H264Slices, TakeAnyBytes) {
  H264Slices slices;
  for (unsigned seed = 0; seed < 2000; ++seed) {
    Octets bytes;
    for (unsigned i = 0; i < seed % 40; ++i)
      bytes.push_back(static_cast<std::uint8_t>(seed * 7919 + i * i * 31));
    slices.add_set(seed % 2 == 0 ? kSequenceSet : kPictureSet, bytes);
    static_cast<void>(slices.place(0x41, bytes, seed % 3 == 0));
  }
}

}  // namespace
}  // namespace freshframe::media::test
