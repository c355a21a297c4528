// Frames that are assembled from packets, unpacked by FFmpeg, and queued for the decoder.
// SPDX-License-Identifier: Apache-2.0
#include "sources/rtsp/pictures/picture_maker.hpp"

#include <chrono>
#include <cstdint>
#include <exception>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include "sources/rtsp/pictures/depacketiser.hpp"
#include "sources/rtsp/pictures/picture_queue.hpp"
#include "sources/rtsp/protocol/message.hpp"
#include <gtest/gtest.h>

namespace freshframe::media::rtsp::test {
namespace {

using Octets = std::vector<std::uint8_t>;

TimePoint moment(double seconds) {
  return TimePoint{} + to_duration(Seconds(seconds));
}

/// Appends payloads unchanged.
class Appending final : public Depacketiser {
 public:
  void add(const RtpPacket& packet, bool /*after_gap*/, std::vector<std::uint8_t>& picture) override {
    picture.insert(picture.end(), packet.payload.begin(), packet.payload.end());
  }
  [[nodiscard]] const AVCodecParameters& parameters() const noexcept override { return *parameters_; }

 private:
  CodecParametersPtr parameters_{avcodec_parameters_alloc()};
};

struct Making {
  explicit Making(PictureEnds::Trust trust = PictureEnds::Trust::Believed)
      : maker({.codec = Codec::H264, .trust = trust}, depacketiser,
              [this](Picture picture) { pictures.push_back(std::move(picture)); }) {}

  void add(std::uint32_t timestamp, const Octets& payload, bool marker, double arrived = 0,
           std::uint64_t lost = 0) {
    maker.add({.sequence = 0,
               .timestamp = timestamp,
               .source = 1,
               .payload_type = 96,
               .marker = marker,
               .payload = payload},
              lost, moment(arrived));
  }
  /// The sizes of the images so far.
  [[nodiscard]] std::vector<int> sizes() const {
    std::vector<int> result;
    for (const auto& one : pictures) result.push_back(one.packet->size);
    return result;
  }

  Appending depacketiser;
  std::vector<Picture> pictures;
  PictureMaker maker;
};

const Octets kSlice{0x41, 0x9A};
const Octets kIdr{0x65, 0x88};
const Octets kLaterOfIdr{0x65, 0x42};  // first_mb_in_slice is 1
const Octets kParameters{0x67, 0x42, 0x00};

TEST(PictureMaker, GivesAPictureWithItsLastPacketAndTheTimeOfItsFirst) {
  Making made;
  made.add(1000, kParameters, false, 1.0);
  made.add(1000, kIdr, false, 1.1);
  EXPECT_TRUE(made.pictures.empty());
  made.add(1000, kLaterOfIdr, true, 1.2);
  ASSERT_EQ(made.sizes(), (std::vector<int>{7}));
  EXPECT_EQ(made.pictures[0].arrived, moment(1.0));
  EXPECT_TRUE(made.pictures[0].key);
  EXPECT_NE(made.pictures[0].packet->flags & AV_PKT_FLAG_KEY, 0);
  made.add(4000, kSlice, true, 1.3);
  ASSERT_EQ(made.pictures.size(), 2);
  EXPECT_FALSE(made.pictures[1].key);
  EXPECT_EQ(made.pictures[1].packet->pts - made.pictures[0].packet->pts, 3000);
}

TEST(PictureMaker, GivesParameterSetsToTheNextPictureWithTheTimeOfItsSlices) {
  Making made;
  made.add(1000, kSlice, true, 1.0);
  made.add(1000, kParameters, false, 1.001);
  made.add(4000, kIdr, true, 1.033);
  ASSERT_EQ(made.sizes(), (std::vector<int>{2, 5}));
  EXPECT_EQ(made.pictures[1].arrived, moment(1.033));
  EXPECT_EQ(made.pictures[1].packet->pts - made.pictures[0].packet->pts, 3000);
}

TEST(PictureMaker, GivesParameterSetsAmidAPictureToTheNextOne) {
  Making made(PictureEnds::Trust::Learned);
  made.add(1, kParameters, false);
  made.add(1, kIdr, false);
  made.add(1, kParameters, false);
  made.add(1, kLaterOfIdr, true);
  made.add(2, kSlice, true);
  made.add(3, kSlice, true);
  EXPECT_EQ(made.sizes(), (std::vector<int>{7, 5}));
}

TEST(PictureMaker, DoesNotTakeALargeMessageForASlice) {
  Making made;
  made.add(1, kParameters, false);
  made.add(1, {0x1C, 0x86, 0x05, 0xFF}, false);  // an SEI message in fragments
  made.add(1, {0x1C, 0x06, 0x11, 0x22}, false);
  made.add(1, {0x1C, 0x46, 0x33, 0x80}, false);
  made.add(1, kIdr, true);
  made.add(2, kSlice, true);
  EXPECT_EQ(made.sizes(), (std::vector<int>{17, 2}));
}

TEST(PictureMaker, TakesTheRestOfAUnitWithParameterSetsAndASliceForTheSlice) {
  Making made(PictureEnds::Trust::Learned);
  for (const std::uint32_t n : {1U, 2U}) {
    made.add(n, {0x7C, 0x87, 0x42, 0, 0, 1, 0x65, 0x88}, false);
    made.add(n, {0x7C, 0x07, 0x11}, false);
    made.add(n, {0x7C, 0x47, 0x22}, false);
  }
  made.add(3, kSlice, true);
  EXPECT_EQ(made.sizes(), (std::vector<int>{14, 14}));
}

TEST(PictureMaker, SeparatesImagesInOnePacket) {
  Making made;
  made.add(1, {0x78, 0, 2, 0x65, 0x88, 0, 2, 0x41, 0x9A, 0, 2, 0x41, 0x9A}, true);
  EXPECT_EQ(made.sizes(), (std::vector<int>{2, 2, 2}));
}

TEST(PictureMaker, TakesAPictureOfIntraSlicesForAKeyPicture) {
  Making made;
  const Octets intra{0x41, 0x88};
  const Octets later_intra{0x41, 0x42, 0x00};
  const Octets later_inter{0x41, 0x5A};
  made.add(1, intra, false);
  made.add(1, later_intra, true);
  made.add(2, intra, false);
  made.add(2, later_inter, true);
  ASSERT_EQ(made.pictures.size(), 2);
  EXPECT_TRUE(made.pictures[0].key);
  EXPECT_FALSE(made.pictures[1].key);
}

TEST(PictureMaker, CountsTicksThatWrap) {
  Making made;
  for (const std::uint32_t timestamp : {0xFFFFF000U, 0x00000100U, 0xFFFFF800U})
    made.add(timestamp, kSlice, true);
  ASSERT_EQ(made.pictures.size(), 3);
  EXPECT_EQ(made.pictures[1].packet->pts - made.pictures[0].packet->pts, 0x1100);
  EXPECT_EQ(made.pictures[2].packet->pts - made.pictures[0].packet->pts, 0x800) << "shown before the second";
}

TEST(PictureMaker, HasTheSendersTime) {
  Making made;
  made.add(90000, kIdr, true);
  EXPECT_FALSE(made.pictures[0].report);
  made.maker.note_report({.source = 1, .time = 0, .timestamp = 180000, .wall_time = 1000.0});
  made.add(90000 * 3, kSlice, true);
  made.add(90000 * 4, kSlice, true);
  ASSERT_TRUE(made.pictures[1].report);
  EXPECT_EQ(made.pictures[1].report->utc, 1000.0);
  EXPECT_DOUBLE_EQ(made.pictures[1].report->time,
                   static_cast<double>(made.pictures[1].packet->pts) / 90000 - 1);
  EXPECT_FALSE(made.pictures[2].report) << "each report once";
}

TEST(PictureMaker, GivesUpAPictureThatDoesNotEnd) {
  Making made;
  Octets large(60000, 0x01);
  large[0] = 0x5C;  // a fragment that is not the first
  made.add(1, {0x5C, 0x81, 0x9A}, false);
  for (int i = 0; i < 200; ++i) made.add(1, large, false);
  made.add(2, kSlice, true);
  EXPECT_EQ(made.maker.oversized_count(), 1);
  ASSERT_FALSE(made.pictures.empty());
  for (const auto& one : made.pictures)
    EXPECT_LE(one.packet->size, static_cast<int>(PictureMaker::kMostBytes));
}

Media h264() {
  return parse_sdp("m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\na=fmtp:96 packetization-mode=1\n")
      .media.at(0);
}

Octets depacketised(Depacketiser& depacketiser, const std::vector<Octets>& payloads,
                    std::uint32_t timestamp = 0) {
  Octets picture;
  for (const auto& payload : payloads) {
    depacketiser.add({.sequence = 0,
                      .timestamp = timestamp,
                      .source = 1,
                      .payload_type = 96,
                      .marker = &payload == &payloads.back(),
                      .payload = payload},
                     false, picture);
  }
  return picture;
}

TEST(FfmpegDepacketiser, GivesUnitsWithStartCodes) {
  const auto depacketiser = ffmpeg_depacketiser(h264());
  EXPECT_EQ(depacketiser->parameters().codec_id, AV_CODEC_ID_H264);
  EXPECT_EQ(depacketised(*depacketiser, {{0x65, 0x88, 0x01}}), (Octets{0, 0, 0, 1, 0x65, 0x88, 0x01}));
  EXPECT_EQ(depacketised(*depacketiser, {{0x78, 0, 2, 0x67, 0x42, 0, 2, 0x68, 0xCE}}),
            (Octets{0, 0, 0, 1, 0x67, 0x42, 0, 0, 0, 1, 0x68, 0xCE}));
  EXPECT_EQ(depacketised(*depacketiser, {{0x7C, 0x85, 1, 2}, {0x7C, 0x05, 3}, {0x7C, 0x45, 4}}),
            (Octets{0, 0, 0, 1, 0x65, 1, 2, 3, 4}));
}

TEST(FfmpegDepacketiser, JoinsFragmentsWhoseTypeChanges) {  // scottlamb/retina#68: Tiandy
  const auto depacketiser = ffmpeg_depacketiser(h264());
  EXPECT_EQ(depacketised(*depacketiser, {{0x7C, 0x85, 1, 2}, {0x7C, 0x01, 3}, {0x7C, 0x41, 4}}),
            (Octets{0, 0, 0, 1, 0x65, 1, 2, 3, 4}));
}

TEST(FfmpegDepacketiser, GivesOnAfterManyMegabytesAndReports) {
  const auto depacketiser = ffmpeg_depacketiser(h264());
  const Octets unit(1400, 0x41);
  for (std::uint32_t i = 0; i < 5000; ++i) {
    ASSERT_EQ(depacketised(*depacketiser, {unit}, 3000 * i).size(), unit.size() + 4) << i;
  }
}

TEST(FfmpegDepacketiser, GoesOnAfterDamagedPayloadsAndGaps) {
  const auto depacketiser = ffmpeg_depacketiser(h264());
  static_cast<void>(depacketised(*depacketiser, {{0x78, 0xFF, 0xFF, 1}, {0x7C}, {0}, {0x7C, 0x05, 3}, {}}));
  Octets picture;
  const Octets slice{0x41, 0x9A};
  depacketiser->add(
      {.sequence = 9, .timestamp = 5, .source = 1, .payload_type = 96, .marker = true, .payload = slice},
      true, picture);
  EXPECT_EQ(picture, (Octets{0, 0, 0, 1, 0x41, 0x9A}));
}

TEST(FfmpegDepacketiser, TakesTheParameterSetsOfTheDescription) {
  auto media = h264();
  media.format = "packetization-mode=1;sprop-parameter-sets=Z0LAHtkDxWhAAAADAEAAAAwDxYuS,aMuMsg==";
  EXPECT_GT(ffmpeg_depacketiser(media)->parameters().extradata_size, 10);
  media.format = "sprop-parameter-sets=%%%";
  EXPECT_NO_THROW(static_cast<void>(ffmpeg_depacketiser(media)));
}

Picture picture_of(std::size_t size, bool key, double arrived) {
  Picture picture{.packet = make_av_packet(), .arrived = moment(arrived), .key = key};
  EXPECT_EQ(av_new_packet(picture.packet.get(), static_cast<int>(size)), 0);
  return picture;
}

/// Takes all images from the queue. Returns their arrival times in seconds.
std::vector<int> waiting(PictureQueue& queue) {
  std::vector<int> result;
  while (const auto picture = queue.take(TimePoint{}, {})) {
    result.push_back(static_cast<int>(Seconds(picture->arrived - TimePoint{}).count()));
  }
  return result;
}

TEST(PictureQueue, GivesPicturesInOrder) {
  PictureQueue queue;
  for (const int i : {0, 1, 2}) EXPECT_EQ(queue.put(picture_of(10, false, i), moment(0)), 0);
  EXPECT_EQ(waiting(queue), (std::vector<int>{0, 1, 2}));
}

TEST(PictureQueue, DropsUpToTheNewestKeyPictureWhenTheDecoderIsBehind) {
  PictureQueue queue;
  for (const int i : {1, 2, 3, 4}) {
    EXPECT_EQ(queue.put(picture_of(10, i == 3, i), moment(1)), 0);
  }
  EXPECT_EQ(queue.put(picture_of(10, false, 5), moment(2.5)), 2);
  EXPECT_EQ(waiting(queue), (std::vector<int>{3, 4, 5}));
}

TEST(PictureQueue, KeepsOldPicturesForATakerThatDecodesNothing) {
  PictureQueue queue;
  queue.set_patient(true);
  for (const int i : {1, 2, 3, 4}) EXPECT_EQ(queue.put(picture_of(10, i == 3, i), moment(20 + i)), 0);
  queue.set_patient(false);  // from now on it decodes, so old images must be dropped
  EXPECT_EQ(queue.put(picture_of(10, false, 25), moment(25)), 2);
  EXPECT_EQ(waiting(queue), (std::vector<int>{3, 4, 25}));
}

TEST(PictureQueue, WaitsLongerWhereNoKeyPictureIsNearAndThenForTheNext) {
  PictureQueue queue;
  EXPECT_EQ(queue.put(picture_of(10, true, 0), moment(0)), 0);
  EXPECT_EQ(queue.put(picture_of(10, false, 1), moment(4)), 0);
  EXPECT_EQ(queue.put(picture_of(10, false, 2), moment(5.5)), 3);
  EXPECT_EQ(queue.put(picture_of(10, false, 6), moment(6)), 1);
  EXPECT_EQ(queue.put(picture_of(10, true, 7), moment(7)), 0);
  EXPECT_EQ(waiting(queue), (std::vector<int>{7}));
}

TEST(PictureQueue, GoesOnAfterThreeSecondsWhereThereIsNoKeyPicture) {
  PictureQueue queue;
  EXPECT_EQ(queue.put(picture_of(10, true, 0), moment(0)), 0);
  EXPECT_EQ(queue.put(picture_of(10, false, 6), moment(6)), 2);
  EXPECT_EQ(queue.put(picture_of(10, false, 8), moment(8)), 1);
  EXPECT_EQ(queue.put(picture_of(10, false, 10), moment(10)), 0);
  EXPECT_EQ(waiting(queue), (std::vector<int>{10}));
}

TEST(PictureQueue, HoldsNoMoreThan4096Pictures) {
  PictureQueue queue;
  std::uint64_t dropped = 0;
  for (int i = 0; i <= 4096; ++i) dropped += queue.put(picture_of(1, i == 4000, i), moment(0));
  EXPECT_EQ(dropped, 4000);
}

TEST(PictureQueue, HoldsNoMoreThan32Mebibytes) {
  PictureQueue queue;
  std::uint64_t dropped = 0;
  for (int i = 0; i < 5; ++i) dropped += queue.put(picture_of(8U << 20U, i == 3, i), moment(0));
  EXPECT_EQ(dropped, 3);
  EXPECT_EQ(waiting(queue), (std::vector<int>{3, 4}));
}

TEST(PictureQueue, GivesWhatWaitsBeforeTheReasonOfItsEnd) {
  PictureQueue queue;
  queue.put(picture_of(10, true, 1), moment(1));
  queue.end_pictures(std::make_exception_ptr(Fault(Trouble::Lost, "gone")));
  EXPECT_TRUE(queue.take(TimePoint{}, {}));
  EXPECT_THROW(static_cast<void>(queue.take(TimePoint{}, {})), Fault);
}

TEST(PictureQueue, EndsAWaitAtAStop) {
  PictureQueue queue;
  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  EXPECT_FALSE(queue.take(std::chrono::steady_clock::now() + std::chrono::hours(1), stop.get_token()));
}

}  // namespace
}  // namespace freshframe::media::rtsp::test
