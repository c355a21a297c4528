// Findings: each rule with a planted cause, its threshold, and the windows that it needs.
// SPDX-License-Identifier: Apache-2.0
#include "serve/state/findings.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace freshframe::serve {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLook{250};

// cam -> X -> reader, looked at four times per second of a clock that only the test moves.
class FindingsTest : public testing::Test {
 protected:
  FindingsTest() {
    seen_.phase = core::LifePhase::Running;
    for (const auto* name : {"cam", "X"}) {
      NodeStats node;
      node.name = name;
      node.state = NodeState::Working;
      seen_.stats.nodes.push_back(node);
      core::GraphNode kind;
      kind.live = true;
      seen_.nodes.push_back(kind);
    }
    seen_.readers = {"reader"};
    seen_.stats.edges.resize(2);
    into_x().parent = "cam";
    into_x().child = "X";
    into_x().queue = {8, WhenFull::DropOldest};
    to_reader().parent = "X";
    to_reader().child = "reader";
    to_reader().queue = kLossless;
  }

  NodeStats& cam() { return seen_.stats.nodes[0]; }
  NodeStats& x() { return seen_.stats.nodes[1]; }
  EdgeStats& into_x() { return seen_.stats.edges[0]; }
  EdgeStats& to_reader() { return seen_.stats.edges[1]; }

  // A look, again and again; `step` is what happens between two.
  void run(std::chrono::seconds time, const std::function<void()>& step = [] {}) {
    for (milliseconds passed{}; passed < time; passed += kLook) {
      step();
      now_ += kLook;
      findings_.follow(seen_, now_);
    }
  }

  // 30 samples per second come, `taken` are taken, `waiting` wait.
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

  core::GraphState seen_;
  Findings findings_;
  Findings::Time now_{std::chrono::hours(1)};
};

TEST_F(FindingsTest, AQueueThatDropsAndInWhichSamplesWaitIsNamedWithTheWait) {
  into_x().age_p50 = 0.09;
  run(std::chrono::seconds(25), overflow());
  ASSERT_EQ(kinds(), Kinds{"queue cam->X"});
  // 8 wait, and 120 leave per second: four steps with 30 in it.
  EXPECT_EQ(
      findings_.present()[0].text,
      "samples wait for 67 ms on average: 8.0 of 8 wait, since X takes 80.0 per second of 120.0. queue=LATEST "
      "has the same rate without this wait");
}

TEST_F(FindingsTest, NothingIsSaidInTheFirstTenSecondsNorOfOneWindow) {
  run(std::chrono::seconds(19), overflow());
  EXPECT_EQ(kinds(), Kinds());
  run(std::chrono::seconds(3), overflow());
  EXPECT_EQ(kinds().size(), 1U);
}

TEST_F(FindingsTest, AFindingGoesAfterThreeWindowsWithoutIt) {
  run(std::chrono::seconds(25), overflow());
  into_x().waiting = 0;
  run(std::chrono::seconds(12));
  EXPECT_EQ(kinds().size(), 1U);
  run(std::chrono::seconds(8));
  EXPECT_EQ(kinds(), Kinds());
}

TEST_F(FindingsTest, AQueueThatDropsNothingOrHasRoomOrIsLatestIsNone) {
  run(std::chrono::seconds(30), [this] {
    into_x().passed_in += 30;
    into_x().delivered += 30;
    into_x().waiting = 8;
  });
  EXPECT_EQ(kinds(), Kinds());
  run(std::chrono::seconds(30), overflow(1));
  EXPECT_EQ(kinds(), Kinds());
  into_x().queue = kLatest;
  run(std::chrono::seconds(40), overflow());
  EXPECT_EQ(kinds(), Kinds());
}

TEST_F(FindingsTest, AWaitThatIsASmallPartOfTheAgeIsNone) {
  into_x().age_p50 = 2;
  run(std::chrono::seconds(30), overflow());
  EXPECT_EQ(kinds(), Kinds());
}

TEST_F(FindingsTest, AReaderThatBlocksAndIsNotReadIsTheCauseAndNotTheNodeThatWaitsForIt) {
  to_reader().waiting = 8;
  x().state = NodeState::Blocked;
  run(std::chrono::seconds(25));
  ASSERT_EQ(kinds(), Kinds{"unread reader"});
  EXPECT_EQ(findings_.present()[0].text,
            "is not read: 8 samples wait, and X waits for room. Read it, close it, or give it queue=LATEST");
}

TEST_F(FindingsTest, ASlowReaderThatIsReadIsNotUnread) {
  to_reader().waiting = 8;
  int looks = 0;
  run(std::chrono::seconds(25), [&] { to_reader().delivered += ++looks % 10 == 0 ? 1 : 0; });
  EXPECT_EQ(kinds(), Kinds());
}

TEST_F(FindingsTest, ANodeBelowALiveSourceThatWaitsForAChildMostOfTheTimeIsNamed) {
  to_reader().waiting = 8;
  int looks = 0;
  const auto blocked = [&] {
    ++looks;
    x().state = looks % 4 == 0 ? NodeState::Working : NodeState::Blocked;
    to_reader().delivered += 1;
  };
  run(std::chrono::seconds(25), blocked);
  ASSERT_EQ(kinds(), Kinds{"blocked X"});
  EXPECT_TRUE(findings_.present()[0].text.starts_with("waits 75 % of the time until reader has room"))
      << findings_.present()[0].text;
  seen_.nodes[1].live = false;  // below a file that is right
  run(std::chrono::seconds(25), blocked);
  EXPECT_EQ(kinds(), Kinds());
}

TEST_F(FindingsTest, AMaxAgeThatDropsMoreThanItLetsThroughIsNamed) {
  run(std::chrono::seconds(25), [this] {
    to_reader().delivered += 1;
    to_reader().drops[DropCause::Stale] += 3;
  });
  ASSERT_EQ(kinds(), Kinds{"stale X->reader"});
  EXPECT_TRUE(
      findings_.present()[0].text.starts_with("75 % of the samples are older than max_age when reader"));
}

TEST_F(FindingsTest, WorkersThatDieInTwoWindowsAreNamedAndOneThatDiedOnceIsNot) {
  x().workers.resize(1);
  run(std::chrono::seconds(12));
  x().workers[0].restarts = 1;
  run(std::chrono::seconds(15));
  EXPECT_EQ(kinds(), Kinds());
  int looks = 0;
  run(std::chrono::seconds(15), [&] { x().workers[0].restarts += ++looks % 8 == 0 ? 1 : 0; });
  EXPECT_EQ(kinds(), Kinds{"worker X"});
}

TEST_F(FindingsTest, AnOutageAndAChangeOfTheGraphBeginAnew) {
  cam().source.emplace();
  cam().source->state = SourceState::Reading;
  run(std::chrono::seconds(19), overflow());
  cam().source->outages = 1;
  run(std::chrono::seconds(15), overflow());
  EXPECT_EQ(kinds(), Kinds());
  into_x().queue.depth = 9;
  run(std::chrono::seconds(15), overflow());
  EXPECT_EQ(kinds(), Kinds());
  run(std::chrono::seconds(10), overflow());
  EXPECT_EQ(kinds().size(), 1U);
}

TEST_F(FindingsTest, AWindowWithFewLooksIsNotJudgedAndAnEndForgetsAll) {
  for (int i = 0; i < 30; ++i) {
    overflow()();
    now_ += std::chrono::seconds(1);
    findings_.follow(seen_, now_);
  }
  EXPECT_EQ(kinds(), Kinds());
  run(std::chrono::seconds(25), overflow());
  EXPECT_EQ(kinds().size(), 1U);
  seen_.phase = core::LifePhase::Ended;
  findings_.follow(seen_, now_);
  EXPECT_EQ(kinds(), Kinds());
}

}  // namespace
}  // namespace freshframe::serve
