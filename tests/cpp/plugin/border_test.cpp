// Both sides of the C interface in one program: classes of plugin.hpp as nodes of a C++ pipeline.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/native.hpp"
#include "freshframe/pipeline.hpp"
#include "freshframe/plugin.hpp"
#include "freshframe/run_node.hpp"

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "cpp/core/test_nodes.hpp"
#include <gtest/gtest.h>
#include <pthread.h>

namespace freshframe {
namespace {

namespace user = freshframe::plugin;

class Mean final : public user::Node<user::Frame, double> {
 public:
  std::optional<double> process(const user::Sample<user::Frame>& sample, user::Context& context) override {
    if (sample.stamp.seq == 2) throw std::runtime_error("the third is too much");
    EXPECT_FALSE(context.stop_requested());
    EXPECT_EQ(sample.stamp.damaged, sample.stamp.seq == 1);
    kept_ = sample.value.keep();
    return sample.value.gray().data[0];
  }
  void close() override { kept_ = {}; }

 private:
  user::Frame kept_;
};

// Calls wait() on another thread, and cancels that.
class CancelsItsThread final : public user::Node<double, double> {
 public:
  std::optional<double> process(const user::Sample<double>& sample, user::Context& context) override {
    pthread_t thread{};
    ::pthread_create(
        &thread, nullptr,
        [](void* given) -> void* {
          static_cast<user::Context*>(given)->wait(1000);
          return nullptr;
        },
        &context);
    ::pthread_cancel(thread);
    void* result = nullptr;
    ::pthread_join(thread, &result);
    return result == PTHREAD_CANCELED ? sample.value : -1;
  }
};

// Emits a table with as many rows as the sample's value.
class Rows final : public user::Node<double, user::Table> {
 public:
  std::optional<user::Table> process(const user::Sample<double>& sample,
                                     user::Context& /*context*/) override {
    user::Table table;
    table.add("n", std::vector<double>(static_cast<std::size_t>(sample.value), sample.value));
    return table;
  }
};

template <class Class>
std::unique_ptr<NodeBase> node_of(const freshframe_node& table, const std::shared_ptr<Class>& object) {
  const freshframe_object given{sizeof given, &table, object.get(), nullptr};
  return native::object_node(given, object, basic_pixel_ops());
}

Frame gray(std::uint8_t level) {
  FrameBuilder builder({.width = 4, .height = 4, .format = PixelFormat::Gray});
  for (int y = 0; y < 4; ++y) std::fill_n(builder.plane(0) + y * builder.stride(0), 4, level);
  return std::move(builder).publish();
}

TEST(Border, AClassOfAPluginRunsInAPipelineAndItsErrorIsANodeError) {
  static constexpr auto kTable = user::node_table<Mean>("mean");
  test::Feed<Frame> feed;
  Pipeline pipeline;
  const auto source = pipeline.add(test::feed_source(feed, test::Kind::File));
  const AnyPort parents[] = {source.node};
  const Port<double> mean{pipeline.add_any(node_of(kTable, std::make_shared<Mean>()), parents, {})};
  auto reader = pipeline.reader(mean);
  pipeline.start();
  feed.push(gray(7));
  EXPECT_EQ(reader.get()->value, 7);
  auto damaged = gray(9);
  damaged.mark_damaged();
  feed.push(std::move(damaged));
  EXPECT_TRUE(reader.get()->stamp.damaged) << "what is computed of a damaged frame is, too";
  feed.push(gray(11));
  try {
    (void)reader.get();
    FAIL() << "no error";
  } catch (const NodeError& error) {
    EXPECT_EQ(error.node(), "mean");
    EXPECT_NE(std::string(error.what()).find("the third is too much"), std::string::npos);
  }
  pipeline.stop();
}

TEST(Border, AThreadOfAPluginMayBeCancelledInACallOfTheEngine) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP()
      << "ASan takes the frames that a cancelled thread has left for its present ones, and reports itself";
#endif
  static constexpr auto kTable = user::node_table<CancelsItsThread>("cancels");
  test::Feed<double> feed;
  Pipeline pipeline;
  const AnyPort parents[] = {pipeline.add(test::feed_source(feed, test::Kind::File)).node};
  auto reader = pipeline.reader(
      Port<double>{pipeline.add_any(node_of(kTable, std::make_shared<CancelsItsThread>()), parents, {})});
  pipeline.start();
  feed.push(3);
  EXPECT_EQ(reader.get()->value, 3);
  pipeline.stop();  // close() waits for calls in flight, so it would hang if the cancelled one still counted
}

TEST(Border, TablesStayAsLongAsTheirSamples) {
  static constexpr auto kTable = user::node_table<Rows>("rows");
  test::Feed<double> feed;
  std::optional<Sample<native::Table>> last;
  {
    Pipeline pipeline;
    const auto source = pipeline.add(test::feed_source(feed, test::Kind::File));
    const AnyPort parents[] = {source.node};
    const Port<native::Table> rows{pipeline.add_any(node_of(kTable, std::make_shared<Rows>()), parents, {})};
    auto reader = pipeline.reader(rows);
    pipeline.start();
    feed.push(3);
    feed.finish();
    last.emplace(*reader.get());
    pipeline.wait();
  }
  const auto& column = last->value.columns.at(0);
  EXPECT_EQ(column.shape[0], 3);
  EXPECT_EQ(static_cast<const double*>(column.data)[2], 3.0);
}

TEST(Border, NodesHaveTypesByName) {
  static constexpr auto kTable = user::node_table<Rows>("rows");
  const auto node = node_of(kTable, std::make_shared<Rows>());
  const auto types = native::node_types(*node);
  EXPECT_EQ(types.input, "float64");
  EXPECT_EQ(types.output, "table");
}

TEST(Border, AnObjectWithoutATableIsRefused) {
  freshframe_object object{sizeof object, nullptr, &object, nullptr};
  EXPECT_THROW((void)native::object_node(object, nullptr, basic_pixel_ops()), OptionError);
}

TEST(Border, AnEmptyFrameIsNeitherShownNorKept) {
  const user::Frame empty;
  EXPECT_THROW((void)empty.picture(), std::runtime_error);
  EXPECT_THROW((void)empty.gray(), std::runtime_error);
  EXPECT_THROW((void)empty.keep(), std::runtime_error);
}

// ---- run_node

class Halve final : public Node<double, double> {
 public:
  std::optional<double> process(const Sample<double>& sample, const Context& /*context*/) override {
    if (sample.value < 0) throw std::runtime_error("negative");
    if (sample.stamp.seq == 1) return std::nullopt;
    return sample.value / 2 + sample.stamp.pts;
  }
  void close() override { ++closed; }
  int closed = 0;
};

TEST(RunNode, GivesWhatTheNodeEmits) {
  Halve node;
  const auto results = run_node<double, double>(node, {2, 4, 6}, 1);
  ASSERT_EQ(results.size(), 2U);
  EXPECT_EQ(results[0].value, 1);
  EXPECT_EQ(results[1].seq, 2);
  EXPECT_EQ(results[1].value, 5);
  EXPECT_EQ(node.closed, 1);
}

TEST(RunNode, ThrowsWhatTheNodeThrowsAndClosesIt) {
  Halve node;
  EXPECT_THROW((run_node<double, double>(node, {1, -1})), std::runtime_error);
  EXPECT_EQ(node.closed, 1);
}

}  // namespace
}  // namespace freshframe
