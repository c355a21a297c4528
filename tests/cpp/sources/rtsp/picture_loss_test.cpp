// The facts about pictures where packets are lost: which are torn, which may refer to lost ones, which are
// missing. SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sources/rtsp/pictures/picture_maker.hpp"
#include "sources/rtsp/pictures/picture_queue.hpp"
#include "sources/rtsp/protocol/sdp.hpp"
#include <gtest/gtest.h>

namespace freshframe::media::rtsp::test {
namespace {

using Octets = std::vector<std::uint8_t>;
using Trust = PictureEnds::Trust;

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

/// Returns a word for each image: 't' it is torn, 'l' images before it may be lost, 'b' no other image refers to it,
/// 'I' it is an IDR, a digit: how many images are missing before it, '-' none of these.
/// `packets` has a letter for each packet: 'f' begins an image and 's' continues it, at most twice; 'b' begins an image
/// to which no other refers and 'c' continues it; 'i' is an IDR, 'p' a parameter set. 'u', 'v' and 'w' are the first,
/// a middle and the last fragment of a slice that begins an image, 'y' is the first fragment of a later slice, and 'x'
/// the last fragment of a slice to which no other image refers. A capital letter has the marker bit. ' ' is the next
/// image's timestamp, '_' a lost packet.
std::string made_of(const std::string& packets, Trust trust = Trust::Believed,
                    std::optional<double> rate = 30.0) {
  Joining joining;
  std::string text;
  PictureMaker maker({.trust = trust, .rate = rate}, joining, [&](const Picture& picture) {
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
  bool continues = false;
  for (const char c : packets) {
    if (c == ' ') timestamp += kInterval;
    if (c == ' ') continues = false;
    if (c == '_') ++lost;
    if (c == ' ' || c == '_') continue;
    const bool marker = c >= 'A' && c <= 'Z';
    const char kind = marker ? static_cast<char>(c - 'A' + 'a') : c;
    Octets payload{0x41, 0x9A};  // first_mb_in_slice is 0
    if (kind == 's')
      payload = {0x41, static_cast<std::uint8_t>(std::exchange(continues, true) ? 0x7A : 0x5A)};
    if (kind == 'b') payload = {0x01, 0x9A};
    if (kind == 'c') payload = {0x01, 0x5A};
    if (kind == 'i') payload = {0x65, 0x88};
    if (kind == 'p') payload = {0x67, 0x42};
    if (kind == 'u') payload = {0x5C, 0x81, 0x9A};
    if (kind == 'y') payload = {0x5C, 0x81, 0x5A};
    if (kind == 'v') payload = {0x5C, 0x01, 0x9A};
    if (kind == 'w') payload = {0x5C, 0x41, 0x9A};
    if (kind == 'x') payload = {0x1C, 0x41, 0x9A};
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
  EXPECT_EQ(made_of("iS b_C F"), "I tb -");
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
  EXPECT_EQ(made_of("is fs _fs f f", Trust::Learned), "I t l -");
  EXPECT_EQ(made_of("is fs fs f f", Trust::Learned), "I - - -");
}

TEST(PictureLoss, OfTheBeginningOfTheOnlySliceIsThatOfThePicture) {
  EXPECT_EQ(made_of("iS uvW F"), "I - -");
  EXPECT_EQ(made_of("iS _vW F F"), "I l1 -");
  EXPECT_EQ(made_of("iS _W F F"), "I l1 -");
  EXPECT_EQ(made_of("iS p_vW F F"), "I l1 -");
  EXPECT_EQ(made_of("iS _v_W F F"), "I l1 -");
  EXPECT_EQ(made_of("iS u_W F"), "I t -") << "its middle is lost";
  EXPECT_EQ(made_of("iS u_ F"), "I t -") << "its end is lost";
  EXPECT_EQ(made_of("iS _X F F"), "I 1 -") << "no other refers to it";
  EXPECT_EQ(made_of("iS _vW _vW F F"), "I l2 -");
  EXPECT_EQ(made_of("iS _ _vW F F"), "I l2 -");
}

TEST(PictureLoss, OfTheBeginningOfAnotherSliceTearsThePicture) {
  EXPECT_EQ(made_of("iS f_vW F"), "I t -");
  EXPECT_EQ(made_of("iS uw_W F"), "I t -");
  EXPECT_EQ(made_of("iS _vwyW F"), "I t -");
}

TEST(PictureLoss, OfPicturesThatBeganBeforeTheConnectionIsNone) {
  EXPECT_EQ(made_of("vW F F"), "l -");
  EXPECT_EQ(made_of("_vW iS F"), "lI -");
}

TEST(PictureLoss, WithoutARateCountsPicturesOfWhichSomePacketsHaveCome) {
  EXPECT_EQ(made_of("iS _vW    fS _vW F", Trust::Believed, std::nullopt), "I l1 l1");
}

/// Returns the decoder's input for these H.264 packets, which FFmpeg depacketises.
std::vector<Octets> pictures_of(const std::vector<std::pair<Octets, std::uint64_t>>& packets) {
  const auto media =
      parse_sdp("m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\na=fmtp:96 packetization-mode=1\n");
  const auto depacketiser = ffmpeg_depacketiser(media.media.at(0));
  std::vector<Octets> made;
  PictureMaker maker({}, *depacketiser, [&](const Picture& picture) {
    made.emplace_back(picture.packet->data, picture.packet->data + picture.packet->size);
  });
  for (const auto& [payload, picture] : packets) {
    const auto timestamp = static_cast<std::uint32_t>(picture * kInterval);
    maker.add({.timestamp = timestamp, .payload_type = 96, .payload = payload}, payload[1] == 1 ? 1 : 0, {});
  }
  return made;
}

TEST(PictureLoss, LeavesNoPartOfAUnitWithoutItsBeginning) {
  const Octets access{0, 0, 0, 1, 0x09, 0xF0};
  const Octets sets{0, 0, 0, 1, 0x67, 0x42, 0x17, 0, 0, 0, 1, 0x68, 0xCE};
  const Octets slice{0, 0, 0, 1, 0x41, 0x9A};
  const auto of_both = [](Octets one, const Octets& other) {
    one.insert(one.end(), other.begin(), other.end());
    return one;
  };
  EXPECT_EQ(pictures_of({{{0x41, 0x9A}, 1}, {{0x5C, 1, 5}, 2}, {{0x41, 0x9A}, 3}, {{0x41, 0x9A}, 4}}),
            (std::vector<Octets>{slice, slice}));
  EXPECT_EQ(pictures_of({{{0x41, 0x9A}, 1}, {{0x5C, 1, 5}, 1}, {{0x41, 0x9A}, 3}}),
            (std::vector<Octets>{slice}));
  EXPECT_EQ(pictures_of({{{0x09, 0xF0}, 1},
                         {{0x67, 0x42, 0x17}, 1},
                         {{0x68, 0xCE}, 1},
                         {{0x06, 0x05}, 1},
                         {{0x7C, 1, 5}, 1},
                         {{0x09, 0xF0}, 2},
                         {{0x41, 0x9A}, 2},
                         {{0x41, 0x9A}, 3}}),
            (std::vector<Octets>{of_both(sets, of_both(access, slice))}))
      << "parameter sets stay for the pictures behind";
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
  PictureMaker maker({.trust = Trust::Believed}, joining, [&](const Picture& picture) {
    if (picture.report) static_cast<void>(clock.add(*picture.report, picture.report->utc));
    times.push_back(clock.at(static_cast<double>(picture.packet->pts) / 90000).value_or(Utc()).seconds);
  });
  const Octets slice{0x41, 0x9A};
  maker.note_report({.timestamp = 90000, .wall_time = 1000.0});
  constexpr std::uint32_t kHour = 90000U * 3600;
  for (std::uint32_t hour = 0; hour < 30; ++hour) {  // no further reports; timestamps wrap after 13 hours
    const auto arrived = TimePoint{} + std::chrono::hours(hour);
    maker.add({.timestamp = hour * kHour, .marker = true, .payload = slice}, 0, arrived);
  }
  ASSERT_EQ(times.size(), 30U);
  for (std::size_t hour = 0; hour < times.size(); ++hour) {
    EXPECT_DOUBLE_EQ(times[hour], 999.0 + 3600.0 * static_cast<double>(hour)) << hour;
  }
}

}  // namespace
}  // namespace freshframe::media::rtsp::test
