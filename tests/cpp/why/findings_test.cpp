// Findings: each rule with a planted cause, its threshold, and the windows that it needs.
// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "cpp/why/watched_graph.hpp"
#include <gtest/gtest.h>

namespace freshframe::core {
namespace {

TEST_F(FindingsTest, AQueueThatDropsAndInWhichSamplesWaitIsNamedWithTheWait) {
  ages_.clear();
  edge_ages_[0] = 0.09;
  run(std::chrono::seconds(25), overflow());
  ASSERT_EQ(kinds(), Kinds{"queue cam->X"});
  // 8 samples wait and 120 per second leave, so the wait is 8 / 120 s.
  EXPECT_EQ(
      findings_.present()[0].text,
      "samples wait 67 of the 90 ms of their age in the queue of 8 before X: it holds 8.0, because X takes "
      "one every 12 ms, but one arrives every 8.3 ms.");
  EXPECT_EQ(findings_.present()[0].remedy, "Use queue=LATEST, which has the same rate without this wait.");
  EXPECT_NEAR(findings_.present()[0].evidence.at("wait"), .067, .001);
}

TEST_F(FindingsTest, TheWaitInAQueueIsFromTheRecordsOfTheSamples) {
  spend(.281, AgeKind::Queue, "X", .226);
  run(std::chrono::seconds(25), overflow());
  ASSERT_EQ(kinds(), Kinds{"queue cam->X"});
  EXPECT_TRUE(findings_.present()[0].text.starts_with("samples wait 226 of the 281 ms of their age"));
}

TEST_F(FindingsTest, NothingIsFoundInTheFirstTenSecondsOrInASingleWindow) {
  ages_.clear();
  run(std::chrono::seconds(19), overflow());
  EXPECT_EQ(kinds(), Kinds());
  run(std::chrono::seconds(3), overflow());
  EXPECT_EQ(kinds().size(), 1U);
}

TEST_F(FindingsTest, AFindingGoesAfterThreeWindowsWithoutIt) {
  ages_.clear();
  run(std::chrono::seconds(25), overflow());
  into_x().waiting = 0;
  run(std::chrono::seconds(12));
  EXPECT_EQ(kinds().size(), 1U);
  run(std::chrono::seconds(8));
  EXPECT_EQ(kinds(), Kinds());
}

TEST_F(FindingsTest, AQueueWithoutDropsOrWithSpaceOrLatestIsNotAFinding) {
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

TEST_F(FindingsTest, AWaitThatIsASmallPartOfTheAgeIsNotAFinding) {
  ages_.clear();
  edge_ages_[0] = 2;
  run(std::chrono::seconds(30), overflow());
  EXPECT_EQ(kinds(), Kinds());
}

TEST_F(FindingsTest, AFrozenSourceIsAFindingForAsLongAsItIsFrozen) {
  cam().source.emplace();
  run(std::chrono::seconds(25));
  EXPECT_EQ(kinds(), Kinds());
  cam().source->frozen = "frozen";
  cam().source->frozen_for = 312;
  cam().source->frozen_frames = 156;
  cam().source->frozen_contents = 1;
  run(std::chrono::seconds(1));  // a few looks are enough, because the source's statistics report it
  ASSERT_EQ(kinds(), Kinds{"frozen cam"});
  EXPECT_EQ(findings_.present()[0].text, "has shown the same image for 312 s: 156 keyframes, 1 content.");
  EXPECT_TRUE(findings_.present()[0].remedy.starts_with("Restart the camera"));
  EXPECT_EQ(findings_.present()[0].evidence.at("frozen_for"), 312);
  cam().source->frozen_contents = 156;
  run(std::chrono::seconds(11));
  EXPECT_EQ(findings_.present()[0].text,
            "has probably shown the same image for 312 s: parts of it were repeated in 156 keyframes.");
  cam().source->frozen = "loop";
  cam().source->frozen_period = 14;
  cam().source->frozen_contents = 7;
  run(std::chrono::seconds(11));
  EXPECT_EQ(findings_.present()[0].text,
            "has shown the same images repeatedly for 312 s, every 14 s: 156 keyframes, 7 new ones.");
  cam().source->frozen = "flat";
  run(std::chrono::seconds(11));
  EXPECT_EQ(findings_.present()[0].text, "has shown no contrast for 312 s.");
  EXPECT_TRUE(findings_.present()[0].remedy.starts_with("Look at its image"));
  cam().source->frozen.clear();
  run(std::chrono::seconds(1));
  EXPECT_EQ(kinds(), Kinds());
}

TEST_F(FindingsTest, ACameraWithoutASettingIsNamedWithItsRefusalAsLongAsItRunsSo) {
  cam().source.emplace();
  cam().source->settings_reason = "gain must be 0 to 9, got 20";
  run(std::chrono::seconds(25));
  ASSERT_EQ(kinds(), Kinds{"setting cam"});
  EXPECT_EQ(findings_.present()[0].text, "runs without a setting: gain must be 0 to 9, got 20.");
  cam().source->settings_reason.clear();
  run(std::chrono::seconds(11));
  EXPECT_EQ(kinds(), Kinds());
}

TEST_F(FindingsTest, AProcessorThatDecodesForACardIsNamedWithTheReason) {
  cam().source.emplace();
  cam().source->decoder = "cpu";
  run(std::chrono::seconds(25));
  ASSERT_EQ(kinds(), Kinds());
  cam().source->decoder_reason = "cuda:0: it has failed";
  run(std::chrono::seconds(25));
  ASSERT_EQ(kinds(), Kinds{"decoder cam"});
  EXPECT_EQ(findings_.present()[0].text, "is decoded by the CPU, not by the GPU: cuda:0: it has failed.");
  cam().source->decoder = "cuda:0";
  cam().source->decoder_reason.clear();
  run(std::chrono::seconds(11));
  EXPECT_EQ(kinds(), Kinds());
}

TEST_F(FindingsTest, AReaderThatBlocksAndIsNotReadIsTheCauseAndNotTheNodeThatWaitsForIt) {
  to_reader().waiting = 8;
  x().state = NodeState::Blocked;
  run(std::chrono::seconds(25));
  ASSERT_EQ(kinds(), Kinds{"unread reader"});
  EXPECT_EQ(findings_.present()[0].text,
            "is not read: 8 samples are waiting, and X waits until there is room.");
  EXPECT_EQ(findings_.present()[0].remedy, "Read it, close it, or give it queue=LATEST.");
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
  seen_.nodes[1].live = false;  // a file is supposed to wait for its reader
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
  ages_.clear();
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
  ages_.clear();
  for (int i = 0; i < 30; ++i) {
    overflow()();
    now_ += std::chrono::seconds(1);
    findings_.follow(seen_, now_);
  }
  EXPECT_EQ(kinds(), Kinds());
  run(std::chrono::seconds(25), overflow());
  EXPECT_EQ(kinds().size(), 1U);
  seen_.phase = LifePhase::Ended;
  findings_.follow(seen_, now_);
  EXPECT_EQ(kinds(), Kinds());
}

// ---- the rules of ages

class BatchFinding : public FindingsTest {
 protected:
  BatchFinding() {
    seen_.nodes[1].batch = 8;
    spend(.121, AgeKind::Batch, "X", .100);
  }
  // Counts one call with a batch of `size` per look.
  std::function<void()> calls(int size = 7) {
    return [this, size] {
      ++x().batches[size];
      seen_.stats.elapsed += .25;
    };
  }
};

TEST_F(BatchFinding, NamesABatchThatNeverFills) {
  run(std::chrono::seconds(25), calls());
  ASSERT_EQ(kinds(), Kinds{"batch X"});
  EXPECT_EQ(
      findings_.present()[0].text,
      "waits for batches of 8 that never fill, 7 at most: samples wait 100 of the 121 ms of their age for "
      "it.");
}

TEST_F(BatchFinding, IgnoresFullBatchesAndBusyNodes) {
  run(std::chrono::seconds(30), calls(8));
  EXPECT_EQ(kinds(), Kinds());
  x().busy = .9;
  run(std::chrono::seconds(30), calls());
  EXPECT_EQ(kinds(), Kinds());
}

TEST_F(BatchFinding, ReportsResultsThatArriveTogetherAndAreLost) {
  spend(.040, AgeKind::Batch, "X", .015);  // of the last sample of a batch, the only one that arrives
  const auto lose = [this](std::uint64_t taken) {
    calls()();
    to_reader().passed_in += 7;
    to_reader().delivered += taken;
    to_reader().drops[DropCause::QueueFull] += 7 - taken;
  };
  to_reader().queue = kLatest;
  run(std::chrono::seconds(25), [&] { lose(1); });
  ASSERT_EQ(kinds(), Kinds{"batch X"});
  EXPECT_EQ(
      findings_.present()[0].text,
      "waits for batches of 8 that never fill, 7 at most: 86 % of its results are lost at reader, where "
      "those of a call arrive at the same time.");
  EXPECT_EQ(findings_.present()[0].remedy,
            "Give it a smaller batch, such as Batch(3), or reader a queue such as Queue(8).");
  run(std::chrono::seconds(25), [&] { lose(5); });
  EXPECT_EQ(kinds(), Kinds());
}

TEST_F(BatchFinding, IgnoresResultsLostByASlowReader) {
  spend(.040, AgeKind::Batch, "X", .015);
  to_reader().queue = kLatest;
  std::uint64_t looks = 0;
  run(std::chrono::seconds(30), [&] {
    calls()();
    to_reader().passed_in += 7;
    to_reader().delivered += ++looks % 5 == 0 ? 0 : 1;  // one sample after four of five calls
    to_reader().drops[DropCause::QueueFull] += looks % 5 == 0 ? 7 : 6;
  });
  EXPECT_EQ(kinds(), Kinds());
}

TEST_F(BatchFinding, IgnoresAShortWaitComparedWithTheCall) {
  spend(.121, AgeKind::Batch, "X", .060);  // as long as the call
  run(std::chrono::seconds(30), calls());
  EXPECT_EQ(kinds(), Kinds());
}

TEST_F(FindingsTest, ARecorderThatLosesSamplesIsAFindingButItsDeepQueueIsNot) {
  into_x().queue = kRecording;
  run(std::chrono::seconds(25), overflow(60, 30));
  EXPECT_EQ(kinds(), Kinds());
  run(std::chrono::seconds(15), overflow(60, 15));
  ASSERT_EQ(kinds(), Kinds{"loss cam->X"});
  EXPECT_EQ(
      findings_.present()[0].text,
      "50 % of the samples are lost because the queue RECORDING is full: X takes one every 17 ms, but one "
      "arrives every 8.3 ms.");
  EXPECT_EQ(findings_.present()[0].remedy, "Make X faster, or give it max_rate=54, so that it keeps up.");
}

// The recorder stops for four seconds. The loop tries each position within a window.
TEST_F(FindingsTest, ARecorderThatStoppedOnceIsNotAFinding) {
  into_x().queue = kRecording;
  for (int first = 48; first < 68; ++first) {
    int look = 0;
    run(std::chrono::seconds(90), [&] {
      const bool stands = look >= first && look < first + 16;
      overflow(60, stands ? 15 : 30)();
      ++look;
      EXPECT_EQ(kinds(), Kinds()) << first << ", " << look;
    });
  }
}

TEST_F(FindingsTest, ARecorderThatLosesSamplesNowAndThenIsNamedToo) {
  into_x().queue = kRecording;
  int look = 0;
  const auto now_and_then = [&] { overflow(60, ++look % 120 < 8 ? 20 : 30)(); };  // two of thirty seconds
  run(std::chrono::seconds(80), now_and_then);
  EXPECT_EQ(kinds(), Kinds{"loss cam->X"});
  run(std::chrono::seconds(70), overflow(60, 30));
  EXPECT_EQ(kinds(), Kinds());
}

class ProcessorFinding : public FindingsTest {
 protected:
  // In each second, threads wait for a CPU for `all` seconds in total, of which the thread of X waits `of_x`.
  void wait(double all, double of_x) {
    run_queue_.node_threads = {{1, 101}};
    run(std::chrono::seconds(25), [this, all, of_x] {
      run_queue_.waited[101] += .25 * of_x;
      run_queue_.waited[102] += .25 * (all - of_x);
      x().processed += 10;
    });
  }
};

TEST_F(ProcessorFinding, NamesFullProcessors) {
  spend(.060, AgeKind::Call, "X", .060);
  wait(4, 1);  // 25 ms of each sample
  ASSERT_EQ(kinds(), Kinds{"processors reader"});
  EXPECT_EQ(
      findings_.present()[0].text,
      "the processors are busy: on average 4.0 threads of this program are ready to run but wait for one, "
      "and samples wait 25 of the 60 ms of their age for it.");
}

TEST_F(ProcessorFinding, IgnoresASingleWaitingThreadAndUnrelatedThreads) {
  spend(.060, AgeKind::Call, "X", .060);
  wait(.9, .9);
  EXPECT_EQ(kinds(), Kinds());
  wait(4, .1);
  EXPECT_EQ(kinds(), Kinds());
}

TEST_F(ProcessorFinding, OfBranchesThatMeetASampleTakesOne) {
  spend(.060, AgeKind::Call, "X", .060);
  age().interval = 1.0 / 120;  // only a third of these samples comes from X: 8 ms per sample
  wait(4, 1);
  EXPECT_EQ(kinds(), Kinds());
}

TEST_F(FindingsTest, BurstsAreNamedIfTheirSamplesWait) {
  paces_["cam"] = {.samples = 150, .mean = .033, .median = .0016};
  spend(.040, AgeKind::Queue, "X", .030);
  run(std::chrono::seconds(25));
  ASSERT_EQ(kinds(), Kinds{"bursts cam"});
  spend(.040, AgeKind::Queue, "X", .001);
  run(std::chrono::seconds(25));
  EXPECT_EQ(kinds(), Kinds());
}

TEST_F(FindingsTest, BurstsAreNamedIfTheirSamplesAreLostAlthoughThereIsTime) {
  paces_["cam"] = {.samples = 150, .mean = .033, .median = .0016};
  into_x().queue = kLatest;
  run(std::chrono::seconds(25), overflow(0, 2));
  EXPECT_EQ(kinds(), Kinds{"bursts cam"});
  paces_["cam"].median = .030;
  run(std::chrono::seconds(25), overflow(0, 2));
  EXPECT_EQ(kinds(), Kinds());
}

// ---- their order

TEST_F(FindingsTest, FrozenSourcesComeFirstThenWhatExplainsMostOfTheAge) {
  spend(.300, AgeKind::Queue, "X", .200);
  age().parts.push_back({AgeKind::Gil, "X", .100, .100});
  to_reader().waiting = 8;
  run(std::chrono::seconds(25), [&, step = overflow()] {
    step();
    x().gil_wait += .1;
  });
  EXPECT_EQ(kinds(), (Kinds{"unread reader", "queue cam->X", "gil_wait X"}));
}

TEST_F(FindingsTest, TheFirstOneStaysSoUntilAnotherExplainsClearlyMore) {
  const auto explain = [&](double queue, double gil) {
    spend(.300, AgeKind::Queue, "X", queue);
    age().parts.push_back({AgeKind::Gil, "X", gil, gil});
    run(std::chrono::seconds(15), [&, step = overflow()] {
      step();
      x().gil_wait += .1;
    });
    return kinds().front();
  };
  run(std::chrono::seconds(10));
  EXPECT_EQ(explain(.120, .110), "queue cam->X");
  EXPECT_EQ(explain(.110, .120), "queue cam->X");
  EXPECT_EQ(explain(.110, .140), "gil_wait X");
}

TEST_F(FindingsTest, TheWorstOfSeveralNewOnesTakesTheFirstPlace) {
  ages_.clear();
  for (const auto* name : {"Y", "Z"}) {
    seen_.stats.nodes.push_back(x());
    seen_.stats.nodes.back().name = name;
    seen_.stats.nodes.back().number = static_cast<int>(seen_.stats.nodes.size()) - 1;
    seen_.nodes.push_back(seen_.nodes[1]);
    seen_.stats.edges.push_back(into_x());
    seen_.stats.edges.back().child = name;
    seen_.stats.edges.back().number = static_cast<int>(seen_.stats.edges.size()) - 1;
  }
  for (auto& edge : seen_.stats.edges) edge.queue = {64, WhenFull::DropOldest};
  const auto step = [this](std::uint64_t others) {
    return [this, others] {
      for (const std::size_t i : {0U, 2U, 3U}) {
        auto& edge = seen_.stats.edges[i];
        edge.passed_in += 30;
        edge.delivered += 20;
        edge.drops[DropCause::QueueFull] += 10;
        edge.waiting = i == 0 ? 25 : others == 0 ? 0 : i == 2 ? 32 : 37;
      }
    };
  };
  run(std::chrono::seconds(25), step(0));
  ASSERT_EQ(kinds(), Kinds{"queue cam->X"});
  run(std::chrono::seconds(25), step(1));
  EXPECT_EQ(kinds(), (Kinds{"queue cam->Z", "queue cam->Y", "queue cam->X"}));
}

}  // namespace
}  // namespace freshframe::core
