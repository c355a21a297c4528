// A plugin for the tests: nodes of every type, and sources.
// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <freshframe/plugin.hpp>
#include <poll.h>

namespace {

namespace ff = freshframe::plugin;

class Mean : public ff::Node<ff::Frame, double> {
 public:
  explicit Mean(const ff::Options& options)
      : scale_(options.get("scale", 1.0)), negative_(options.get("negative", false)) {
    if (scale_ == 0) throw std::invalid_argument("scale must not be 0");
  }
  std::optional<double> process(const ff::Sample<ff::Frame>& sample, ff::Context& /*context*/) override {
    const ff::Plane luma = sample.value.gray();
    double sum = 0;
    for (int y = 0; y < luma.rows; ++y) {
      for (int x = 0; x < luma.row_bytes; ++x) sum += luma.row(y)[x];
    }
    return (negative_ ? -scale_ : scale_) * sum / luma.rows / luma.row_bytes;
  }

 private:
  double scale_;
  bool negative_;
};
FRESHFRAME_NODE(Mean, "mean");

// Returns its options.
class Given : public ff::Node<ff::Frame, ff::Table> {
 public:
  explicit Given(const ff::Options& options)
      : numbers_(options.get("numbers", std::vector<double>())),
        text_(options.get("text", "")),
        bytes_(options.get("bytes", std::vector<std::byte>())),
        count_(options.get("count", std::uint8_t{3})) {}
  std::optional<ff::Table> process(const ff::Sample<ff::Frame>& /*sample*/,
                                   ff::Context& /*context*/) override {
    ff::Table table;
    std::vector<std::uint8_t> bytes;
    for (const auto byte : bytes_) bytes.push_back(static_cast<std::uint8_t>(byte));
    table.add("numbers", numbers_).add("text", std::vector<char>(text_.begin(), text_.end()));
    table.add("bytes", bytes)
        .add("count", std::vector<int>{count_})
        .add("grid", std::vector<float>{1, 2, 3, 4}, {2, 2});
    return table;
  }

 private:
  std::vector<double> numbers_;
  std::string text_;
  std::vector<std::byte> bytes_;
  std::uint8_t count_;
};
FRESHFRAME_NODE(Given, "given");

// Returns its input, so that each type is converted twice.
template <class T>
class Same : public ff::Node<T, T> {
 public:
  std::optional<T> process(const ff::Sample<T>& sample, ff::Context& /*context*/) override {
    if constexpr (std::is_same_v<T, ff::Frame>) {
      return sample.value.keep();
    } else if constexpr (std::is_same_v<T, double>) {
      return sample.value;
    } else if constexpr (std::is_same_v<T, ff::Circles>) {
      const auto xyr = sample.value.template column<float>("xyr");
      const auto confidence = sample.value.template column<float>("confidence");
      T copy;
      std::vector<float> places;
      std::vector<float> sure;
      for (std::int64_t i = 0; i < xyr.size(); ++i) {
        for (int k = 0; k < 3; ++k) places.push_back(xyr(i, k));
        sure.push_back(confidence(i));
      }
      copy.add("xyr", places, {xyr.size(), 3}).add("confidence", sure);
      return copy;
    } else if constexpr (std::is_same_v<T, ff::Detections>) {
      const auto xyxy = sample.value.template column<float>("xyxy");
      const auto confidence = sample.value.template column<float>("confidence");
      const auto classes = sample.value.template column<std::int32_t>("class_id");
      T copy;
      std::vector<float> corners;
      std::vector<float> sure;
      std::vector<std::int32_t> ids;
      for (std::int64_t i = 0; i < xyxy.size(); ++i) {
        for (int k = 0; k < 4; ++k) corners.push_back(xyxy(i, k));
        sure.push_back(confidence(i));
        ids.push_back(classes(i));
      }
      copy.add("xyxy", corners, {xyxy.size(), 4}).add("confidence", sure).add("class_id", ids);
      if (sample.value.has("velocity")) {
        const auto velocity = sample.value.template column<float>("velocity");
        copy.add("velocity", std::vector<float>{velocity(0, 0), velocity(0, 1)}, {1, 2});
        copy.add("track_confidence",
                 std::vector<float>{sample.value.template column<float>("track_confidence")(0)});
      }
      return copy;
    } else if constexpr (std::is_same_v<T, ff::Array>) {
      const auto given = sample.value.template column<double>("");
      std::vector<double> values;
      for (std::int64_t i = 0; i < given.shape(0); ++i) {
        for (std::int64_t k = 0; k < given.shape(1); ++k) values.push_back(given(i, k));
      }
      return ff::Array(values, {given.shape(0), given.shape(1)});
    } else {
      const auto given = sample.value.template column<std::int16_t>("n");
      std::vector<std::int16_t> values;
      for (std::int64_t i = 0; i < given.size(); ++i) values.push_back(given(i));
      T copy;
      copy.add("n", values);
      return copy;
    }
  }
};
using SameTable = Same<ff::Table>;
FRESHFRAME_NODE(Same<ff::Frame>, "same_frame");
FRESHFRAME_NODE(Same<double>, "same_float64");
FRESHFRAME_NODE(Same<ff::Circles>, "same_circles");
FRESHFRAME_NODE(Same<ff::Detections>, "same_detections");
FRESHFRAME_NODE(Same<ff::Array>, "same_array");

// Passes boxes on, with an extra column that shows what it read from the string and number columns.
class Reads : public ff::Node<ff::Detections, ff::Detections> {
 public:
  std::optional<ff::Detections> process(const ff::Sample<ff::Detections>& sample, ff::Context&) override {
    ff::Detections made = sample.value;
    std::vector<std::string> read;
    const auto rows = made.column<float>("confidence").size();
    for (std::int64_t i = 0; i < rows; ++i) {
      std::string text;
      if (made.has("mask")) text += made.column<std::string_view>("mask")(i);
      if (made.has("keypoints")) text += "|" + std::to_string(made.column<float>("keypoints")(i, 1, 2));
      read.push_back(text);
    }
    made.add("read", std::move(read));
    return made;
  }
};
FRESHFRAME_NODE(Reads, "reads");
FRESHFRAME_NODE(SameTable, "same_table");

// Inverts the luma, in the engine's memory or, with own=True, in new memory.
class Negative : public ff::Node<ff::Frame, ff::Frame> {
 public:
  explicit Negative(const ff::Options& options) : own_(options.get("own", false)) {}
  std::optional<ff::Frame> process(const ff::Sample<ff::Frame>& sample, ff::Context& context) override {
    const ff::Picture from = sample.value.picture();
    ff::Picture like;
    like.width = from.width;
    like.height = from.height;
    if (!own_) {
      ff::NewFrame made = context.make_frame(like);
      for (int y = 0; y < like.height; ++y) {
        for (int x = 0; x < like.width; ++x) made.row(y)[x] = inverted(from, x, y);
      }
      return std::move(made).publish();
    }
    auto memory = std::make_shared<std::vector<std::uint8_t>>();
    for (int y = 0; y < like.height; ++y) {
      for (int x = 0; x < like.width; ++x) memory->push_back(inverted(from, x, y));
    }
    like.planes[0] = {memory->data(), like.height, like.width, like.width};
    like.plane_count = 1;
    return context.wrap_frame(like, memory);
  }

 private:
  static std::uint8_t inverted(const ff::Picture& from, int x, int y) {
    return static_cast<std::uint8_t>(255 - from.planes[0].row(y)[x]);
  }
  bool own_;
};
FRESHFRAME_NODE(Negative, "negative");

// Emits every second sample.
class EverySecond : public ff::Node<ff::Frame, double> {
 public:
  std::optional<double> process(const ff::Sample<ff::Frame>& sample, ff::Context& /*context*/) override {
    if (sample.stamp.seq % 2 == 1) return std::nullopt;
    return static_cast<double>(sample.stamp.seq) + sample.stamp.pts;
  }
};
FRESHFRAME_NODE(EverySecond, "every_second");

class Throws : public ff::Node<ff::Frame, double> {
 public:
  explicit Throws(const ff::Options& options) : where_(options.get("where", "process")) {}
  void open(ff::Context& /*context*/) override { fail("open"); }
  std::optional<double> process(const ff::Sample<ff::Frame>& sample, ff::Context& /*context*/) override {
    if (where_ == "int") throw 5;
    if (sample.stamp.seq == 1) fail("process");
    return 1.0;
  }
  void close() override { fail("close"); }

 private:
  void fail(const char* where) const {
    if (where_ == where) throw std::runtime_error(std::string("thrown in ") + where);
  }
  std::string where_;
};
FRESHFRAME_NODE(Throws, "throws");

class Log : public ff::Node<ff::Frame, ff::Nothing> {
 public:
  void open(ff::Context& context) override { context.log(ff::LogLevel::Warning, "opened"); }
  std::optional<ff::Nothing> process(const ff::Sample<ff::Frame>& /*sample*/, ff::Context& context) override {
    context.count_drops("decode", 2);
    return std::nullopt;
  }
};
FRESHFRAME_NODE(Log, "log");

// Counts. It waits between two numbers, so it must react to the stop.
class Counter : public ff::Source<double> {
 public:
  static constexpr bool live = false;
  explicit Counter(const ff::Options& options)
      : count_(options.get("count", std::int64_t{3})), period_(options.get("period", 0.0)) {}
  std::optional<ff::Item<double>> read(ff::Context& context) override {
    if (next_ >= count_ || (period_ > 0 && context.wait(period_))) return std::nullopt;
    const auto number = static_cast<double>(next_++);
    return ff::Item<double>{number * 10, number / 4};
  }

 private:
  std::int64_t count_;
  double period_;
  std::int64_t next_ = 0;
};
FRESHFRAME_NODE(Counter, "counter");

// Waits like an SDK that can only wait for file descriptors.
class Poller : public ff::Source<double> {
 public:
  std::optional<ff::Item<double>> read(ff::Context& context) override {
    pollfd stopped{context.stop_fd(), POLLIN, 0};
    while (poll(&stopped, 1, -1) < 1) continue;
    return std::nullopt;
  }
};
FRESHFRAME_NODE(Poller, "poller");

class Camera : public ff::Source<ff::Frame> {
 public:
  std::optional<ff::Item<ff::Frame>> read(ff::Context& context) override {
    if (context.wait(0.001)) return std::nullopt;
    ff::Picture like;
    like.width = 6;
    like.height = 2;
    like.format = "bgr";
    ff::NewFrame made = context.make_frame(like);
    for (int y = 0; y < 2; ++y) {
      for (int x = 0; x < 18; ++x) made.row(y)[x] = static_cast<std::uint8_t>(x);
    }
    return ff::Item<ff::Frame>{std::move(made).publish(), 0.5};
  }
};
FRESHFRAME_NODE(Camera, "camera");

// Leaves a thread running after close(), which plugins must not do.
class Stray : public ff::Node<ff::Frame, double> {
 public:
  ~Stray() override {
    if (thread_.joinable()) thread_.join();
  }
  void open(ff::Context& context) override {
    thread_ = std::thread([&context] {
      ff::Picture like;
      like.width = like.height = 8;
      for (int refused = 0; refused < 100;) {
        try {
          (void)context.make_frame(like);
        } catch (const std::invalid_argument&) {
          ++refused;  // close() has been called
        }
        context.count_drops("error", 0);
        (void)context.wait(0.0001);
      }
    });
  }
  std::optional<double> process(const ff::Sample<ff::Frame>& /*sample*/, ff::Context& /*context*/) override {
    return 0.0;
  }

 private:
  std::thread thread_;
};
FRESHFRAME_NODE(Stray, "stray");

// Ignores the stop for as long as its option says.
class Deaf : public ff::Node<ff::Frame, double> {
 public:
  explicit Deaf(const ff::Options& options) : seconds_(options.get("seconds", 1.0)) {}
  std::optional<double> process(const ff::Sample<ff::Frame>& /*sample*/, ff::Context& /*context*/) override {
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds_));
    return 1.0;
  }

 private:
  double seconds_;
};
FRESHFRAME_NODE(Deaf, "deaf");

}  // namespace
