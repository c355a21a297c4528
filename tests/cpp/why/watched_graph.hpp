// A small graph whose findings a test checks.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "why/findings.hpp"
#include <gtest/gtest.h>

namespace freshframe::core {

/// Simulated statistics of cam -> X -> reader. The test advances the clock; findings look four times per second.
class FindingsTest : public testing::Test {
 protected:
  static constexpr std::chrono::milliseconds kLook{250};

  FindingsTest() {
    seen_.phase = LifePhase::Running;
    for (const auto* name : {"cam", "X"}) {
      NodeStats node;
      node.number = static_cast<int>(seen_.stats.nodes.size());
      node.name = name;
      node.state = NodeState::Working;
      seen_.stats.nodes.push_back(node);
      GraphNode kind;
      kind.live = true;
      seen_.nodes.push_back(kind);
    }
    seen_.nodes.front().kind = NodeKind::Source;
    seen_.readers = {"reader"};
    seen_.stats.edges.resize(2);
    into_x().parent = "cam";
    into_x().child = "X";
    into_x().queue = {8, WhenFull::DropOldest};
    to_reader().parent = "X";
    to_reader().child = "reader";
    to_reader().queue = kLossless;
    into_x().number = 0;
    to_reader().number = 1;
    ages_ = {{.consumer = "reader", .sources = {"cam"}, .is_reader = true, .samples = 300}};
  }

  Age& age() { return ages_.front(); }
  // Sets the age of samples at the reader: `whole` seconds, of which `time` has this kind and the rest is X's call.
  void spend(double whole, AgeKind kind, const std::string& node, double time) {
    age().mean = whole;
    age().parts = {{kind, node, time, time}, {AgeKind::Call, "X", whole - time, whole - time}};
  }

  NodeStats& cam() { return seen_.stats.nodes[0]; }
  NodeStats& x() { return seen_.stats.nodes[1]; }
  EdgeStats& into_x() { return seen_.stats.edges[0]; }
  EdgeStats& to_reader() { return seen_.stats.edges[1]; }

  // Looks repeatedly until `time` has passed. Calls `step` before each look.
  void run(std::chrono::seconds time, const std::function<void()>& step = [] {}) {
    for (std::chrono::milliseconds passed{}; passed < time; passed += kLook) {
      step();
      now_ += kLook;
      findings_.follow(seen_, now_);
    }
  }

  // Returns a step for run(): 30 samples arrive, X takes `taken` of them, and `waiting` are in its queue.
  std::function<void()> overflow(std::uint64_t waiting = 8, double taken = 20) {
    return [this, waiting, taken] {
      into_x().passed_in += 30;
      into_x().delivered += static_cast<std::uint64_t>(taken);
      into_x().drops[DropCause::QueueFull] += 30 - static_cast<std::uint64_t>(taken);
      into_x().waiting = waiting;
    };
  }

  [[nodiscard]] std::vector<std::string> kinds() const {
    std::vector<std::string> out;
    for (const auto& one : findings_.present()) out.push_back(one.kind + " " + one.subject);
    return out;
  }
  using Kinds = std::vector<std::string>;

  GraphState seen_;
  std::vector<Age> ages_;
  RunQueue run_queue_;
  std::map<std::int64_t, double> edge_ages_;
  std::map<std::string, Pace> paces_;
  Circumstances around_;
  Findings findings_{{.circumstances = [this] { return around_; },
                      .ages = [this] { return ages_; },
                      .run_queue = [this] { return run_queue_; },
                      .edge_ages = [this] { return edge_ages_; },
                      .paces = [this] { return paces_; }}};
  Findings::Time now_{std::chrono::hours(1)};
};

}  // namespace freshframe::core
