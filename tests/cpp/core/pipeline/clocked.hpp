// A node with ticks and final results, whose behaviour a test defines by functions.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/pipeline.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace freshframe::test {

/// Overrides of Clocked's default behaviour.
struct ClockHooks {
  Seconds period{1};
  std::function<std::optional<int>(const Sample<int>&, const Context&)> process = {};
  std::function<void(TimePoint, Out<int>&, const Context&)> on_tick = {};
  std::function<void(int)> source_gone = {};
  bool gives_last_of_source = false;
  std::function<void(Out<int>&)> finish = {};
  std::function<void()> close = {};
};

/// Counts its samples. Each tick emits the number since the previous one, and finish() emits the rest.
class Clocked final : public Finishing<Ticking<Node<int, int>>> {
 public:
  explicit Clocked(ClockHooks hooks) : hooks_(std::move(hooks)) {}
  [[nodiscard]] std::string default_name() const override { return "clocked"; }
  [[nodiscard]] std::optional<Seconds> tick_every() const override { return hooks_.period; }
  std::optional<int> process(const Sample<int>& sample, const Context& context) override {
    ++count_;
    return hooks_.process ? hooks_.process(sample, context) : std::nullopt;
  }
  void on_tick(TimePoint now, Out<int>& out, const Context& context) override {
    if (hooks_.on_tick) return hooks_.on_tick(now, out, context);
    out(std::exchange(count_, 0));
  }
  [[nodiscard]] NodeContract contract() const override {
    auto own = Finishing::contract();
    own.gives_last_of_source = hooks_.gives_last_of_source;
    return own;
  }
  void source_gone(int source) override {
    if (hooks_.source_gone) hooks_.source_gone(source);
  }
  void finish(Out<int>& out, const Context& /*context*/) override {
    if (hooks_.finish) return hooks_.finish(out);
    out(100 + count_);
  }
  void close() override {
    if (hooks_.close) hooks_.close();
  }

 private:
  ClockHooks hooks_;
  int count_ = 0;
};

inline std::unique_ptr<Clocked> clocked(ClockHooks hooks = {}) {
  return std::make_unique<Clocked>(std::move(hooks));
}

inline std::vector<int> values(const std::vector<Sample<int>>& samples) {
  std::vector<int> result;
  for (const auto& sample : samples) result.push_back(sample.value);
  return result;
}

}  // namespace freshframe::test
