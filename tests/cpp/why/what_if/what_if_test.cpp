// Predictions from recordings that the test writes: what is known, what is not, and the reason.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/what_if.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <stop_token>
#include <string>

#include "why/predictions.hpp"
#include "why/what_if/recording.hpp"
#include <gtest/gtest.h>

namespace freshframe::core {
namespace {

constexpr TimePoint kRecorded{std::chrono::hours(1)};
constexpr int kCam = 0;
constexpr int kA = 1;
constexpr int kEndReader = -1;

TimePoint after(double seconds) {
  return kRecorded + to_duration(Seconds(seconds));
}

EdgeOptions edge_of(int parent, const Queue& queue) {
  EdgeOptions options;
  options.parent = parent;
  options.queue = queue;
  options.sources = {kCam};
  options.number = parent;
  return options;
}

// cam (0), 30 per second -> A (1), LATEST, 60 ms -> reader: 20 s of it.
class Predicted : public testing::Test {
 protected:
  Predicted() {
    rec_.runs = true;
    rec_.uptime = 20;
    rec_.processors = 2;
    auto& cam = rec_.nodes[kCam];
    cam = {.name = "cam", .is_source = true, .is_live = true, .processed = 600};
    cam.computed = 0.02;
    for (int i = 0; i < 600; ++i) cam.calls.push_back(called(i, kCam, interval_ * i, interval_ * i + .0003));
    auto& a = rec_.nodes[kA];
    a = {.name = "A",
         .is_outside = true,
         .edges = {edge_of(kCam, kLatest)},
         .processed = 300,
         .passed = {600}};
    a.computed = 0.1;
    auto& reader = rec_.nodes[kEndReader];
    reader = {.name = "reader", .is_reader = true, .edges = {edge_of(kA, Queue{64})}, .passed = {300}};
    rec_.present = {{.consumer = "reader", .sources = {"cam"}, .is_reader = true}};
    run_a(.06);
  }

  static Call called(std::int64_t seq, int from, double taken, double done) {
    auto call = Call::make({.seq = seq, .source = kCam, .part = 0, .from = from});
    call.taken = after(taken);
    call.done = after(done);
    return call;
  }

  // A takes the newest sample when it is free.
  void run_a(double time) {
    auto& calls = a().calls;
    calls.clear();
    std::int64_t last = -1;
    double sum = 0;
    for (double now = .001; now < 19.9;) {
      const auto newest = static_cast<std::int64_t>((now - .0004) / interval_);
      if (newest == last) {
        now = interval_ * static_cast<double>(last + 1) + .0005;
        continue;
      }
      last = newest;
      calls.push_back(called(last, kCam, now, now + time));
      now += time + 1e-5;
      sum += now - interval_ * static_cast<double>(last);
    }
    remember(sum);
  }

  // A takes the oldest of the eight newest when it is free, and has done so for long.
  void run_a_below_eight(double time) {
    auto& calls = a().calls;
    calls.clear();
    a().edges.front().queue = Queue{8};
    std::int64_t next = -20;
    double sum = 0;
    double now = .001;
    while (now < 19.9) {
      const auto newest = static_cast<std::int64_t>(std::floor((now - .0004) / interval_));
      next = std::max(next, newest - 7);
      calls.push_back(called(next, kCam, now, now + time));
      sum += now + time - interval_ * static_cast<double>(next++);
      now += time + 1e-5;
    }
    remember(sum);
  }

  void remember(double sum_of_ages) {
    const auto count = static_cast<double>(a().calls.size());
    present().samples = a().calls.size();
    present().mean = sum_of_ages / count;
    present().interval = 19.9 / count;
  }

  [[nodiscard]] WhatIf ask(const std::string& question) const {
    const auto [node, change] = Question::parse(question);
    return what_if(rec_, node, change);
  }
  [[nodiscard]] std::string reason(const std::string& question) const {
    const auto answer = ask(question);
    EXPECT_EQ(answer.is_known(), answer.reason.empty());
    return answer.reason;
  }
  RecordedNode& cam() { return rec_.nodes.at(kCam); }
  RecordedNode& a() { return rec_.nodes.at(kA); }
  Age& present() { return rec_.present.front(); }
  RecordedNode& reader() { return rec_.nodes.at(kEndReader); }

  double interval_ = 1.0 / 30;
  Recording rec_;
};

// Cameras of 30 pictures per second during a minute. A takes each at once.
Recording many_cameras(int count) {
  constexpr int kPictures = 1800;
  constexpr double kInterval = 1.0 / 30;
  constexpr int kNode = 1000;
  Recording out{.runs = true, .uptime = 60, .processors = 8};
  auto& a = out.nodes[kNode];
  a = {.name = "A"};
  auto& reader = out.nodes[kEndReader];
  reader = {.name = "reader", .is_reader = true, .edges = {edge_of(kNode, Queue{64})}};
  reader.edges.front().sources.clear();
  const auto add_call = [&](RecordedNode& to, int seq, int source, double taken, double done) {
    auto& call = to.calls.emplace_back(Call::make({.seq = seq, .source = source}));
    call.taken = after(taken);
    call.done = after(done);
  };
  for (int source = 0; source < count; ++source) {
    auto& cam = out.nodes[source];
    cam = {.name = "cam" + std::to_string(source), .is_source = true, .is_live = true, .computed = .02};
    for (int i = 0; i < kPictures; ++i) add_call(cam, i, source, kInterval * i, kInterval * i + .0003);
    cam.processed = kPictures;
    a.edges.push_back(edge_of(source, kLatest));
    a.edges.back().sources = {source};
    a.passed.push_back(kPictures);
    a.processed += kPictures;
    reader.edges.front().sources.push_back(source);
  }
  const double apart = kInterval / count;
  for (int i = 0; i < 4096; ++i) add_call(a, i, 0, 60 - apart * (4096 - i), 60 - apart * (4096 - i) + 1e-4);
  a.computed = .1;
  reader.passed = {a.processed};
  out.present = {{.consumer = "reader", .sources = {"cam0"}, .is_reader = true}};
  out.present.front().samples = a.processed;
  out.present.front().mean = .0005;
  out.present.front().interval = apart;
  return out;
}

bool holds(const Range& interval, double value) {
  return interval.low <= value && value <= interval.high;
}

TEST_F(Predicted, TheAgesAndTheRateOfAnotherQueue) {
  const auto next = ask("A: queue=NEXT");
  ASSERT_TRUE(next.is_known()) << next.reason;
  ASSERT_EQ(next.outcomes.size(), 1U);
  const auto& outcome = next.outcomes.front();
  EXPECT_EQ(outcome.consumer, "reader");
  EXPECT_TRUE(outcome.is_reader);
  ASSERT_TRUE(outcome.age_p50) << outcome.reason;
  EXPECT_TRUE(holds(*outcome.age_p50, .0604)) << outcome.age_p50->low << " " << outcome.age_p50->high;
  EXPECT_LT(outcome.age_p99->high, .065);
  EXPECT_TRUE(holds(*outcome.rate, 15)) << outcome.rate->low << " " << outcome.rate->high;
  EXPECT_NEAR(outcome.rate_now, 1 / .06, .2);
  EXPECT_NEAR(outcome.age_mean_now, .077, .003);
  EXPECT_EQ(next.calls, a().calls.size());
  EXPECT_NEAR(next.duration, 20, .2);

  const auto deep = ask("A: queue=Queue(8)");
  ASSERT_TRUE(deep.is_known() && deep.outcomes.front().age_mean) << deep.reason;
  EXPECT_GT(deep.outcomes.front().age_mean->low, .28);  // between seven and eight intervals, and its call
  EXPECT_LT(deep.outcomes.front().age_mean->high, .34);
}

TEST_F(Predicted, TheEffectOfARemedyIsWhatARunWithItGives) {
  run_a(.0463);
  const double real = present().mean;  // below LATEST
  run_a_below_eight(.0463);
  EXPECT_GT(present().mean, .25);
  const auto effect = find_effect(ask("A: queue=LATEST"));
  ASSERT_TRUE(effect);
  EXPECT_LE(effect->evidence.at("predicted_low"), real);
  EXPECT_GE(effect->evidence.at("predicted_high"), real);
  EXPECT_TRUE(effect->text.starts_with("With queue=LATEST at A, samples would be 6")) << effect->text;
  EXPECT_NE(effect->text.find(" old on average when they reach reader, 99 of 100 at most "),
            std::string::npos)
      << effect->text;
  EXPECT_EQ(effect->text.find("now"), std::string::npos) << effect->text;  // the rate stays what it is
  EXPECT_TRUE(find_effect(ask("A: max_rate=5"))->text.ends_with(" per second (now 21.6)."))
      << find_effect(ask("A: max_rate=5"))->text;
}

TEST_F(Predicted, WhatIsNotKnownHasNoEffect) {
  EXPECT_FALSE(find_effect(ask("A: speed=1.9")));  // a load near one
  a().joins = true;
  EXPECT_FALSE(find_effect(ask("A: queue=NEXT")));
}

TEST_F(Predicted, AQuestionThatIsTakenBackIsNotAnswered) {
  const std::stop_source stopping;
  stopping.request_stop();
  const auto [node, change] = Question::parse("A: queue=NEXT");
  EXPECT_EQ(what_if(rec_, node, change, stopping.get_token()).reason, "the question was taken back");
}

TEST_F(Predicted, WorkersASpeedAndARate) {
  const auto two = ask("A: workers=2");
  ASSERT_TRUE(two.is_known()) << two.reason;
  EXPECT_TRUE(holds(*two.outcomes.front().rate, 30));
  const auto fast = ask("A: speed=1.9");
  ASSERT_TRUE(fast.is_known()) << fast.reason;
  // 31.6 ms for each 33.3: a load near one.
  EXPECT_FALSE(fast.outcomes.front().age_mean);
  EXPECT_NE(fast.outcomes.front().reason.find("of the work that it can do"), std::string::npos);
  EXPECT_TRUE(holds(*fast.outcomes.front().rate, 30));
  const auto slower = ask("cam: rate=10");
  ASSERT_TRUE(slower.is_known()) << slower.reason;
  EXPECT_TRUE(holds(*slower.outcomes.front().rate, 10));
  EXPECT_TRUE(holds(*slower.outcomes.front().age_mean, .0604));
  const auto limited = ask("A: max_rate=5");
  ASSERT_TRUE(limited.is_known()) << limited.reason;
  EXPECT_TRUE(holds(*limited.outcomes.front().rate, 5)) << limited.outcomes.front().rate->low;
  EXPECT_TRUE(holds(*limited.outcomes.front().age_mean, .0604));
}

TEST_F(Predicted, ARateThatIsHardlyAny) {
  for (const auto* const rate : {"1e-3", "1e-9", "1e-11", "1e-12", "1e-300"}) {
    const auto answer = ask("cam: rate=" + std::string(rate));
    ASSERT_TRUE(answer.is_known()) << rate << ": " << answer.reason;
    EXPECT_EQ(answer.outcomes.front().reason, "hardly a sample would come") << rate;
    EXPECT_EQ(answer.outcomes.front().rate->low, 0) << rate;
  }
}

TEST_F(Predicted, AQueueThatIsDeeperThanThereAreSamples) {
  const auto deep = ask("A: queue=Queue(1048576)");
  const auto whole = ask("A: queue=Queue(4000)");
  ASSERT_TRUE(deep.is_known() && whole.is_known()) << deep.reason << whole.reason;
  EXPECT_EQ(deep.outcomes.front().rate->middle, whole.outcomes.front().rate->middle);
}

// A minute of that number of samples took seconds, in which the page waited, and a deep queue gigabytes.
TEST_F(Predicted, ManyCamerasAreNotPlayedForAMinute) {
  const auto recording = many_cameras(24);
  for (const auto* const queue : {"LATEST", "Queue(1048576)"}) {
    const auto [node, change] = Question::parse("A: queue=" + std::string(queue));
    const auto answer = what_if(recording, node, change);
    ASSERT_TRUE(answer.is_known()) << answer.reason;
    EXPECT_NEAR(answer.duration, 60, 1);  // seconds of records; a second or two of it is played
    ASSERT_TRUE(answer.outcomes.front().age_mean) << answer.outcomes.front().reason;
    EXPECT_TRUE(holds(*answer.outcomes.front().rate, 24 * 30)) << queue;
  }
}

TEST_F(Predicted, TheSameRecordsGiveTheSameAnswer) {
  EXPECT_EQ(to_string(ask("A: queue=Queue(4)")), to_string(ask("A: queue=Queue(4)")));
}

TEST_F(Predicted, NothingFromFewCallsAndNothingOfAPipelineThatDoesNotRun) {
  a().calls.resize(150);
  EXPECT_EQ(reason("A: queue=NEXT"), "not yet: 'A' has made 150 of the 200 calls that it takes");
  rec_.runs = false;
  EXPECT_EQ(reason("A: queue=NEXT"), "the pipeline does not run");
}

TEST_F(Predicted, NothingBesideAUserOfTheGil) {
  a().gil_hold = .9;  // 4.5 %
  EXPECT_EQ(reason("A: queue=NEXT"), "");
  a().gil_hold = 1.4;
  EXPECT_EQ(reason("A: queue=NEXT"),
            "'A' holds the GIL 7 % of the time: how Python's threads would share it then is not recorded");
  a().gil_hold = 0;
  a().gil_wait = 3;
  EXPECT_TRUE(reason("A: workers=2").starts_with("'A' waits for the GIL 15 % of the time"));
  a().is_outside = false;  // a native node has no part in it
  EXPECT_EQ(reason("A: queue=NEXT"), "");
}

TEST_F(Predicted, NothingBesideFullProcessors) {
  a().computed = 18;  // of 20 s: 0.9 of a processor
  EXPECT_EQ(reason("A: queue=NEXT"), "");
  EXPECT_TRUE(reason("A: workers=4").starts_with("its nodes would compute for 1.")) << reason("A: workers=4");
  rec_.processors = 4;
  EXPECT_EQ(reason("A: workers=4"), "");
  a().starved = 3;  // 10 ms of each call
  EXPECT_EQ(
      reason("A: queue=NEXT"),
      "'A' waits for a processor for 10 ms per sample, before its calls and within them, and these take 60 ms: "
      "what other threads leave it is not recorded");
  a().computed.reset();
  EXPECT_EQ(reason("A: queue=NEXT"), "the kernel does not count the processor time of threads here");
}

// The thread waits when a sample has woken it, too: so the wait may be longer than the calls, and is no part of them.
TEST_F(Predicted, AWaitForAProcessorIsNoPartOfTheCalls) {
  for (auto& call : a().calls) call.done = call.taken + std::chrono::milliseconds(1);
  a().starved = 4.8;  // 16 ms of each sample
  EXPECT_TRUE(reason("A: speed=2")
                  .starts_with("'A' waits for a processor for 16 ms per sample, before its calls and "
                               "within them, and these take 1.0 ms"))
      << reason("A: speed=2");
  a().starved = .12;  // 0.4 ms of each sample: what a prediction leaves for it
  EXPECT_FALSE(reason("A: speed=2").starts_with("'A' waits for a processor")) << reason("A: speed=2");
}

TEST_F(Predicted, NotYetIsSaidOnlyWhereMoreCallsWouldHelp) {
  rec_.nodes.at(0).calls.resize(40);
  EXPECT_TRUE(reason("cam: rate=60")
                  .starts_with("'cam' gives 30.0 samples per second: the calls for those of a faster "
                               "one are not recorded"))
      << reason("cam: rate=60");
  EXPECT_TRUE(reason("cam: rate=20").starts_with("not yet: 'cam' has given 40 of the 200 samples"))
      << reason("cam: rate=20");
  rec_.nodes.at(0).calls.resize(20);  // too few to prove a rate
  EXPECT_TRUE(reason("cam: rate=60").starts_with("not yet: 'cam' has given 20 of the 200 samples"))
      << reason("cam: rate=60");
}

TEST_F(Predicted, NothingOfBatchesOfOtherSizes) {
  a().takes_batches = true;
  EXPECT_NE(reason("A: batch=Batch(4, max_wait=0.1), queue=Queue(8)").find("batches of other sizes"),
            std::string::npos);
  EXPECT_EQ(reason("A: batch=1"), "");
}

TEST_F(Predicted, NothingOfAFasterSource) {
  EXPECT_EQ(reason("cam: rate=60"),
            "'cam' gives 30.0 samples per second: the calls for those of a faster one are not recorded");
}

TEST_F(Predicted, NothingOfJoinsTicksFiltersFilesAndSlowReaders) {
  const auto with = [&](const auto& plant) {
    const auto before = rec_;
    plant();
    auto text = reason("A: queue=NEXT");
    rec_ = before;
    return text;
  };
  EXPECT_TRUE(with([&] { a().joins = true; }).starts_with("'A' is a join"));
  EXPECT_TRUE(with([&] { a().has_own_stream = true; }).starts_with("'A' gives results of its own"));
  EXPECT_TRUE(with([&] { a().gives_several = true; }).starts_with("'A' gives several results per sample"));
  EXPECT_TRUE(with([&] { cam().is_live = false; }).starts_with("'cam' is a file"));
  EXPECT_TRUE(with([&] { cam().waited = 1'000'000'000; }).starts_with("'cam' waits for room"));
  EXPECT_TRUE(with([&] {
                reader().passed = {150};
              }).starts_with("'A' has given 'reader' results for 150 of 300 samples"));
  EXPECT_TRUE(with([&] {
                reader().edges.front().queue = kLossless;
                a().waited = 5'000'000'000;
              }).starts_with("reader 'reader' blocks, and 'A' waits for it"));
  EXPECT_EQ(with([] {}), "");
}

TEST_F(Predicted, NothingThatMakesALiveSourceWait) {
  EXPECT_EQ(reason("A: queue=LOSSLESS"),
            "a source would wait for room: what it does with its samples meanwhile is not recorded");
}

TEST_F(Predicted, NothingFromRecordsThatDoNotExplainThePresent) {
  present().mean += .001;
  EXPECT_EQ(reason("A: queue=NEXT"), "");
  present().mean += .05;
  EXPECT_TRUE(reason("A: queue=NEXT")
                  .starts_with("the records do not explain the present: 'reader' gets samples that are 1"))
      << reason("A: queue=NEXT");
  present().parts = {{AgeKind::Queue, "reader", .05, .05}};  // the reader's own wait
  EXPECT_EQ(reason("A: queue=NEXT"), "");
  present().interval = .1;
  EXPECT_TRUE(
      reason("A: queue=NEXT").starts_with("the records do not explain the present: 'reader' gets 10.0"))
      << reason("A: queue=NEXT");
}

TEST_F(Predicted, AChangeThatTheNodeCannotHaveIsRefused) {
  EXPECT_THROW((void)ask("B: queue=NEXT"), GraphError);
  EXPECT_THROW((void)ask("reader: queue=NEXT"), OptionError);
  EXPECT_THROW((void)ask("cam: queue=NEXT"), OptionError);
  EXPECT_THROW((void)ask("A: rate=10"), OptionError);
  EXPECT_THROW((void)ask("A: batch=4"), OptionError);
  EXPECT_THROW((void)ask("A: workers=0"), OptionError);
  EXPECT_THROW((void)ask("A: speed=1e-300"), OptionError);
  EXPECT_THROW((void)ask("A: speed=1001"), OptionError);
  a().edges.push_back(a().edges.front());  // a merge, for which add() refuses it, too
  EXPECT_THROW((void)ask("A: queue=NEXT"), GraphError);
  EXPECT_THROW((void)ask("A: speed=-1"), OptionError);
  EXPECT_THROW((void)what_if(rec_, "A", {}), OptionError);
}

TEST(Questions, AreReadAndWrittenInTheSameWords) {
  const auto both = [](const std::string& text) {
    const auto [node, change] = Question::parse(text);
    return node + ": " + to_string(change);
  };
  EXPECT_EQ(both("A: queue=NEXT"), "A: queue=NEXT");
  EXPECT_EQ(both("a:b: queue=Queue(8, drop_newest), workers=2"),
            "a:b: queue=Queue(8, drop_newest), workers=2");
  EXPECT_EQ(both("A:max_rate=12.5,max_age=0.5"), "A: max_age=0.5, max_rate=12.5");
  EXPECT_EQ(both("A: batch=Batch(4, max_wait=0.1), speed=2"), "A: batch=Batch(4, max_wait=0.1), speed=2");
  EXPECT_EQ(both("A: batch=4, queue=Queue(8, \"block\")"), "A: queue=LOSSLESS, batch=4");
  for (const auto* const wrong : {"A", "A: queue", "A: queue=SOON", "A: depth=3", "A: workers=two",
                                  "A: queue=Queue()", "A: rate=1, rate=2", "A: queue=NEXT, queue=LATEST"})
    EXPECT_THROW((void)Question::parse(wrong), OptionError) << wrong;
}

}  // namespace
}  // namespace freshframe::core
