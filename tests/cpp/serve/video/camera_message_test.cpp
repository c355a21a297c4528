// Which messages of a page that sends its camera are valid, and that invalid ones are harmless.
// SPDX-License-Identifier: Apache-2.0
#include "serve/video/camera_message.hpp"

#include "freshframe/clock.hpp"

#include <bit>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/watch/feed.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

using core::FeedCodec;
using serve::CameraFault;
using serve::CameraFrame;
using serve::CameraRequest;
using serve::parse_camera_frame;
using serve::parse_camera_request;

template <class T>
void append_number(std::string& out, T number) {
  for (std::size_t i = 0; i < sizeof(T); ++i) out += static_cast<char>(number >> 8U * i & 255U);
}

std::string camera_frame(double pts = 1.5, double captured = 1e9, std::string_view body = "body") {
  std::string message("\x10\x01\0\0", 4);
  append_number(message, std::uint32_t{0x01020304});
  append_number(message, std::uint32_t{5});
  append_number(message, std::uint32_t{250});
  append_number(message, std::bit_cast<std::uint64_t>(pts));
  append_number(message, std::bit_cast<std::uint64_t>(captured));
  return message.append(body);
}

std::string reason_of(const std::string& text) {
  const auto parsed = parse_camera_request(text);
  const auto* const fault = std::get_if<CameraFault>(&parsed);
  return fault == nullptr ? "" : fault->reason;
}

std::string declaration(const std::string& codec, const std::string& width, const std::string& height) {
  return R"({"camera":{"codec":)" + codec + R"(,"width":)" + width + R"(,"height":)" + height + "}}";
}

TEST(CameraFrame, HasItsHeadBeforeItsBody) {
  const auto message = camera_frame();
  const auto frame = std::get<CameraFrame>(parse_camera_frame(message));
  EXPECT_EQ(frame.number, 0x01020304U);
  EXPECT_EQ(frame.skipped, 5U);
  EXPECT_DOUBLE_EQ(frame.error, 250e-6);
  EXPECT_EQ(frame.pts, 1.5);
  EXPECT_EQ(frame.captured, 1e9);
  EXPECT_EQ(frame.body, "body");
}

TEST(CameraFrame, IsRefusedWithoutABodyOrWithTimesThatAreNotFinite) {
  const auto is_refused = [](const std::string& message) {
    return std::holds_alternative<CameraFault>(parse_camera_frame(message));
  };
  EXPECT_FALSE(is_refused(camera_frame()));
  EXPECT_TRUE(is_refused(""));
  EXPECT_TRUE(is_refused(camera_frame(1, 1, "")));
  EXPECT_TRUE(is_refused("\x02" + camera_frame().substr(1)));
  for (const double time : {-1., std::nan(""), std::numeric_limits<double>::infinity(), 1e12}) {
    EXPECT_TRUE(is_refused(camera_frame(time))) << time;
    EXPECT_TRUE(is_refused(camera_frame(1, time))) << time;
  }
  EXPECT_TRUE(is_refused(camera_frame(1, 1, std::string(serve::kMaxCameraFrame - 31, ' '))));
  EXPECT_FALSE(is_refused(camera_frame(1, 1, std::string(serve::kMaxCameraFrame - 32, ' '))));
}

TEST(CameraFrame, IsNeverNewerThanItsArrivalNorOlderThanHalfAMinute) {
  EXPECT_EQ(serve::clamp_capture(99, 100), 99);
  EXPECT_EQ(serve::clamp_capture(101, 100), 100);
  EXPECT_EQ(serve::clamp_capture(1, 100), 70);
}

TEST(CameraRequest, IsRead) {
  const auto read = [](const std::string& text) {
    return std::get<CameraRequest>(parse_camera_request(text));
  };
  EXPECT_EQ(read(R"({"token":"abc"})").token, "abc");
  const auto wish = read(R"({"send":{"camera":"front","client":"id","take":true}})").send.value();
  EXPECT_EQ(wish.camera, "front");
  EXPECT_EQ(wish.client, "id");
  EXPECT_TRUE(wish.take);
  const auto camera = read(R"({"camera":{"codec":"avc1.42E01F","width":720,"height":1280,"fps":29.97,)"
                           R"("turn":90,"label":"a\nb","stamped":"captureTime"}})")
                          .camera.value();
  EXPECT_EQ(camera.feed.codec, FeedCodec::H264);
  EXPECT_EQ(camera.feed.width, 720);
  EXPECT_EQ(camera.feed.height, 1280);
  EXPECT_EQ(camera.feed.fps, 29.97);
  EXPECT_EQ(camera.feed.turn, 90);
  EXPECT_EQ(camera.label, "a b") << "a line of a log must stay one line";
  const auto escape = read(R"({"camera":{"codec":"vp8","width":64,"height":48,"label":"a\u009b2J\u00e9"}})");
  EXPECT_EQ(escape.camera->label, "a  2J\xC3\xA9") << "terminals obey U+009B";
  EXPECT_EQ(read(R"({"report":{"hidden":true}})").hidden, true);
  EXPECT_FALSE(read(R"({"report":{"sent":1}})").hidden);
  const auto news = read(R"({"time":5.5,"hidden":true,"state":"no_camera","message":"none","report":)"
                         R"({"sent":7,"round_trip":0.5,"missed":null,"failures":["vp09: slow"],"new":{}}})");
  EXPECT_EQ(news.time, 5.5);
  EXPECT_EQ(news.hidden, true);
  EXPECT_EQ(news.state.value().state, "no_camera");
  EXPECT_EQ(news.state.value().message, "none");
  EXPECT_EQ(news.report.value().sent, 7U);
  EXPECT_EQ(news.report.value().round_trip, 0.5);
  EXPECT_EQ(news.report.value().missed, 0U);
  EXPECT_EQ(news.report.value().failures.size(), 1U);
}

TEST(CameraRequest, ParsesTheCodecNamesOfBrowsers) {
  const auto codec = [](const std::string& name) {
    const auto text = declaration("\"" + name + "\"", "64", "64");
    return std::get<CameraRequest>(parse_camera_request(text)).camera.value().feed.codec;
  };
  EXPECT_EQ(codec("avc1.42001f"), FeedCodec::H264);
  EXPECT_EQ(codec("vp8"), FeedCodec::Vp8);
  EXPECT_EQ(codec("vp09.00.10.08"), FeedCodec::Vp9);
  EXPECT_EQ(codec("jpeg"), FeedCodec::Mjpeg);
}

TEST(CameraRequest, RefusesOtherCodecsAndSizesAndListsTheValidOnes) {
  for (const auto* const codec : {"\"hev1.1\"", "\"av01\"", "\"avc1x\"", "\"../vp8\"", "1", "null", "[]"}) {
    EXPECT_EQ(reason_of(declaration(codec, "64", "64")), "the codec must be H.264, VP8, VP9 or JPEG")
        << codec;
  }
  for (const auto* const side : {"15", "1921", "-64", "64.0", "1e3", "\"64\"", "null", "true",
                                 "18446744073709551615", "1000000000000000000000000000000"}) {
    EXPECT_NE(reason_of(declaration("\"vp8\"", side, "64")).find("1920x1088"), std::string::npos) << side;
    EXPECT_NE(reason_of(declaration("\"vp8\"", "64", side)).find("1920x1088"), std::string::npos) << side;
  }
  EXPECT_EQ(reason_of(declaration("\"vp8\"", "1920", "1088")), "");
  EXPECT_EQ(reason_of(declaration("\"vp8\"", "1088", "1920")), "");
  EXPECT_NE(reason_of(declaration("\"vp8\"", "1920", "1089")), "");
}

TEST(CameraRequest, IsReadStrictly) {
  for (const auto* const bad : {"",
                                "1",
                                "{}",
                                "nonsense",
                                R"({"token":1})",
                                R"({"token":"a","time":1})",
                                R"({"send":{}})",
                                R"({"send":{"camera":1}})",
                                R"({"send":{"camera":"a","take":1}})",
                                R"({"send":{"camera":"a","more":1}})",
                                R"({"send":{"camera":"a"},"time":1})",
                                R"({"camera":1})",
                                R"({"camera":{"codec":"vp8","width":64,"height":64,"turn":45}})",
                                R"({"camera":{"codec":"vp8","width":64,"height":64,"turn":90.5}})",
                                R"({"camera":{"codec":"vp8","width":64,"height":64,"fps":-1}})",
                                R"({"camera":{"codec":"vp8","width":64,"height":64,"more":1}})",
                                R"({"camera":{"codec":"vp8","width":64,"width":64,"height":64}})",
                                R"({"time":"now"})",
                                R"({"time":-1})",
                                R"({"time":1e300})",
                                R"({"time":1,"time":2})",
                                R"({"message":"without a state"})",
                                R"({"state":"Live"})",
                                R"({"state":""})",
                                R"({"state":"live","message":1})",
                                R"({"hidden":1})",
                                R"({"report":1})",
                                R"({"report":{"sent":-1}})",
                                R"({"report":{"sent":1e300}})",
                                R"({"report":{"failures":[1]}})",
                                R"({"report":{"failures":["","","","","","","","",""]}})",
                                R"({"more":1})"}) {
    EXPECT_EQ(reason_of(bad), "this is not a message of a page that sends a camera") << bad;
  }
  EXPECT_EQ(reason_of(R"({"token":")" + std::string(serve::kMaxCameraText, 'a') + "\"}"),
            "a string must have at most 8192 bytes");
  EXPECT_NE(reason_of(std::string(serve::kMaxCameraText, '[')), "");
}

/// Returns how many frames of this size are allowed at the same moment.
int count_allowed(const core::FeedCamera& camera, std::optional<double> wanted, std::size_t size) {
  serve::FrameAllowance allowance;
  allowance.declare(camera, wanted);
  int count = 0;
  while (count < 10'000 && allowance.count(size, TimePoint(std::chrono::hours(1)))) ++count;
  return count;
}

TEST(FrameAllowance, IsTwiceTheRateOverTwoSecondsAndABurst) {
  constexpr std::size_t kSmall = 100;
  EXPECT_EQ(count_allowed({.width = 1280, .height = 720, .fps = 15}, 30, kSmall), 2 * 30 * 2 + 16);
  EXPECT_EQ(count_allowed({.width = 1280, .height = 720, .fps = 30}, 5, kSmall), 2 * 30 * 2 + 16)
      << "a camera may be faster than the source asked for";
  EXPECT_EQ(count_allowed({.width = 1280, .height = 720, .fps = 15}, std::nullopt, kSmall), 2 * 15 * 2 + 16);
  EXPECT_EQ(count_allowed({.width = 1280, .height = 720}, std::nullopt, kSmall), 2 * 30 * 2 + 16);
  EXPECT_EQ(count_allowed({.width = 1280, .height = 720, .fps = 1000}, std::nullopt, kSmall),
            2 * 60 * 2 + 16);
}

TEST(FrameAllowance, LimitsBytesByTheSizeOfTheImage) {
  constexpr std::size_t kLarge = 1U << 20U;
  const core::FeedCamera video{.codec = FeedCodec::Vp8, .width = 1280, .height = 720, .fps = 30};
  EXPECT_EQ(count_allowed(video, 30, kLarge), 6) << "2.5 MB in two seconds, and the two largest messages";
  auto jpeg = video;
  jpeg.codec = FeedCodec::Mjpeg;
  EXPECT_EQ(count_allowed(jpeg, 30, kLarge), 30);
}

TEST(FrameAllowance, BeginsAgainAfterTwoSeconds) {
  serve::FrameAllowance allowance;
  allowance.declare({.width = 64, .height = 48, .fps = 1}, 1);
  const auto start = TimePoint(std::chrono::hours(1));
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(allowance.count(1, start));
  EXPECT_FALSE(allowance.count(1, start));
  EXPECT_TRUE(allowance.count(1, start + std::chrono::seconds(3)));
}

/// Changes a few bytes of a message as a broken or hostile page would.
class Mutation {
 public:
  std::string operator()(std::string bytes) {
    for (auto rounds = 1U << below(6); rounds > 0 && !bytes.empty(); --rounds) {
      const auto at = below(bytes.size());
      switch (below(6)) {
        case 0:
          bytes[at] = static_cast<char>(bytes[at] ^ 1 << below(8));
          break;
        case 1:
          bytes[at] = "\x00\xFF\x7F\x80\"{[}],:\\e-9"[below(16)];
          break;
        case 2:
          bytes.erase(at, 1 + below(16));
          break;
        case 3:
          bytes.insert(at, bytes, below(bytes.size()), below(32));
          break;
        case 4:
          bytes.insert(at, 1 + below(8), static_cast<char>(below(256)));
          break;
        default:
          bytes.resize(at);
      }
    }
    return bytes;
  }
  std::size_t below(std::size_t most) { return random_() % most; }

 private:
  std::mt19937 random_{7};  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same messages in each run
};

void expect_limits(const CameraRequest& request) {
  if (request.camera) {
    const auto& camera = request.camera->feed;
    ASSERT_GE(camera.width, 16);
    ASSERT_GE(camera.height, 16);
    ASSERT_LE(camera.width * camera.height, core::kMostFeedPixels);
    ASSERT_LE(request.camera->label.size(), 64U);
  }
  ASSERT_TRUE(std::isfinite(request.time.value_or(0)));
  ASSERT_LE(request.state.value_or(serve::CameraState()).message.size(), 200U);
}

TEST(CameraMessages, AreReadOrRefusedWhateverTheyContain) {
  const std::vector<std::string> texts = {
      R"({"token":"abcdefghijklmnop"})", R"({"send":{"camera":"front","client":"id","take":false}})",
      R"({"camera":{"codec":"avc1.42E01F","width":1280,"height":720,"fps":30,"turn":0,"label":"a"}})",
      R"({"time":123.5,"state":"live","message":"","hidden":false,"report":{"sent":1,"failures":["a"]}})"};
  Mutation mutate;
  std::size_t good = 0;
  for (int i = 0; i < 50'000; ++i) {
    if (i % 2 == 0) {
      const auto message = mutate(camera_frame());
      const auto parsed = parse_camera_frame(message);
      const auto* const frame = std::get_if<CameraFrame>(&parsed);
      if (frame == nullptr) continue;
      ++good;
      ASSERT_TRUE(frame->pts >= 0 && frame->pts <= 1e9 && frame->captured >= 0);
      ASSERT_FALSE(frame->body.empty());
      continue;
    }
    const auto parsed = parse_camera_request(mutate(texts[mutate.below(texts.size())]));
    if (const auto* const request = std::get_if<CameraRequest>(&parsed)) {
      ++good;
      expect_limits(*request);
    }
  }
  EXPECT_GT(good, 1000U) << "most mutations must not be refused at the first byte";
}

}  // namespace
}  // namespace freshframe::test
