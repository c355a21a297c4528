// Image sequences: which files, in which order, and the effect of a missing or corrupt one.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/media.hpp"
#include "freshframe/pipeline.hpp"

#include <algorithm>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "cpp/media/files.hpp"
#include "cpp/support.hpp"
#include "media/url/picture_list.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {

using namespace freshframe::media;  // NOLINT(google-build-using-namespace)

namespace {

/// A sequence of images that show their number.
class MediaSequence : public ::testing::Test {
 protected:
  void write(const std::string& name, int number) const {
    write_frame(numbered_frame(number), folder_.file(name));
  }
  void write_pngs(const std::vector<int>& numbers) const {
    for (const int number : numbers) write(std::to_string(number) + ".png", number);
  }
  [[nodiscard]] std::string in(const std::string& name) const { return folder_.file(name); }

  Folder folder_;
};

struct Stamps {
  std::vector<int> numbers;
  std::vector<std::int64_t> seqs;
  std::vector<double> pts;
  std::uint64_t lost = 0;
};

Stamps stamps(const std::string& url, const OpenOptions& options = {}, std::size_t most = 1000) {
  Hand hand;
  const auto source = open(url, options);
  source->open(hand.context());
  Stamps all;
  while (all.numbers.size() < most) {
    const auto item = source->read(hand.context());
    if (!item) break;
    all.numbers.push_back(number_of(item->value));
    all.seqs.push_back(item->seq.value_or(-1));
    all.pts.push_back(item->pts);
  }
  all.lost = hand.damaged();
  return all;
}

std::string refused_sequence(const std::string& url, const OpenOptions& options = {}) {
  Hand hand;
  const auto source = open(url, options);
  return message_of<SourceError>([&] { source->open(hand.context()); });
}

TEST_F(MediaSequence, AFolderIsReadInNaturalOrder) {
  write_pngs({10, 9, 1, 100, 2});
  const auto all = stamps(in(""));
  EXPECT_EQ(all.numbers, (std::vector<int>{1, 2, 9, 10, 100}));
  EXPECT_EQ(all.seqs, (std::vector<std::int64_t>{0, 1, 2, 3, 4}));
  EXPECT_EQ(all.pts, (std::vector<double>{0, 0.04, 0.08, 0.12, 0.16}));
  EXPECT_EQ(all.lost, 0U) << "in a folder numbers give the order only";
}

TEST_F(MediaSequence, AFolderGivesItsPicturesOnly) {
  write("a.PNG", 1);
  write("b.jpeg", 2);
  write(".hidden.png", 3);
  write_bytes(in("notes.txt"), {'x'});
  write_bytes(in("data.json"), {'{', '}'});
  std::filesystem::create_directory(in("c.png"));
  EXPECT_EQ(stamps(in("")).numbers, (std::vector<int>{1, 2}));
}

TEST_F(MediaSequence, AGlobGivesWhatMatches) {
  write("left_2.png", 2);
  write("left_10.png", 10);
  write("right_1.png", 1);
  write_bytes(in("left_3.txt"), {'x'});
  EXPECT_EQ(stamps(in("left_*")).numbers, (std::vector<int>{2, 10}));
  EXPECT_EQ(stamps(in("*_[12].png")).numbers, (std::vector<int>{2, 1}));
}

TEST_F(MediaSequence, NumbersStartWhereTheyStart) {
  for (int number = 998; number <= 1002; ++number) {
    const auto text = std::to_string(number);
    write("img_" + std::string(4 - std::min<std::size_t>(text.size(), 4), '0') + text + ".png", number);
  }
  const auto all = stamps(in("img_%04d.png"), {.fps = 10});
  EXPECT_EQ(all.numbers, (std::vector<int>{998, 999, 1000, 1001, 1002}));
  EXPECT_EQ(all.pts.back(), 0.4);
  EXPECT_EQ(all.seqs.front(), 0);
  EXPECT_EQ(all.lost, 0U);
}

TEST_F(MediaSequence, AMissingNumberLeavesItsPlaceAndCountsAsLost) {
  write_pngs({3, 4, 7, 8});
  const auto all = stamps(in("%d.png"));
  EXPECT_EQ(all.numbers, (std::vector<int>{3, 4, 7, 8}));
  EXPECT_EQ(all.seqs, (std::vector<std::int64_t>{0, 1, 4, 5}));
  EXPECT_EQ(all.pts, (std::vector<double>{0, 0.04, 0.16, 0.2}));
  EXPECT_EQ(all.lost, 2U);
}

TEST_F(MediaSequence, NumbersInStepsMissNothing) {
  write_pngs({20, 30, 50, 10});
  const auto all = stamps(in("%d.png"));
  EXPECT_EQ(all.numbers, (std::vector<int>{10, 20, 30, 50}));
  EXPECT_EQ(all.seqs, (std::vector<std::int64_t>{0, 1, 2, 4}));
  EXPECT_EQ(all.lost, 1U) << "40";
}

TEST_F(MediaSequence, ABrokenPictureCostsItself) {
  write_pngs({0, 1, 2, 3, 4});
  write_bytes(in("0.png"), {});
  auto bytes = read_bytes(in("2.png"));
  bytes.resize(bytes.size() / 2);
  write_bytes(in("2.png"), bytes);
  for (const std::string name : {"%d.png", "", "*.png"}) {
    const auto all = stamps(in(name));
    EXPECT_EQ(all.numbers, (std::vector<int>{1, 3, 4})) << name;
    EXPECT_EQ(all.seqs, (std::vector<std::int64_t>{1, 3, 4})) << name;
    EXPECT_EQ(all.lost, 2U) << name;
  }
}

TEST_F(MediaSequence, APictureThatGoesAwayMeanwhileCostsItself) {
  write_pngs({0, 1, 2});
  Hand hand;
  const auto source = open(in("%d.png"));
  source->open(hand.context());
  std::filesystem::remove(in("1.png"));
  EXPECT_EQ(source->read(hand.context())->seq, 0);
  EXPECT_EQ(source->read(hand.context())->seq, 2);
  EXPECT_FALSE(source->read(hand.context()));
  EXPECT_EQ(hand.damaged(), 1U);
}

TEST_F(MediaSequence, PicturesMayHaveSizesAndFormatsOfTheirOwn) {
  write_frame(numbered_frame(1), in("1.png"));
  write_frame(numbered_frame(2, 320, 200), in("2.jpg"));
  write_frame(numbered_frame(3, 201, 97).to(PixelFormat::Gray), in("3.jpg"));
  Hand hand;
  const auto source = open(in(""));
  source->open(hand.context());
  std::vector<std::pair<int, int>> sizes;
  while (const auto item = source->read(hand.context()))
    sizes.emplace_back(item->value.width(), item->value.height());
  EXPECT_EQ(sizes, (std::vector<std::pair<int, int>>{{kWidth, kHeight}, {320, 200}, {201, 97}}));
  EXPECT_EQ(hand.counters.source().snapshot(hand.clock->now()).size_changes, 2U);
  EXPECT_EQ(source->info().width, kWidth) << "what is known is that of the first";

  const auto scaled = open(in(""), {.width = 64, .height = 48});
  scaled->open(hand.context());
  while (const auto item = scaled->read(hand.context())) EXPECT_EQ(item->value.width(), 64);
}

TEST_F(MediaSequence, IsKnownBeforeItPlays) {
  write_pngs({1, 2, 4});
  Hand hand;
  const auto source = open(in("%d.png"), {.fps = 2});
  source->open(hand.context());
  EXPECT_EQ(source->total(), 3);
  EXPECT_EQ(source->info().fps, 2);
  EXPECT_EQ(source->info().duration, 2) << "4 places";
  EXPECT_EQ(source->info().codec, "png");
  EXPECT_FALSE(source->live());
}

TEST_F(MediaSequence, LoopsWithItsTimeAndNumbersGoingOn) {
  write_pngs({5, 6, 8});
  const auto all = stamps(in("%d.png"), {.fps = 1, .loop = true}, 7);
  EXPECT_EQ(all.numbers, (std::vector<int>{5, 6, 8, 5, 6, 8, 5}));
  EXPECT_EQ(all.pts, (std::vector<double>{0, 1, 3, 4, 5, 7, 8}));
}

TEST_F(MediaSequence, ALoopThatHasNothingLeftEnds) {
  write_pngs({5});
  Hand hand;
  const auto source = open(in("*.png"), {.loop = true});
  source->open(hand.context());
  EXPECT_TRUE(source->read(hand.context()));
  std::filesystem::remove(in("5.png"));
  EXPECT_THROW(static_cast<void>(source->read(hand.context())), SourceError);
}

TEST_F(MediaSequence, InRealTimeItIsACameraThatMissesWhatItCannotMake) {
  write_pngs({0, 1, 2, 4, 5});
  Hand hand;
  const auto clock = std::make_shared<SimulatedClock>();
  hand.clock = clock;
  const auto source = open(in("%d.png"), {.fps = 1, .realtime = true});
  EXPECT_TRUE(source->live());
  source->open(hand.context());
  EXPECT_EQ(source->read(hand.context())->seq, 0);
  clock->advance(Seconds{2.5});
  const auto late = source->read(hand.context());
  EXPECT_EQ(late->seq, 2);
  EXPECT_EQ(number_of(late->value), 2);
  EXPECT_EQ(hand.counters.drops(NodeDropCause::Device), 1U);
  clock->advance(Seconds{1.7});
  EXPECT_EQ(source->read(hand.context())->pts, 4);
  EXPECT_EQ(hand.damaged() + hand.counters.drops(NodeDropCause::Device), 2U) << "3 was due and is not there";
  clock->advance(Seconds{10});
  EXPECT_EQ(source->read(hand.context())->seq, 5);
  EXPECT_FALSE(source->read(hand.context()));
}

TEST_F(MediaSequence, MissingFilesAreReported) {
  EXPECT_TRUE(contains(refused_sequence(in("")), "the folder is empty: images are files that end in .png, "));
  EXPECT_TRUE(contains(refused_sequence(in("%05d.png")), "the folder is empty"));
  EXPECT_TRUE(contains(refused_sequence(in("*.png")), "no file matches"));
  EXPECT_TRUE(contains(refused_sequence(in("no/%05d.png")), "no such folder"));
  EXPECT_TRUE(contains(refused_sequence(in("no/")), "no such folder"));
  write_bytes(in("0001.txt"), {'x'});
  EXPECT_TRUE(
      contains(refused_sequence(in("")), "of 1 name none is a file that ends in .png, .jpg, .jpeg, "));
  EXPECT_TRUE(contains(refused_sequence(in("*")), "1 name matched, but none is a file that ends in .png, "));
  EXPECT_TRUE(contains(refused_sequence(in("%d.txt")), "'0001.txt' would match %04d"));
}

TEST_F(MediaSequence, IfNoneCanBeDecodedTheFirstReasonIsReported) {
  write_bytes(in("1.png"), {'x', 'y'});
  write_bytes(in("2.png"), {});
  const auto message = refused_sequence(in("%d.png"));
  EXPECT_TRUE(contains(message, "none of its 2 images could be decoded")) << message;
  EXPECT_TRUE(contains(message, "1.png")) << message;
}

TEST_F(MediaSequence, ASingleImageThatCannotBeDecodedIsTheOnlyOne) {
  write_bytes(in("1.png"), {'x', 'y'});
  EXPECT_TRUE(contains(refused_sequence(in("*.png")), "its only image could not be decoded"));
}

TEST_F(MediaSequence, AVideoIsNotAnImage) {
  std::filesystem::rename(write_video(in("clip.mp4"), 3), in("clip.png"));
  EXPECT_TRUE(contains(refused_sequence(in("")), "it is a video (mov,mp4")) << refused_sequence(in(""));
}

TEST_F(MediaSequence, UnknownOptionsAreNamed) {
  write_pngs({1});
  EXPECT_TRUE(contains(refused_sequence(in("%d.png"), {.options = {{"turbo", "2"}}}), "'turbo'"));
}

TEST_F(MediaSequence, InvalidPatternsAreRefusedImmediately) {
  for (const std::string name : {"%d/%d.png", "%d/x.png", "%d_%d.png", "%5d.png", "%00d.png", "%099d.png"}) {
    EXPECT_THROW(static_cast<void>(open(in(name))), OptionError) << name;
  }
}

TEST_F(MediaSequence, NumbersThatAreTimesAreRefusedForAGlob) {
  write("1700000000000001.png", 1);
  write("1700000000033337.png", 2);
  write("1700099999999992.png", 3);
  EXPECT_TRUE(contains(refused_sequence(in("%d.png")), "open the folder or a glob"));
  EXPECT_EQ(stamps(in("*.png")).numbers, (std::vector<int>{1, 2, 3}));
}

TEST_F(MediaSequence, RunsThroughAPipelineAndIsCompleteOnlyWhenNothingIsMissing) {
  write_pngs({1, 2, 4});
  for (const auto& [url, complete] : {std::pair{in("*.png"), true}, std::pair{in("%d.png"), false}}) {
    CheckedPipeline pipeline;
    pipeline.add(std::make_unique<VideoFile>(in("out.mkv")), pipeline.add(open(url)));
    const auto report = pipeline.run();
    EXPECT_EQ(report.complete, complete);
    EXPECT_EQ(report.samples, 3U);
  }
}

TEST(NaturalOrder, CountsNumbersAndIsTotal) {
  const std::vector<std::string> sorted = {"",  "01", "1",    "1a",    "2",   "10",
                                           "a", "a1", "a1b2", "a1b10", "a02", "b"};
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    for (std::size_t j = 0; j < sorted.size(); ++j)
      EXPECT_EQ(natural_less(sorted[i], sorted[j]), i < j) << sorted[i] << " " << sorted[j];
  }
}

TEST_F(MediaSequence, AStopEndsTheSearchForFilesOfWhateverForm) {
  write_pngs({1, 2, 3});
  std::stop_source stop;
  stop.request_stop();
  for (const auto* form : {"", "*.png", "%d.png"}) {
    const auto message = message_of<SourceError>(
        [&] { static_cast<void>(list_pictures(in(form), "them", stop.get_token())); });
    EXPECT_EQ(message, "'them' was stopped before it was opened") << form;
    EXPECT_EQ(list_pictures(in(form), "them").pictures.size(), 3U) << form;
  }
}

}  // namespace
}  // namespace freshframe::test
