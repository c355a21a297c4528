// Plugin classes without an engine: run_node() and run_source() of plugin/run_node.hpp.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/plugin.hpp"
#include "freshframe/plugin/run_node.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace freshframe::plugin {
namespace {

// Returns the first pixel of each image that is not black.
class First final : public Node<Frame, double> {
 public:
  explicit First(const Options& options) : scale_(options.get("scale", 1.0)) {}
  void open(Context& /*context*/) override { ++opened; }
  std::optional<double> process(const Sample<Frame>& sample, Context& /*context*/) override {
    const int level = sample.value.gray().row(0)[0];
    if (level == 255) throw std::runtime_error("too bright");
    return level == 0 ? std::nullopt : std::optional(scale_ * level + sample.stamp.pts);
  }
  void close() override { ++closed; }

  int opened = 0;
  int closed = 0;

 private:
  double scale_;
};

class Negative final : public Node<Frame, Frame> {
 public:
  std::optional<Frame> process(const Sample<Frame>& sample, Context& context) override {
    const Picture picture = sample.value.picture();
    auto made = context.make_frame(picture);
    for (int i = 0; i < picture.plane_count; ++i) {
      for (int y = 0; y < picture.plane(i).rows; ++y) {
        for (int x = 0; x < picture.plane(i).row_bytes; ++x) {
          made.row(y, i)[x] = static_cast<std::uint8_t>(255 - picture.plane(i).row(y)[x]);
        }
      }
    }
    return std::move(made).publish();
  }
};

class Ticks final : public Source<double> {
 public:
  std::optional<Item<double>> read(Context& context) override {
    EXPECT_FALSE(context.wait(0.5));
    if (count_ == 3) return std::nullopt;
    return Item<double>{static_cast<double>(++count_), context.now()};
  }

 private:
  int count_ = 0;
};

// Emits items with these sequence numbers.
class Numbered final : public Source<double> {
 public:
  explicit Numbered(std::vector<std::int64_t> numbers) : numbers_(std::move(numbers)) {}
  std::optional<Item<double>> read(Context& /*context*/) override {
    if (next_ == numbers_.size()) return std::nullopt;
    return Item<double>{0, 0, 0, numbers_[next_++]};
  }

 private:
  std::vector<std::int64_t> numbers_;
  std::size_t next_ = 0;
};

std::vector<Frame> frames(const std::vector<std::uint8_t>& levels) {
  std::vector<Frame> result;
  for (const auto level : levels) result.push_back(make_frame(2, 1, {level, 9}));
  return result;
}

TEST(Alone, ANodeGivesWhatItEmitsWithTheNumberOfItsValue) {
  const GivenOptions options({{"scale", 2}});
  First node(options.get());
  const auto results = run_node(node, frames({0, 7, 8}), 2);
  ASSERT_EQ(results.size(), 2U);
  EXPECT_EQ(results[0].seq, 1);
  EXPECT_EQ(results[0].value, 14.5);
  EXPECT_EQ(results[1].value, 17.0);
  EXPECT_EQ(node.opened, 1);
  EXPECT_EQ(node.closed, 1);
}

TEST(Alone, WhatANodeThrowsIsThrownAndTheNodeIsClosed) {
  First node(Options(nullptr));
  EXPECT_THROW((void)run_node(node, frames({255})), std::runtime_error);
  EXPECT_EQ(node.closed, 1);
}

TEST(Alone, FramesOfEveryPlaneAreMadeAndShown) {
  Negative node;
  std::vector<Frame> given;
  given.push_back(make_frame(2, 2, {1, 2, 3, 4, 5, 6}, "i420"));
  given.push_back(make_frame(1, 1, {10, 20, 30}, "bgr"));
  const auto results = run_node(node, given);
  ASSERT_EQ(results.size(), 2U);
  EXPECT_EQ(results[0].value.picture().plane(2).row(0)[0], 249);
  EXPECT_EQ(results[0].value.gray().row(1)[1], 251);
  EXPECT_EQ(results[1].value.bgr().row(0)[2], 225);
  EXPECT_THROW((void)results[1].value.gray(), std::runtime_error);  // colours are converted by the engine
  EXPECT_EQ(given[0].keep().picture().width, 2);
}

TEST(Alone, ASourceIsReadUntilItsEndAndItsWaitsTakeNoTime) {
  Ticks source;
  const auto items = run_source(source, 10);
  ASSERT_EQ(items.size(), 3U);
  EXPECT_EQ(items[2].value, 3.0);
  EXPECT_EQ(items[2].pts - items[0].pts, 1.0);
}

TEST(Alone, TheNumbersOfASourceGrow) {
  Numbered fine({3, -1, 9});
  EXPECT_EQ(run_source(fine, 10).size(), 3U);
  Numbered back({3, 3});
  EXPECT_THROW((void)run_source(back, 10), std::logic_error);
  Numbered after_the_next({3, -1, 4});
  EXPECT_THROW((void)run_source(after_the_next, 10), std::logic_error);
}

TEST(Alone, ATableThatIsCopiedOwnsItsNumbers) {
  Table kept;
  {
    const std::vector<std::int16_t> memory = {1, 2, 3, 4};
    freshframe_column column{};
    column.name = "n";
    column.dtype = "int16";
    column.ndim = 1;
    column.shape[0] = 2;
    column.strides[0] = 4;
    column.data = memory.data();
    column.bytes = 8;
    const Table given(freshframe_array{&column, 1, sizeof column});
    kept = given;
    EXPECT_EQ(given.c_columns()[0].data, memory.data());
    EXPECT_NE(kept.c_columns()[0].data, memory.data());
  }
  EXPECT_EQ(kept.column<std::int16_t>("n")(1), 3);
  EXPECT_EQ(kept.c_columns()[0].bytes, 6U);  // up to the last element
  const Table twin = kept;
  EXPECT_EQ(twin.c_columns()[0].data, kept.c_columns()[0].data);  // shared until one of them is modified
}

TEST(Alone, OptionsOfEveryTypeArriveAndWrongOnesAreRefused) {
  const GivenOptions options({{"flag", true},
                              {"count", 3},
                              {"level", 0.5},
                              {"text", "far"},
                              {"numbers", std::vector<double>{1, 2}},
                              {"bytes", std::vector<std::byte>{std::byte{7}}}});
  const auto given = options.get();
  EXPECT_TRUE(given.get("flag", false));
  EXPECT_EQ(given.get("count", 0), 3);
  EXPECT_EQ(given.get("level", 0.0), 0.5);
  EXPECT_EQ(given.get("text", ""), "far");
  EXPECT_EQ(given.get("numbers", std::vector<double>{}), (std::vector<double>{1, 2}));
  EXPECT_EQ(given.get("bytes", std::vector<std::byte>{}).size(), 1U);
  EXPECT_EQ(given.get("missing", 4), 4);
  EXPECT_THROW((void)given.get("text", 1.0), std::invalid_argument);
}

TEST(Alone, AnOptionThatDoesNotFitItsTypeIsRefusedWithTheRange) {
  const GivenOptions options({{"count", -129}, {"unread", true}});
  const auto given = options.get();
  const auto refusal = [&given](auto fallback) -> std::string {
    try {
      (void)given.get("count", fallback);
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return {};
  };
  EXPECT_EQ(refusal(std::int8_t{}), "option 'count' must be from -128 to 127, got -129");
  EXPECT_EQ(refusal(std::uint16_t{}), "option 'count' must be from 0 to 65535, got -129");
  EXPECT_EQ(refusal(std::uint64_t{}), "option 'count' must be at least 0, got -129");
  EXPECT_EQ(refusal(std::int16_t{}), "");
}

TEST(Alone, PixelsThatDoNotFillAPictureAreRefused) {
  EXPECT_THROW((void)make_frame(2, 2, {1, 2, 3}), std::invalid_argument);
  EXPECT_THROW((void)make_frame(2, 1, {1, 2, 3}), std::invalid_argument);
  EXPECT_THROW((void)make_frame(2, 1, {1, 2}, "cmyk"), std::invalid_argument);
}

}  // namespace
}  // namespace freshframe::plugin
