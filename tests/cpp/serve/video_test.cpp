// The next message of a view of /api/video, which frames are skipped, and the encoding of the messages.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <deque>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "serve/video/results_json.hpp"
#include "serve/video/video_mail.hpp"
#include "serve/video/video_message.hpp"
#include "serve/video/video_ring.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

using serve::VideoCursor;
using serve::VideoMessage;
using serve::VideoRing;

/// Adds ten images per second, every `group`-th of them a keyframe.
class Stream {
 public:
  explicit Stream(int group) : group_(group) {}

  void add(VideoRing& ring, int count = 1) {
    for (; count > 0; --count) {
      const unsigned flags = number_ % group_ == 0 ? VideoMessage::kKey : 0U;
      ring.add(std::make_shared<const VideoMessage>(VideoMessage{.flags = flags, .pts = number_ / 10.0}));
      ++number_;
    }
  }

 private:
  int group_;
  int number_ = 0;
};

std::vector<double> all_of(VideoCursor& place, const VideoRing& ring, bool acknowledges = true) {
  std::vector<double> sent;
  while (const auto step = place.next(ring, ring.newest())) {
    sent.push_back(step->picture->pts);
    if (acknowledges) place.acknowledge(step->picture->pts, ring.newest());
  }
  return sent;
}

using Sent = std::vector<double>;

TEST(VideoCursor, BeginsAtTheLastKeyPictureAndMarksWhatIsLate) {
  VideoRing ring;
  Stream stream(5);
  stream.add(ring, 8);
  VideoCursor place;
  place.begin_at(ring);
  EXPECT_EQ(place.next(ring, ring.newest())->flags, VideoMessage::kLate);
  EXPECT_EQ(place.next(ring, ring.newest())->picture->pts, 0.6);
  EXPECT_EQ(place.next(ring, ring.newest())->flags, 0U);
  EXPECT_FALSE(place.next(ring, ring.newest()));
  EXPECT_EQ(place.left_out(ring), 0U);
}

TEST(VideoCursor, LeavesPicturesOutUpToAKeyPictureWhereNothingIsAcknowledged) {
  VideoRing ring;
  Stream stream(10);
  stream.add(ring);
  VideoCursor place;
  place.begin_at(ring);
  const auto first = place.next(ring, ring.newest());
  for (int i = 0; i < 30; ++i) {
    stream.add(ring);
    (void)place.next(ring, ring.newest());
  }
  EXPECT_EQ(*place.sent_pts(), 1.0);  // stops one second after the first
  EXPECT_EQ(place.left_out(ring), 20U);
  place.acknowledge(1.0, ring.newest());
  const auto next = place.next(ring, ring.newest());
  ASSERT_TRUE(next);
  EXPECT_EQ(next->picture->pts, 3.0);
  EXPECT_EQ(next->flags, VideoMessage::kGap);
  EXPECT_EQ(place.left_out(ring), 19U);
}

TEST(VideoCursor, ContinuesImmediatelyAtTheLastKeyframeAfterAStall) {
  VideoRing ring;
  Stream stream(20);
  stream.add(ring);
  VideoCursor place;
  place.begin_at(ring);
  (void)all_of(place, ring);
  stream.add(ring, 25);
  (void)all_of(place, ring, false);
  stream.add(ring);
  EXPECT_FALSE(place.next(ring, ring.newest()));
  place.acknowledge(*place.sent_pts(), ring.newest());
  EXPECT_EQ(all_of(place, ring), (Sent{2.0, 2.1, 2.2, 2.3, 2.4, 2.5, 2.6}));
}

TEST(VideoCursor, GetsKeyPicturesAloneOverALinkThatFallsBehindAgainAndAgain) {
  VideoRing ring;
  Stream stream(10);
  stream.add(ring);
  VideoCursor place;
  place.begin_at(ring);
  std::vector<double> late;  // images in flight; acknowledged half as fast as they are sent
  int sent = 0;
  int keys = 0;
  for (int i = 0; i < 300; ++i) {
    stream.add(ring);
    while (const auto step = place.next(ring, ring.newest())) {
      late.push_back(step->picture->pts);
      if (place.gets_keys_only()) {
        ++sent;
        keys += step->picture->is_key() ? 1 : 0;
      }
    }
    if (i % 2 == 0 && !late.empty()) {
      place.acknowledge(late.front(), ring.newest());
      late.erase(late.begin());
    }
  }
  EXPECT_GT(keys, 5);
  EXPECT_EQ(sent, keys);
  EXPECT_GT(place.left_out(ring), 100U);
}

TEST(VideoCursor, HasAQuarterOfASecondOnItsWayAndWhatAcknowledgementsAreLate) {
  for (const int late : {0, 2}) {
    VideoRing ring;
    Stream stream(100);
    VideoCursor place;
    stream.add(ring);
    place.begin_at(ring);
    for (int i = 0; i < 30; ++i) {
      (void)all_of(place, ring, false);
      if (i >= late) place.acknowledge((i - late) / 10.0, (i + 1) / 10.0);
      stream.add(ring);
    }
    (void)all_of(place, ring, false);
    stream.add(ring, 6);
    EXPECT_EQ(all_of(place, ring, false), (Sent{3.1, 3.2})) << late;
    place.acknowledge(*place.sent_pts(), ring.newest());
    EXPECT_EQ(all_of(place, ring), (Sent{3.3, 3.4, 3.5, 3.6})) << late;
    EXPECT_EQ(place.left_out(ring), 0U) << late;
  }
}

TEST(VideoCursor, OfAFarPageKeepsItsWindowAfterAPauseOfTheCamera) {
  constexpr int kTrip = 7;  // frame intervals
  VideoRing ring;
  Stream stream(10);
  VideoCursor place;
  stream.add(ring);
  place.begin_at(ring);
  std::vector<Sent> sent;  // images sent in each frame interval
  std::uint64_t left_out = 0;
  for (int i = 0; i < 300; ++i) {
    const double now = i / 10.0;
    sent.emplace_back();
    if (i >= kTrip) {
      for (const double pts : sent[static_cast<std::size_t>(i - kTrip)]) place.acknowledge(pts, now);
    }
    const bool pauses = i >= 50 && i < 60;
    for (int come = pauses ? 0 : i == 60 ? 11 : 1; come > 0; --come) {
      stream.add(ring);
      while (const auto step = place.next(ring, now)) sent.back().push_back(step->picture->pts);
    }
    if (i == 100) left_out = place.left_out(ring);
  }
  EXPECT_EQ(place.left_out(ring), left_out);
  EXPECT_NEAR(*place.sent_pts(), ring.newest(), 1e-9);
}

TEST(VideoCursor, WorksOffALongGroupOverALinkOfThreeTimesTheRate) {
  VideoRing ring;
  Stream stream(100);
  stream.add(ring, 60);
  VideoCursor place;
  place.begin_at(ring);
  Sent sent;
  std::size_t arrived = 0;
  for (int i = 0; i < 35; ++i) {
    for (const double pts : all_of(place, ring, false)) sent.push_back(pts);
    arrived = std::min(arrived + 3, sent.size());
    place.acknowledge(sent[arrived - 1], ring.newest());
    stream.add(ring);
  }
  EXPECT_EQ(place.left_out(ring), 0U);
  EXPECT_NEAR(*place.sent_pts(), ring.newest(), 0.2);
}

/// A link with a buffer that holds everything: the sender never waits. All times in seconds.
struct SlowLink {
  double rate = 1;     // of the stream's bytes
  double trip = 0;     // there and back
  double group = 2;    // between keyframes
  double begins = .5;  // after the keyframe, when the viewer joins
  double longest = 0;  // from sending a frame to its arrival
  std::uint64_t left_out = 0;

  /// Shows 15 frames per second for some seconds. A keyframe has as many bytes as six others.
  void run(VideoCursor place, double seconds) {
    VideoRing ring;
    const int count = static_cast<int>(group * 15);
    int number = 0;
    const auto add = [&](double until) {
      for (; number / 15.0 <= until; ++number) {
        const bool is_key = number % count == 0;
        ring.add(
            std::make_shared<const VideoMessage>(VideoMessage{.flags = is_key ? VideoMessage::kKey : 0U,
                                                              .pts = number / 15.0,
                                                              .body = std::string(is_key ? 6 : 1, ' ')}));
      }
    };
    const double bytes_per_second = (count + 5) / group * rate;
    std::deque<std::pair<double, double>> acknowledged;  // pts and when
    double free = 0;                                     // when the link has sent everything
    add(begins);
    place.begin_at(ring);
    for (int turn = 0; turn * .005 < seconds; ++turn) {
      const double now = begins + turn * .005;
      add(now);
      for (; !acknowledged.empty() && acknowledged.front().second <= now; acknowledged.pop_front())
        place.acknowledge(acknowledged.front().first, now);
      while (const auto step = place.next(ring, now)) {
        free = std::max(free, now) + static_cast<double>(step->picture->body.size()) / bytes_per_second;
        longest = std::max(longest, free + trip / 2 - now);
        acknowledged.emplace_back(step->picture->pts, free + trip);
      }
    }
    left_out = place.left_out(ring);
  }
};

TEST(VideoCursor, OverALinkOfHalfTheRateAFrameIsOnItsWayForLittleMoreThanASecond) {
  for (const double begins : {.1, .5, 1., 1.9}) {
    SlowLink link{.rate = .5, .trip = .05, .begins = begins};
    link.run(VideoCursor(link.trip), 1.8);
    EXPECT_LT(link.longest, 1.3) << begins;  // half of it is the keyframe's
  }
}

TEST(VideoCursor, OfAFarPageCatchesUpWithALongGroup) {
  for (const double trip : {.02, .1, .2}) {
    SlowLink link{.rate = 50, .trip = trip, .group = 10, .begins = 9};
    link.run(VideoCursor(link.trip), 20);
    EXPECT_EQ(link.left_out, 0U) << trip;
  }
}

TEST(VideoCursor, OfAStreamWithAPictureInTwoSecondsIsNotBehind) {
  VideoRing ring;
  VideoCursor place;
  const auto add = [&ring](double pts, unsigned flags) {
    ring.add(std::make_shared<const VideoMessage>(VideoMessage{.flags = flags, .pts = pts}));
  };
  add(0, VideoMessage::kKey);
  place.begin_at(ring);
  EXPECT_EQ(all_of(place, ring), (Sent{0}));
  for (int i = 1; i < 5; ++i) {
    add(2.0 * i, 0);
    EXPECT_EQ(all_of(place, ring), (Sent{2.0 * i}));
  }
  EXPECT_EQ(place.left_out(ring), 0U);
}

TEST(VideoCursor, ThatTheRingHasForgottenGoesOnWhereItCan) {
  VideoRing ring;
  Stream stream(2);
  stream.add(ring);
  VideoCursor place;
  place.begin_at(ring);
  EXPECT_EQ(all_of(place, ring), (Sent{0}));
  stream.add(ring, 100);
  const auto next = place.next(ring, ring.newest());
  ASSERT_TRUE(next);
  EXPECT_TRUE(next->picture->is_key());
  EXPECT_EQ(next->picture->pts, 10.0);
  EXPECT_EQ(place.left_out(ring), 99U);
}

TEST(VideoCursor, BelievesNoAcknowledgementOfAPictureThatWasNotSent) {
  VideoRing ring;
  Stream stream(10);
  stream.add(ring);
  VideoCursor place;
  place.begin_at(ring);
  (void)place.next(ring, ring.newest());
  place.acknowledge(1e9, ring.newest());
  EXPECT_FALSE(place.has_all_acknowledged());
}

TEST(VideoRing, HoldsTheLastSecondFromAKeyPictureOn) {
  VideoRing ring;
  Stream stream(5);
  stream.add(ring, 100);
  EXPECT_EQ(ring.end_place() - ring.first_place(), 15U);
  EXPECT_TRUE(ring.at(ring.first_place())->is_key());
  EXPECT_EQ(ring.at(ring.last_key())->pts, 9.5);
}

/// Ten images per second, of 10 bytes each. Every `group`-th is a keyframe, which has 110 bytes more.
VideoRing ring_of(int pictures, int group) {
  VideoRing ring;
  for (int number = 0; number < pictures; ++number) {
    const bool is_key = number % group == 0;
    ring.add(std::make_shared<const VideoMessage>(VideoMessage{.flags = is_key ? VideoMessage::kKey : 0U,
                                                               .pts = number / 10.0,
                                                               .body = std::string(is_key ? 120 : 10, ' ')}));
  }
  return ring;
}

TEST(VideoRing, HasTheRateOfItsWholeGroups) {
  EXPECT_NEAR(ring_of(28, 10).rate().value_or(0), 210, 1e-6) << "two keyframes in 1.8 s";
  EXPECT_NEAR(ring_of(57, 50).rate().value_or(0), 122, 1e-6);
}

TEST(VideoRing, HasTheRateOfWhatThereIsBeforeItsFirstGroupIsWhole) {
  EXPECT_NEAR(ring_of(21, 50).rate().value_or(0), (120 + 19 * 10) / 2., 1e-6);
  EXPECT_EQ(ring_of(5, 50).rate(), std::nullopt);
  EXPECT_EQ(VideoRing().rate(), std::nullopt);
}

TEST(VideoHead, EncodesTheElapsedTime) {
  const auto elapsed = [](double seconds) {
    return serve::format_video_head({.kind = VideoMessage::Kind::Jpeg, .elapsed = seconds}, 0, 0, 0)
        .substr(12, 4);
  };
  EXPECT_EQ(elapsed(.066051), std::string("\x03\x02\x01\0", 4));
  EXPECT_EQ(elapsed(-1), std::string(4, '\0'));
  EXPECT_EQ(elapsed(1e9), "\xFF\xFF\xFF\xFF");
}

TEST(VideoHead, HasThirtyTwoBytesAtTheirPlaces) {
  const VideoMessage message{.kind = VideoMessage::Kind::Picture,
                             .flags = VideoMessage::kKey,
                             .pts = 1.5,
                             .captured = -2,
                             .sample_size = 0x01020304};
  const auto head = format_video_head(message, 0x0506, 0x0708090A, VideoMessage::kLate);
  const std::string expected(
      "\x02\x09\x06\x05\x0A\x09\x08\x07\x04\x03\x02\x01\0\0\0\0\0\0\0\0\0\0\xF8\x3F\0\0\0\0\0\0\0\xC0", 32);
  EXPECT_EQ(head, expected);
}

TEST(VideoRequest, IsReadStrictly) {
  const auto good = serve::parse_video_request(
      R"({"watch":[{"id":7,"port":"a","mode":"jpeg","width":640},{"id":8,"port":"b"}]})");
  ASSERT_TRUE(good);
  ASSERT_EQ(good->watch.size(), 2U);
  EXPECT_EQ(good->watch[0].id, 7);
  EXPECT_EQ(good->watch[0].mode, serve::WatchWish::Mode::Jpeg);
  EXPECT_EQ(good->watch[0].width, 640);
  EXPECT_EQ(good->watch[1].mode, serve::WatchWish::Mode::Auto);
  const auto acks = serve::parse_video_request(R"({"ack":{"0":1.5,"65535":2},"time":3})");
  ASSERT_TRUE(acks);
  EXPECT_EQ(acks->acks.at(0), 1.5);
  EXPECT_EQ(acks->acks.at(65535), 2);
  EXPECT_EQ(acks->time, 3);
  for (const auto* const bad : {"",
                                "1",
                                "{}",
                                R"({"watch":1})",
                                R"({"watch":[1]})",
                                R"({"watch":[{"id":0}]})",
                                R"({"watch":[{"id":70000,"port":"a"}]})",
                                R"({"watch":[{"id":1.5,"port":"a"}]})",
                                R"({"watch":[{"id":0,"port":"a"},{"id":0,"port":"b"}]})",
                                R"({"watch":[{"id":0,"port":"a","x":1}]})",
                                R"({"watch":[{"id":0,"port":"a","mode":"mse"}]})",
                                R"({"watch":[{"id":0,"port":"a","width":1}]})",
                                R"({"watch":[],"token":"a"})",
                                R"({"ack":{"x":1}})",
                                R"({"ack":{"-1":1}})",
                                R"({"ack":{"0":"1"}})",
                                R"({"ack":{},"ack":{}})",
                                R"({"ack":{"00":1}})",
                                R"({"ack":{"1":1,"1":2}})",
                                R"({"ack":{"+1":1}})",
                                R"({"watch":[{"id":0,"port":"a","port":"b"}]})",
                                R"({"ack":{},"time":"now"})",
                                R"({"ack":{},"more":1})",
                                R"({"token":1})"}) {
    EXPECT_FALSE(serve::parse_video_request(bad)) << bad;
  }
}

TEST(ResultsJson, HasEighthsOfAPixelAndNamesOnce) {
  const auto names =
      std::make_shared<const std::vector<std::string>>(std::vector<std::string>{"cat", "<dog>"});
  Detections found{.boxes = {{1, 2.5, 3, 4.125, 0.25, 1}}, .names = names, .ids = {9}, .tracked = true};
  found.data.push_back({"plate", std::vector<std::string>{"AB"}, {}});
  serve::ResultsJson results;
  const auto value = ValueRef::make(found);
  EXPECT_EQ(results.write({.seq = 4}, value).value(),
            R"({"seq":4,"boxes":[8,20,24,33],"classes":[1],"scores":[250],"ids":[9],)"
            R"("names":["cat","\u003cdog\u003e"],"columns":{"plate":["AB"]}})");
  EXPECT_EQ(results.write({.seq = 5}, value)->find("names"), std::string::npos);
  const Circles circles{.circles = {{10, 20, 5, 1}}, .ids = {}};
  EXPECT_EQ(results.write({}, ValueRef::make(circles)).value(),
            R"({"seq":0,"circles":[84,164,40],"scores":[1000]})");
  EXPECT_FALSE(results.write({}, ValueRef::make(1.5)));
}

TEST(ResultsJson, HasTheSizeOfTheImage) {
  serve::ResultsJson results;
  const auto value = ValueRef::make(Circles{});
  EXPECT_EQ(results.write({}, value, {640, 360}).value(),
            R"({"seq":0,"size":[640,360],"circles":[],"scores":[]})");
  EXPECT_EQ(results.write({}, value)->find("size"), std::string::npos);
}

TEST(ResultsJson, HasTheCornersOfTurnedBoxes) {
  Detections found{.boxes = {{0, 0, 4, 4, 1, 0}, {8, 8, 9, 9, 1, 0}}};
  const std::vector<float> corners{2, 0, 4, 2, 2, 4, 0, 2.5, NAN, 0, 1, 0, 1, 1, 0, 1};
  found.data.push_back({"corners", corners, {4, 2}});
  serve::ResultsJson results;
  const auto body = results.write({}, ValueRef::make(found)).value();
  EXPECT_NE(body.find(R"("corners":[16,0,32,16,16,32,0,20,null,0,8,0,8,8,0,8])"), std::string::npos) << body;
  found.data.front().shape = {8};
  EXPECT_EQ(results.write({}, ValueRef::make(found))->find("corners"), std::string::npos);
}

TEST(Bell, CallsOnceUntilItIsQuiet) {
  serve::Bell bell;
  int calls = 0;
  bell.answer_by([&] { ++calls; });
  for (int i = 0; i < 3; ++i) bell.ring();
  EXPECT_EQ(calls, 1);
  bell.quiet();
  EXPECT_EQ(calls, 1);
  bell.ring();
  EXPECT_EQ(calls, 2);
}

TEST(Bell, CallsForARingBeforeThereWasAnAnswer) {
  serve::Bell bell;
  bell.ring();
  int calls = 0;
  bell.answer_by([&] { ++calls; });
  EXPECT_EQ(calls, 1);
}

TEST(Bell, CallsNobodyAfterTheEnd) {
  serve::Bell bell;
  int calls = 0;
  bell.answer_by([&] { ++calls; });
  bell.answer_by({});
  bell.ring();
  EXPECT_EQ(calls, 0);
}

TEST(Bell, TriesAgainAfterAnAnswerThatFailed) {
  serve::Bell bell;
  int calls = 0;
  bell.answer_by([&] {
    if (++calls == 1) throw std::bad_alloc();
  });
  bell.ring();
  bell.ring();
  EXPECT_EQ(calls, 2);
}

}  // namespace
}  // namespace freshframe::test
