// Findings on one branch while the source of another has a problem: two cameras, with two of each node.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "why/findings.hpp"
#include <gtest/gtest.h>

namespace freshframe::core {
namespace {

using std::chrono::milliseconds;
using Words = std::vector<std::string>;

constexpr milliseconds kLookTime{250};

// left -> L -> from_l, right -> R -> from_r, and left and right -> S -> from_s. The test advances the clock.
class BranchesTest : public testing::Test {
 protected:
  BranchesTest() {
    seen_.phase = LifePhase::Running;
    for (const auto* name : {"left", "right"}) {
      node(name, NodeKind::Source).source.emplace();
      stats(name).source->state = SourceState::Reading;
    }
    for (const auto* name : {"L", "R", "S"}) node(name, NodeKind::Node);
    seen_.readers = {"from_l", "from_r", "from_s"};
    for (const auto& [parent, child] : std::vector<std::pair<std::string, std::string>>{{"left", "L"},
                                                                                        {"L", "from_l"},
                                                                                        {"right", "R"},
                                                                                        {"R", "from_r"},
                                                                                        {"left", "S"},
                                                                                        {"right", "S"},
                                                                                        {"S", "from_s"}})
      connect(parent, child);
  }

  NodeStats& node(const std::string& name, NodeKind kind) {
    NodeStats added;
    added.number = ++last_node_;
    added.name = name;
    added.state = NodeState::Working;
    seen_.stats.nodes.push_back(added);
    auto& shape = seen_.nodes.emplace_back();
    shape.kind = kind;
    shape.live = true;
    return seen_.stats.nodes.back();
  }
  void connect(const std::string& parent, const std::string& child) {
    EdgeStats edge;
    edge.number = ++last_edge_;
    edge.parent = parent;
    edge.child = child;
    edge.queue = {8, WhenFull::DropOldest};
    seen_.stats.edges.push_back(edge);
  }
  NodeStats& stats(const std::string& name) {
    for (auto& each : seen_.stats.nodes)
      if (each.name == name) return each;
    throw std::logic_error("there is no node " + name);
  }
  EdgeStats& edge(const std::string& parent, const std::string& child) {
    for (auto& each : seen_.stats.edges)
      if (each.parent == parent && each.child == child) return each;
    throw std::logic_error("there is no edge from " + parent + " to " + child);
  }

  // Adds 30 samples to the statistics, of which the full queue has dropped 10.
  void overflow(const std::string& parent, const std::string& child) {
    auto& full = edge(parent, child);
    full.passed_in += 30;
    full.delivered += 20;
    full.drops[DropCause::QueueFull] += 10;
    full.waiting = 8;
  }
  void lose(const std::string& name, SourceState state = SourceState::BackingOff) {
    ++stats(name).source->outages;
    stats(name).source->state = state;
    stats(name).source->last_error = "no route to host";
  }

  void run(milliseconds time, const std::function<void()>& step = [] {}) {
    for (milliseconds passed{}; passed < time; passed += kLookTime) {
      step();
      now_ += kLookTime;
      findings_.follow(seen_, now_);
    }
  }
  Words kinds() const {
    Words out;
    for (const auto& one : findings_.present()) out.push_back(one.kind + " " + one.subject);
    return out;
  }
  bool has(const std::string& wanted) const {
    const auto all = kinds();
    return std::ranges::find(all, wanted) != all.end();
  }
  std::string text_of(const std::string& subject) const {
    for (const auto& one : findings_.present())
      if (one.subject == subject) return one.text;
    return {};
  }

  GraphState seen_;
  Findings findings_;
  Findings::Time now_{std::chrono::hours(1)};
  int last_node_ = -1;
  int last_edge_ = -1;
};

// ---- every state of one source, and a cause downstream of the other

struct Ill {
  const char* name;
  std::function<void(NodeStats&, int look)> make;  // called before each look; the first is number 0
  bool is_told = false;                            // whether the source itself is a finding
};

Ill away_in(const char* name, SourceState state, const char* error) {
  return {name,
          [state, error](NodeStats& node, int look) {
            if (look == 0) ++node.source->outages;
            node.source->state = state;
            node.source->last_error = error;
          },
          true};
}

const std::vector<Ill>& illnesses() {
  static const std::vector<Ill> all = {
      away_in("backing_off", SourceState::BackingOff, "connection refused"),
      away_in("wrong_password", SourceState::BackingOff, "401 Unauthorized"),
      away_in("connecting", SourceState::Connecting, "timed out"),
      away_in("resolving", SourceState::Resolving, "the name has no address"),
      away_in("without_a_key_frame", SourceState::WaitingKeyframe, ""),
      away_in("stalled", SourceState::Stalled, ""),
      {"tries_in_turn",
       [](NodeStats& node, int look) {
         if (look == 0) ++node.source->outages;
         node.source->state = look % 5 == 0 ? SourceState::BackingOff : SourceState::Connecting;
       },
       true},
      {"comes_and_goes",
       [](NodeStats& node, int look) {
         if (look % 16 == 0) ++node.source->outages;
         node.source->state = look % 16 < 3 ? SourceState::BackingOff : SourceState::Reading;
       },
       true},
      {"ended",
       [](NodeStats& node, int) {
         node.state = NodeState::Ended;
         node.source->state = SourceState::Closed;
       }},
      {"failed",
       [](NodeStats& node, int) {
         node.state = NodeState::Failed;
         node.source->state = SourceState::Connecting;
       }},
      {"sleeping", [](NodeStats& node, int) { node.source->state = SourceState::Reading; }},
      {"slow",
       [](NodeStats& node, int look) {
         if (look % 8 == 0) ++node.processed;
       }},
  };
  return all;
}

class IllSource : public BranchesTest,
                  public testing::WithParamInterface<std::pair<std::string, std::size_t>> {};

TEST_P(IllSource, LeavesTheFindingsOfTheOtherBranchAndOfWhatBothShare) {
  const auto& [ill, number] = GetParam();
  const auto& illness = illnesses()[number];
  const std::string well = ill == "left" ? "right" : "left";
  const std::string child = ill == "left" ? "R" : "L";
  run(std::chrono::seconds(12));
  int look = 0;
  run(std::chrono::seconds(60), [&] {
    illness.make(stats(ill), look++);
    overflow(well, child);
    overflow(well, "S");
  });
  EXPECT_TRUE(has("queue " + well + "->" + child));
  EXPECT_TRUE(has("queue " + well + "->S"));
  EXPECT_EQ(has("away " + ill), illness.is_told);
  EXPECT_FALSE(has("away " + well));
}

std::vector<std::pair<std::string, std::size_t>> each_of_two() {
  std::vector<std::pair<std::string, std::size_t>> out;
  for (std::size_t i = 0; i < illnesses().size(); ++i) {
    out.emplace_back("left", i);
    out.emplace_back("right", i);
  }
  return out;
}

INSTANTIATE_TEST_SUITE_P(Each, IllSource, testing::ValuesIn(each_of_two()), [](const auto& each) {
  return each.param.first + "_" + illnesses()[each.param.second].name;
});

TEST_F(BranchesTest, BothSourcesMayBeAwayAndBothAreNamedWithTheReason) {
  run(std::chrono::seconds(12));
  lose("left");
  lose("right", SourceState::Stalled);
  stats("right").source->last_error = "";
  run(std::chrono::seconds(250));
  EXPECT_EQ(kinds(), (Words{"away left", "away right"}));
  EXPECT_EQ(text_of("left"), "has delivered no frames for 250 s: no route to host.");
  EXPECT_EQ(text_of("right"), "has delivered no frames for 250 s.");
}

TEST_F(BranchesTest, ASourceThatIsThereFromTheBeginningOnAndIsAwayIsNamedToo) {
  lose("left");
  run(std::chrono::seconds(21));
  EXPECT_EQ(kinds(), Words{"away left"});
}

TEST_F(BranchesTest, OneShortOutageIsNotAFindingNorIsASourceSoonAfterReconnecting) {
  run(std::chrono::seconds(12));
  lose("left");
  run(std::chrono::seconds(2));
  stats("left").source->state = SourceState::Reading;
  run(std::chrono::seconds(30));
  EXPECT_EQ(kinds(), Words());
  lose("left");
  run(std::chrono::seconds(15));
  EXPECT_EQ(kinds(), Words{"away left"});
  stats("left").source->state = SourceState::Reading;
  run(std::chrono::seconds(20));
  EXPECT_EQ(kinds(), Words());
}

TEST_F(BranchesTest, ACameraThatHoldsDamagedPicturesBackAgainAndAgainHidesNoCauseBelowIt) {
  stats("left").processed = 1000;
  int look = 0;
  run(std::chrono::seconds(40), [&] {
    const bool holds = look++ % 16 < 3;
    stats("left").source->state = holds ? SourceState::WaitingKeyframe : SourceState::Reading;
    overflow("left", "L");
  });
  EXPECT_TRUE(has("queue left->L"));
  EXPECT_FALSE(has("away left"));
  EXPECT_TRUE(findings_.list_unsettled(now_).empty());
}

TEST_F(BranchesTest, AReconnectedSourceIsNeverReportedAsSilent) {
  // the source comes back at each position within a window
  for (int looks_away = 40; looks_away < 60; ++looks_away) {
    run(std::chrono::seconds(12));
    lose("left");
    run(looks_away * kLookTime);
    ASSERT_EQ(kinds(), Words{"away left"});
    stats("left").source->state = SourceState::Reading;
    run(std::chrono::seconds(5));
    const auto text = text_of("left");
    EXPECT_TRUE(text.empty() || text.find("% of the last 5 s") != std::string::npos) << text;
    run(std::chrono::seconds(5));
    EXPECT_EQ(kinds(), Words()) << looks_away;
  }
}

TEST_F(BranchesTest, AStallIsReportedWithoutTheErrorOfAnEarlierOutage) {
  run(std::chrono::seconds(12));
  lose("left");
  run(std::chrono::seconds(1));
  stats("left").source->state = SourceState::Reading;
  ++stats("left").source->reconnects;
  run(std::chrono::seconds(120));
  ASSERT_EQ(kinds(), Words());
  stats("left").source->last_error = "no route to host";
  std::string told;
  int look = 0;
  run(std::chrono::seconds(60), [&] {  // is stalled for 4.5 s out of 5.75 s
    stats("left").source->state = look++ % 23 < 18 ? SourceState::Stalled : SourceState::Reading;
    if (const auto text = text_of("left"); text.ends_with("% of the last 5 s.")) told = text;
  });
  EXPECT_TRUE(told.starts_with("has delivered no frames for")) << told;
}

TEST_F(BranchesTest, ASourceThatIsLostEachTwentySecondsIsNamedWithTheNumberOfItsOutages) {
  run(std::chrono::seconds(12));
  int look = 0;
  run(std::chrono::seconds(70), [&] {
    if (look % 80 == 0) lose("left");
    if (look++ % 80 == 8) stats("left").source->state = SourceState::Reading;
  });
  EXPECT_EQ(kinds(), Words{"away left"});
  EXPECT_EQ(text_of("left"), "is lost repeatedly, 4 times so far: no route to host.");
  run(std::chrono::seconds(70));
  EXPECT_EQ(kinds(), Words());
}

TEST_F(BranchesTest, WhatIsBelowAnOutageAloneIsJudgedAgainTenSecondsAfterIt) {
  run(std::chrono::seconds(12));
  lose("left");
  run(std::chrono::seconds(1));
  stats("left").source->state = SourceState::Reading;
  const auto step = [&] {
    overflow("left", "L");
    overflow("left", "S");  // S still has samples from both sources
  };
  run(std::chrono::seconds(18), step);
  EXPECT_FALSE(has("queue left->L"));
  EXPECT_EQ(findings_.list_unsettled(now_), Words());
  run(std::chrono::seconds(8), step);
  EXPECT_TRUE(has("queue left->L"));
}

TEST_F(BranchesTest, WhatIsNotJudgedIsSaid) {
  run(std::chrono::seconds(12));
  EXPECT_EQ(findings_.list_unsettled(now_), Words());
  lose("left");
  run(std::chrono::seconds(1));
  EXPECT_EQ(findings_.list_unsettled(now_), Words{"left"});
  Why why;
  why.is_running = true;
  why.unsettled = findings_.list_unsettled(now_);
  EXPECT_EQ(to_string(why),
            "No finding. Nodes that are only downstream of left are not judged yet: there was an outage or a "
            "change of the graph within the last 10 s.\n");
}

TEST_F(BranchesTest, AReaderThatIsNotReadIsNamedAlthoughItsSourceIsAway) {
  edge("L", "from_l").queue = kLossless;
  edge("L", "from_l").waiting = 8;
  run(std::chrono::seconds(12));
  lose("left");
  run(std::chrono::seconds(20));
  EXPECT_TRUE(has("unread from_l"));
}

TEST_F(BranchesTest, AnEdgeOfOneSourceOnlyIsAsQuietAsThisSource) {
  connect("S", "from_l");
  seen_.stats.edges.back().of = "left";
  run(std::chrono::seconds(12));
  lose("left");
  run(std::chrono::seconds(30), [&] { overflow("S", "from_l"); });
  EXPECT_FALSE(has("queue S->from_l"));
}

// ---- changes of the graph

TEST_F(BranchesTest, AChangeOfOneBranchLeavesTheFindingsOfTheOther) {
  run(std::chrono::seconds(12));
  int look = 0;
  run(std::chrono::seconds(60), [&] {
    overflow("right", "R");
    if (++look % 32 != 0) return;  // a camera and its node are added every eight seconds
    const auto name = "new " + std::to_string(look);
    node(name, NodeKind::Source);
    node(name + "'s", NodeKind::Node);
    connect(name, name + "'s");
  });
  EXPECT_EQ(kinds(), Words{"queue right->R"});
}

TEST_F(BranchesTest, WhatIsBelowAChangeIsNotJudgedForTenSeconds) {
  run(std::chrono::seconds(12));
  edge("left", "L").queue.depth = 9;
  run(std::chrono::seconds(18), [&] { overflow("L", "from_l"); });
  EXPECT_EQ(kinds(), Words());
  run(std::chrono::seconds(6), [&] { overflow("L", "from_l"); });
  EXPECT_EQ(kinds(), Words{"queue L->from_l"});
}

TEST_F(BranchesTest, AGraphThatChangesEachThreeSecondsIsJudgedWhereItDoesNotChange) {
  edge("L", "from_l").queue = kLossless;
  auto& nodes = seen_.stats.nodes;
  auto& edges = seen_.stats.edges;
  const auto to_front = [](auto& list, int count) {
    std::rotate(list.begin(), list.end() - count, list.end());
  };
  int look = 0;
  run(std::chrono::seconds(72), [&] {
    overflow("right", "R");
    stats("L").state = NodeState::Blocked;
    edge("L", "from_l").waiting = 8;
    if (++look % 12 != 0) return;
    if (look % 24 == 0) {  // the guest is removed
      nodes.erase(nodes.begin(), nodes.begin() + 2);
      seen_.nodes.erase(seen_.nodes.begin(), seen_.nodes.begin() + 2);
      edges.erase(edges.begin());
      return;
    }
    node("guest", NodeKind::Source).processed = 1'000'000;
    node("host", NodeKind::Node);
    connect("guest", "host");
    edge("guest", "host").passed_in = 1'000'000;
    to_front(nodes, 2);
    to_front(seen_.nodes, 2);
    to_front(edges, 1);
  });
  EXPECT_EQ(kinds(), (Words{"unread from_l", "queue right->R"}));
}

}  // namespace
}  // namespace freshframe::core
