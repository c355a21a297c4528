// What is known of pictures where packets are lost: which are torn, which may refer to lost ones, which are
// missing. SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "media/rtsp/pictures/picture_maker.hpp"
#include "media/rtsp/pictures/picture_queue.hpp"
#include <gtest/gtest.h>

namespace freshframe::media::rtsp::test {
namespace {

using Octets = std::vector<std::uint8_t>;

class Joining final : public Depacketiser {
 public:
  void add(const RtpPacket& packet, bool /*after_gap*/, Octets& picture) override {
    picture.insert(picture.end(), packet.payload.begin(), packet.payload.end());
  }
  [[nodiscard]] const AVCodecParameters& parameters() const noexcept override { return parameters_; }

 private:
  AVCodecParameters parameters_{};
};

constexpr std::uint32_t kInterval = 3000;  // ticks

/// Packets as text, a letter each: 'f' begins a picture, 's' goes on with it, 'b' begins one to which no
/// other refers, 'i' an IDR, 'p' is a parameter set. A capital letter has the marker. ' ': the next picture's
/// time. '_': a packet is lost. The result has a word for each picture: 't' torn, 'l' pictures before it may
/// be lost, 'b' no other refers to it, 'I' an IDR, a digit: so many are missing before it; '-' none of these.
std::string made_of(const std::string& packets, bool believes_markers = true) {
  Joining joining;
  std::string text;
  PictureMaker maker({.believes_markers = believes_markers, .rate = 30.0}, joining,
                     [&](const Picture& picture) {
                       std::string word;
                       if (picture.notes.torn) word += 't';
                       if (picture.notes.after_loss) word += 'l';
                       if (!picture.notes.reference) word += 'b';
                       if (picture.notes.refresh == Refresh::All) word += 'I';
                       if (picture.missing > 0) word += std::to_string(picture.missing);
                       text += (text.empty() ? "" : " ") + (word.empty() ? "-" : word);
                     });
  std::uint32_t timestamp = 0;
  std::uint64_t lost = 0;
  for (const char c : packets) {
    if (c == ' ') timestamp += kInterval;
    if (c == '_') ++lost;
    if (c == ' ' || c == '_') continue;
    const bool marker = c >= 'A' && c <= 'Z';
    const char kind = marker ? static_cast<char>(c - 'A' + 'a') : c;
    Octets payload{0x41, 0x9A};  // first_mb_in_slice is 0
    if (kind == 's') payload = {0x41, 0x5A};
    if (kind == 'b') payload = {0x01, 0x9A};
    if (kind == 'i') payload = {0x65, 0x88};
    if (kind == 'p') payload = {0x67, 0x42};
    maker.add({.timestamp = timestamp, .marker = marker, .payload = payload}, std::exchange(lost, 0), {});
  }
  return text;
}

TEST(PictureLoss, OfNothingIsNotSeen) {
  EXPECT_EQ(made_of("piS fsS B F"), "I - b -");
}

TEST(PictureLoss, TearsThePictureInWhichItIs) {
  EXPECT_EQ(made_of("iS f_S F"), "I t -");
  EXPECT_EQ(made_of("iS _sS F"), "I t -") << "its beginning is lost, and nothing else";
  EXPECT_EQ(made_of("iS __sS F"), "I tl -");
  EXPECT_EQ(made_of("iS fs _F F"), "I t - -") << "its end is lost, and nothing else";
  EXPECT_EQ(made_of("iS fs __F F"), "I t l -");
  EXPECT_EQ(made_of("iS fs __sS F"), "I t t -");
  EXPECT_EQ(made_of("iS b_B F"), "I tb -");
}

TEST(PictureLoss, BetweenTwoPicturesIsKnownToTheNext) {
  EXPECT_EQ(made_of("iS fS _F F"), "I - l -");
  EXPECT_EQ(made_of("iS fS _pF F"), "I - l -");
  EXPECT_EQ(made_of("iS fS _piS F"), "I - lI -");
  EXPECT_EQ(made_of("iS fS p_F F"), "I - l -");
}

TEST(PictureLoss, OfWholePicturesIsCounted) {
  EXPECT_EQ(made_of("iS fS __ _ fS F"), "I - l2 -");
  EXPECT_EQ(made_of("iS fS f_ _ fS F"), "I - t l1 -");
}

TEST(PictureLoss, BeforeAPictureThatHasNoMarkersMayHaveTornTheOneBefore) {
  EXPECT_EQ(made_of("is fs _fs f f", false), "I t l -");
  EXPECT_EQ(made_of("is fs fs f f", false), "I - - -");
}

Picture waiting(bool key, std::uint64_t missing = 0) {
  Picture picture{.packet = make_av_packet(), .key = key, .missing = missing};
  EXPECT_EQ(av_new_packet(picture.packet.get(), 10), 0);
  return picture;
}

TEST(PictureLoss, InTheQueueIsToldByTheNextPicture) {
  PictureQueue queue;
  const auto late = TimePoint{} + to_duration(Seconds(6));
  EXPECT_EQ(queue.put(waiting(true, 1), {}), 0U);
  EXPECT_EQ(queue.put(waiting(false, 2), late), 2U);
  EXPECT_EQ(queue.put(waiting(false, 4), late), 1U);
  EXPECT_EQ(queue.put(waiting(true, 8), late), 0U);
  const auto next = queue.take(TimePoint{}, {});
  ASSERT_TRUE(next);
  EXPECT_EQ(next->missing, 15U);
  EXPECT_EQ(next->dropped, 3U);
  EXPECT_TRUE(next->notes.after_loss);
}

TEST(PictureLoss, DoesNotShiftTheSendersTime) {
  Joining joining;
  std::vector<double> times;
  CameraClock clock;
  PictureMaker maker({.believes_markers = true}, joining, [&](const Picture& picture) {
    if (picture.report) static_cast<void>(clock.add(*picture.report, picture.report->utc));
    times.push_back(clock.at(static_cast<double>(picture.packet->pts) / 90000).value_or(Utc()).seconds);
  });
  const Octets slice{0x41, 0x9A};
  maker.note_report({.timestamp = 90000, .wall_time = 1000.0});
  constexpr std::uint32_t kHour = 90000U * 3600;
  for (std::uint32_t hour = 0; hour < 30; ++hour) {  // without another report; timestamps wrap after 13 hours
    maker.add({.timestamp = hour * kHour, .marker = true, .payload = slice}, 0, {});
  }
  ASSERT_EQ(times.size(), 30U);
  for (std::size_t hour = 0; hour < times.size(); ++hour) {
    EXPECT_DOUBLE_EQ(times[hour], 999.0 + 3600.0 * static_cast<double>(hour)) << hour;
  }
}

}  // namespace
}  // namespace freshframe::media::rtsp::test
