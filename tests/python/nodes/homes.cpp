// The nodes of test_homes.py as a plugin, each under the name of its class in Python.
// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cmath>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include <freshframe/plugin.hpp>
#include <unistd.h>

namespace {

namespace ff = freshframe::plugin;

class Several : public ff::OutNode<double, double> {
 public:
  void process(const ff::Sample<double>& sample, ff::Out<double>& out, ff::Context& /*context*/) override {
    for (int number = 0; number < static_cast<int>(sample.value); ++number) out(10 * sample.value + number);
  }
};
FRESHFRAME_NODE(Several, "Several");

using DelayedBase = ff::Finishing<ff::OutNode<double, double>>;

class Delayed : public DelayedBase {
 public:
  void process(const ff::Sample<double>& sample, ff::Out<double>& out, ff::Context& /*context*/) override {
    waiting_.emplace_back(sample.value, sample.stamp);
    if (waiting_.size() > 1) send(out);
  }
  void finish(ff::Out<double>& out, ff::Context& /*context*/) override { send(out); }

 protected:
  void send(ff::Out<double>& out) {
    const auto [value, stamp] = waiting_.front();
    waiting_.erase(waiting_.begin());
    out(value, stamp);
  }

 private:
  std::vector<std::pair<double, ff::Stamp>> waiting_;
};
FRESHFRAME_NODE(Delayed, "Delayed");

class FailsAtTheEnd : public Delayed {
 public:
  void finish(ff::Out<double>& /*out*/, ff::Context& /*context*/) override {
    throw std::runtime_error("at the end");
  }
};
FRESHFRAME_NODE(FailsAtTheEnd, "FailsAtTheEnd");

class Backwards : public ff::OutNode<double, double> {
 public:
  void process(const ff::Sample<double>& sample, ff::Out<double>& out, ff::Context& /*context*/) override {
    if (!first_) first_ = sample.stamp;
    if (sample.stamp.seq < 4) {
      out(sample.value);
    } else {
      out(0, *first_);
    }
  }

 private:
  std::optional<ff::Stamp> first_;
};
FRESHFRAME_NODE(Backwards, "Backwards");

class Fails : public ff::OutNode<double, double> {
 public:
  void process(const ff::Sample<double>& sample, ff::Out<double>& out, ff::Context& /*context*/) override {
    out(sample.value);
    if (sample.value == 1) throw std::runtime_error("odd");
    out(sample.value);
  }
};
FRESHFRAME_NODE(Fails, "Fails");

class Window : public ff::Finishing<ff::Ticking<ff::Node<double, double>>> {
 public:
  explicit Window(const ff::Options& options)
      : period_(options.get("tick_every", 0.05)), lasts_(options.get("lasts", 0.0)) {}
  [[nodiscard]] double tick_every() const override { return period_; }
  std::optional<double> process(const ff::Sample<double>& /*sample*/, ff::Context& /*context*/) override {
    ++count_;
    return std::nullopt;
  }
  void on_tick(double now, ff::Out<double>& out, ff::Context& context) override {
    if (std::abs(now - context.now()) > 10) throw std::runtime_error("another clock");
    std::this_thread::sleep_for(std::chrono::duration<double>(lasts_));
    out(std::exchange(count_, 0));
  }
  void finish(ff::Out<double>& out, ff::Context& /*context*/) override {
    out(1000 + count_);
    out(getpid());
  }

 private:
  double period_;
  double lasts_;
  int count_ = 0;
};
FRESHFRAME_NODE(Window, "Window");

class FailsInTime : public ff::Ticking<ff::Node<double, double>> {
 public:
  [[nodiscard]] double tick_every() const override { return 0.05; }
  std::optional<double> process(const ff::Sample<double>& /*sample*/, ff::Context& /*context*/) override {
    return std::nullopt;
  }
  void on_tick(double /*now*/, ff::Out<double>& /*out*/, ff::Context& /*context*/) override {
    throw std::runtime_error("ValueError: no time");
  }
};
FRESHFRAME_NODE(FailsInTime, "FailsInTime");

}  // namespace
