// Valid and invalid plugins in shared libraries: the cases of tests/python/native without Python,
// and therefore under the sanitizers.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/native.hpp"
#include "freshframe/node.hpp"
#include "freshframe/vision.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace freshframe {
namespace {

Frame gray_frame(std::uint8_t level) {
  FrameBuilder builder({.width = 8, .height = 6, .format = PixelFormat::Gray});
  for (int y = 0; y < 6; ++y) std::fill_n(builder.plane(0) + y * builder.stride(0), 8, level);
  return std::move(builder).publish();
}

// A node of a plugin, called as a pipeline would.
class Loaded {
 public:
  Loaded(const char* library, const char* name, const native::Options& options = {})
      : node_(native::load_node(library, name, options, basic_pixel_ops())) {}

  void open() { node_->open(context_); }
  void close() { node_->close(); }
  std::optional<Emitted> process(Frame frame) {
    return node_->process_any({{seq_++, 0.5, clock_->now(), 0}, std::move(frame), {}}, context_);
  }
  std::optional<SourceItem<Emitted>> read() { return static_cast<SourceBase&>(*node_).read_any(context_); }
  void stop() { stop_.request_stop(); }

  std::vector<std::optional<Emitted>> run(int count) {
    std::vector<std::optional<Emitted>> outputs;
    open();
    for (int i = 0; i < count; ++i) outputs.push_back(process(gray_frame(static_cast<std::uint8_t>(i + 1))));
    close();
    return outputs;
  }

 private:
  std::stop_source stop_;
  std::shared_ptr<const Clock> clock_ = Clock::real();
  NodeCounters counters_;
  const Context context_{stop_.get_token(), *clock_, counters_, "loaded"};
  std::int64_t seq_ = 0;
  std::unique_ptr<NodeBase> node_;
};

// Returns the error of a node of the misuse plugin, or an empty string.
std::string error_of(const char* name, const std::string& how) {
  Loaded node(FRESHFRAME_TEST_MISUSE, name, {{"how", how}});
  std::string text;
  try {
    node.open();
  } catch (const Error& error) {
    return error.what();
  }
  try {
    (void)node.process(gray_frame(1));
  } catch (const Error& error) {
    text = error.what();
  }
  node.close();
  return text;
}

double number(const std::optional<Emitted>& output) {
  return *output.value().value.as<double>();
}

TEST(LoadedPlugin, GivesNumbersFramesAndTables) {
  EXPECT_EQ(number(Loaded(FRESHFRAME_TEST_PLUGIN, "mean", {{"scale", 2.0}}).run(3)[2]), 6.0);
  for (const bool own : {false, true}) {
    const auto made = Loaded(FRESHFRAME_TEST_PLUGIN, "negative", {{"own", own}}).run(2);
    EXPECT_EQ(made[1]->frame.luma().row(5)[7], 253);
  }
  const auto given = Loaded(FRESHFRAME_TEST_PLUGIN, "given", {{"text", std::string("far")}}).run(1);
  const auto* table = native::table_in(given[0]->value);  // the node was already destroyed
  ASSERT_NE(table, nullptr);
  EXPECT_EQ(static_cast<const float*>(table->columns.back().data)[3], 4.0F);
  const auto same = Loaded(FRESHFRAME_TEST_PLUGIN, "same_frame").run(2);
  EXPECT_EQ(same[1]->frame.luma().row(0)[0], 2);
}

TEST(LoadedPlugin, IsASourceThatCanBeStopped) {
  Loaded counter(FRESHFRAME_TEST_PLUGIN, "counter", {{"count", std::int64_t{2}}});
  counter.open();
  EXPECT_EQ(*counter.read()->value.value.as<double>(), 0.0);
  EXPECT_EQ(counter.read()->pts, 0.25);
  EXPECT_FALSE(counter.read());
  counter.close();
  Loaded poller(FRESHFRAME_TEST_PLUGIN, "poller");
  poller.open();
  poller.stop();
  EXPECT_FALSE(poller.read());
  poller.close();
  Loaded camera(FRESHFRAME_TEST_PLUGIN, "camera");
  camera.open();
  EXPECT_EQ(camera.read()->value.frame.format(), PixelFormat::Bgr);
  camera.close();
}

TEST(LoadedPlugin, MayHaveThreadsThatGoOnAfterClose) {
  EXPECT_EQ(number(Loaded(FRESHFRAME_TEST_PLUGIN, "stray").run(2)[0]), 0.0);
  EXPECT_EQ(number(Loaded(FRESHFRAME_TEST_MISUSE, "misuse", {{"how", std::string("crowd")}}).run(1)[0]), 0.0);
}

TEST(LoadedPlugin, ThrowsText) {
  Loaded node(FRESHFRAME_TEST_PLUGIN, "throws");
  node.open();
  EXPECT_TRUE(node.process(gray_frame(1)));
  EXPECT_THROW((void)node.process(gray_frame(1)), Error);
  node.close();
  EXPECT_THROW(Loaded(FRESHFRAME_TEST_PLUGIN, "mean", {{"scale", 0.0}}), Error);
  EXPECT_THROW(Loaded(FRESHFRAME_TEST_PLUGIN, "mean", {{"unknown", 0.0}}), OptionError);
  EXPECT_THROW(Loaded(FRESHFRAME_TEST_PLUGIN, "missing"), OptionError);
}

TEST(LoadedPlugin, ThatMisusesTheHostIsRefused) {
  for (const char* how : {"null", "unwritten", "stride"}) {
    const auto made = Loaded(FRESHFRAME_TEST_MISUSE, "misuse", {{"how", std::string(how)}}).run(1);
    EXPECT_EQ(number(made[0]), 1.0) << how;
  }
  const auto kept = Loaded(FRESHFRAME_TEST_MISUSE, "keeper").run(2);
  EXPECT_EQ(kept[1]->frame.luma().row(0)[0], 2);
}

TEST(LoadedPlugin, ThatLiesIsAnError) {
  for (const char* how : {"two", "no text", "latin-1 error", "long error", "latin-1 type", "open fails"}) {
    EXPECT_NE(error_of("misuse", how), "") << how;
  }
  for (const char* how : {"another column", "other rows", "latin-1 column", "endless", "huge"}) {
    EXPECT_NE(error_of("boxes", how), "") << how;
  }
  EXPECT_EQ(error_of("boxes", "fine"), "");
  for (const char* how : {"nan", "inf", "seq", "negative seq", "captured"}) {
    Loaded source(FRESHFRAME_TEST_MISUSE, "stamps", {{"how", std::string(how)}});
    source.open();
    EXPECT_THROW((void)source.read(), Error) << how;
    source.close();
  }
  for (const char* name : {"latin_1", "nameless", "larger", "pointer", "function"}) {
    EXPECT_THROW(Loaded(FRESHFRAME_TEST_MISUSE, name), OptionError) << name;
  }
}

}  // namespace
}  // namespace freshframe
