// The decoding of a live source without a network: keyframes alone, a decoder that starts later, and losses.
// SPDX-License-Identifier: Apache-2.0
#include "sources/network/decoding/live_decoding.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "cpp/media/files.hpp"
#include "cpp/sources/network/decoding/film.hpp"
#include "media/ffmpeg/write/video_codec.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

using namespace freshframe::media;  // NOLINT(google-build-using-namespace)

/// A frame that was returned, and the number of packets that were sent before.
struct ShownPicture {
  std::int64_t time = 0;
  Bytes luma;
  std::size_t behind = 0;
  bool damaged = false;
};

Bytes luma_of(const AVFrame& frame) {
  Bytes bytes;
  for (int y = 0; y < frame.height; ++y) {
    const auto* const row =
        reinterpret_cast<const char*>(frame.data[0]) + std::ptrdiff_t{y} * frame.linesize[0];
    bytes.insert(bytes.end(), row, row + frame.width);
  }
  return bytes;
}

/// A decoder, and the packets of a film that are sent to it.
struct Projector {
  Projector(const Film& shown, bool keys)
      : film(shown),
        decoder(*film.codec, film.time_base, {.low_delay = true}, none),
        decoding({.title = "'film'", .url = "film", .keys = keys, .leaves_out = keys}) {
    decoding.connect({.decoder = &decoder,
                      .counts_pictures = true,
                      .seconds =
                          [this](std::int64_t ticks) {
                            return std::optional(static_cast<double>(ticks) * av_q2d(film.time_base));
                          }},
                     film_time(0));
    decoding.wake({}, 1);
  }

  [[nodiscard]] ArrivedPacket arrived(std::size_t n, bool awake = false) const {
    return arrived_packet(film, n, awake);
  }
  void add(std::size_t n, bool awake = false) {
    const AvPacketPtr packet(av_packet_clone(film.packets[n].get()));
    decoding.add(*packet, arrived(n, awake), hand.context());
  }
  void leave_out(std::size_t n) {
    decoding.rest(hand.context());
    decoding.leave_out(*film.packets[n], arrived(n), hand.context());
    if (is_key_packet(film, n)) decoding.begin_stream();
  }
  /// Appends the images that are ready.
  void take(std::vector<ShownPicture>& shown, std::size_t behind) {
    while (const auto picture = decoding.next(hand.context()))
      shown.push_back(
          {picture->frame->best_effort_timestamp, luma_of(*picture->frame), behind, picture->damaged});
  }

  const Film& film;
  Dictionary none;
  Decoder decoder;
  LiveDecoding decoding;
  Hand hand;
};

/// Decodes as a source would. `awake`: for each packet, whether all frames are wanted.
std::vector<ShownPicture> shown_of(const Film& film, bool keys, const std::vector<bool>& awake = {}) {
  Projector projector(film, keys);
  std::vector<ShownPicture> shown;
  for (std::size_t n = 0; n < film.packets.size(); ++n) {
    projector.add(n, !awake.empty() && awake[n]);
    projector.take(shown, n);
  }
  projector.decoding.finish();
  projector.take(shown, film.packets.size());
  return shown;
}

struct Coding {
  std::string name;
  std::string codec;
  std::map<std::string, std::string> options;
};

class KeyPictures : public testing::TestWithParam<Coding> {
 protected:
  void SetUp() override {
    const auto& coding = GetParam();
    if (media::find_video_encoder(coding.codec) == nullptr) GTEST_SKIP() << "no encoder of " << coding.codec;
    write_video(folder_.file("a.mkv"), 120, {.codec = coding.codec, .options = coding.options});
    film_ = film_of(folder_.file("a.mkv"));
    all_ = shown_of(film_, false);
    for (const auto& one : all_) lumas_[one.time] = one.luma;
  }

  void expect_true_pictures(const std::vector<ShownPicture>& shown) const {
    for (std::size_t n = 0; n < shown.size(); ++n) {
      const auto found = lumas_.find(shown[n].time);
      ASSERT_NE(found, lumas_.end()) << shown[n].time;
      EXPECT_EQ(shown[n].luma, found->second) << shown[n].time;
      if (n > 0) {
        EXPECT_GT(shown[n].time, shown[n - 1].time);
      }
    }
  }

  /// Returns the time of the newest image that full decoding has returned after this packet.
  [[nodiscard]] std::int64_t newest_behind(std::size_t packet) const {
    std::int64_t newest = INT64_MIN;
    for (const auto& one : all_) {
      if (one.behind <= packet) newest = std::max(newest, one.time);
    }
    return newest;
  }

  /// Returns the time of the last keyframe up to this packet. Keyframes are decoded without delay.
  [[nodiscard]] std::int64_t key_before(std::size_t packet) const {
    while (!is_key_packet(film_, packet)) --packet;
    return film_.packets[packet]->pts;
  }

  /// Returns the number of the next key packet.
  [[nodiscard]] std::size_t key_from(std::size_t packet) const {
    while (!is_key_packet(film_, packet)) ++packet;
    return packet;
  }

  Folder folder_;
  Film film_;
  std::vector<ShownPicture> all_;
  std::map<std::int64_t, Bytes> lumas_;
};

TEST_P(KeyPictures, ComeBeforeTheNextPacketAndAreThoseOfFullDecoding) {
  const auto shown = shown_of(film_, true);
  expect_true_pictures(shown);
  std::size_t found = 0;
  for (std::size_t n = 0; n < film_.packets.size(); ++n) {
    if (!is_key_packet(film_, n)) continue;
    ASSERT_LT(found, shown.size());
    EXPECT_EQ(shown[found].behind, n);
    EXPECT_EQ(shown[found].time, film_.packets[n]->pts);
    ++found;
  }
  EXPECT_EQ(found, shown.size());
  EXPECT_GE(found, 5U);
}

TEST_P(KeyPictures, AreFollowedByTheNewestPictureAndAllOthersAfterAWake) {
  std::mt19937 random(3);
  for (int round = 0; round < 12; ++round) {
    const auto from = 1 + random() % 80;
    const auto to = from + 1 + random() % 30;
    std::vector<bool> awake(film_.packets.size(), false);
    std::fill(awake.begin() + static_cast<std::ptrdiff_t>(from),
              awake.begin() + static_cast<std::ptrdiff_t>(to), true);
    const auto shown = shown_of(film_, true, awake);
    expect_true_pictures(shown);
    const auto begin = is_key_packet(film_, from) ? from + 1 : from;  // a keyframe is decoded by itself
    const auto newest = std::max(newest_behind(begin), key_before(begin));
    const auto came = [&](auto time, std::size_t latest) {
      return std::ranges::any_of(
          shown, [&](const ShownPicture& one) { return one.time == time && one.behind <= latest; });
    };
    EXPECT_TRUE(came(newest, begin)) << from << " to " << to;
    for (const auto& one : all_) {
      if (one.behind <= begin || one.behind >= to || one.time <= newest) continue;
      EXPECT_TRUE(came(one.time, one.behind)) << from << " to " << to << ": " << one.time;
    }
  }
}

// ---- a decoder that starts later

TEST_P(KeyPictures, OfADecoderThatComesLaterBeginWithTheNewestAndNoneComesTwice) {
  for (const std::size_t after : {0U, 15U}) {
    const auto from = key_from(after) + 10;
    Projector projector(film_, false);
    std::vector<ShownPicture> shown;
    for (std::size_t n = 0; n < from; ++n) projector.leave_out(n);
    EXPECT_EQ(projector.hand.counters.source().snapshot(projector.hand.clock->now()).undecoded, from);
    std::size_t n = from;
    for (; n < from + 3; ++n) {
      projector.add(n);
      projector.take(shown, n);
    }
    const auto first = std::max(newest_behind(from), key_before(from));
    ASSERT_FALSE(shown.empty());
    EXPECT_EQ(shown.front().time, first) << from;
    EXPECT_EQ(shown.front().behind, from) << "at once";
    // later in the same group, after a pause
    for (; n < from + 5; ++n) projector.leave_out(n);
    for (; n < from + 16; ++n) {
      projector.add(n);
      projector.take(shown, n);
    }
    expect_true_pictures(shown);
    for (const auto& one : shown) EXPECT_FALSE(one.damaged) << one.time;
    EXPECT_FALSE(projector.decoding.catches_up());
  }
}

TEST_P(KeyPictures, OfAReplayAreNotWaitedForAtAStop) {
  for (const bool keys : {false, true}) {
    Projector projector(film_, keys);
    std::vector<ShownPicture> shown;
    for (std::size_t n = 0; n < 10; ++n) {
      keys ? projector.add(n) : projector.leave_out(n);
      projector.take(shown, n);
    }
    shown.clear();
    projector.add(10, true);
    EXPECT_TRUE(projector.decoding.catches_up());
    projector.hand.stop.request_stop();
    projector.take(shown, 10);
    EXPECT_TRUE(shown.empty());
    EXPECT_TRUE(projector.decoding.catches_up()) << "the rest of the replay was not decoded";
  }
}

INSTANTIATE_TEST_SUITE_P(
    Codecs, KeyPictures,
    testing::Values(
        Coding{"H264", "h264", {{"g", "20"}, {"bf", "0"}}},
        Coding{"H264WithBFrames", "h264", {{"g", "20"}, {"bf", "3"}, {"b_strategy", "0"}}},
        Coding{"H264WithOpenGroups",
               "h264",
               {{"x264-params", "open-gop=1:keyint=20:min-keyint=20:scenecut=0:bframes=3:b-adapt=0"}}},
        Coding{"H265", "h265", {{"x265-params", "keyint=20:min-keyint=20:bframes=3:log-level=error"}}},
        Coding{"Vp9", "vp9", {{"g", "20"}}}, Coding{"Mpeg4", "mpeg4", {{"g", "20"}, {"bf", "2"}}}),
    [](const auto& coding) { return coding.param.name; });

TEST(LiveDecodings, WithTooManyBytesWaitForTheNextKeyPicture) {
  const Folder folder;
  write_video(folder.file("a.mkv"), 45, {.codec = "mpeg4", .options = {{"g", "20"}, {"bf", "0"}}});
  const auto film = film_of(folder.file("a.mkv"));
  Projector projector(film, true);
  std::vector<ShownPicture> shown;
  projector.add(0);
  projector.take(shown, 0);
  const auto large = make_av_packet();
  require(av_new_packet(large.get(), static_cast<int>(Group::kMostBytes)));
  projector.decoding.add(*large, projector.arrived(1), projector.hand.context());
  for (const std::size_t n : {2U, 3U, 20U, 21U, 22U}) {
    projector.add(n, true);
    projector.take(shown, n);
  }
  std::vector<std::size_t> packets;
  for (const auto& one : shown) packets.push_back(one.behind);
  EXPECT_EQ(packets, (std::vector<std::size_t>{0, 20, 21, 22}));
}

TEST(LiveDecodings, MarkWhatALossDamagesAndCountWhatDidNotCome) {
  const Folder folder;
  write_video(folder.file("a.mkv"), 60, {.codec = "mpeg4", .options = {{"g", "20"}, {"bf", "0"}}});
  const auto film = film_of(folder.file("a.mkv"));
  Projector projector(film, false);
  std::vector<int> seqs;
  std::vector<int> damaged;
  for (std::size_t n = 0; n < film.packets.size(); ++n) {
    if (n == 30 || n == 31) continue;
    const AvPacketPtr packet(av_packet_clone(film.packets[n].get()));
    auto arrived = projector.arrived(n);
    if (n == 32) {
      arrived.notes.missing = 2;
      arrived.notes.picture.after_loss = true;
    }
    projector.decoding.add(*packet, arrived, projector.hand.context());
    while (const auto picture = projector.decoding.next(projector.hand.context())) {
      seqs.push_back(static_cast<int>(picture->seq));
      if (picture->damaged) damaged.push_back(static_cast<int>(picture->seq));
    }
  }
  auto expected = counting(60);
  expected.erase(expected.begin() + 30, expected.begin() + 32);
  EXPECT_EQ(seqs, expected);
  EXPECT_EQ(damaged, (std::vector<int>{32, 33, 34, 35, 36, 37, 38, 39}));
  EXPECT_EQ(projector.hand.counters.drops(NodeDropCause::Lost), 2U);
  EXPECT_EQ(projector.hand.damaged(), 0U);
}

}  // namespace
}  // namespace freshframe::test
