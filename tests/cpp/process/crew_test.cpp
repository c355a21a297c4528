// The control thread of a node in worker processes, with the program crew_worker.cpp as its workers: results,
// deaths, restarts, stops, limits, lies.
// SPDX-License-Identifier: Apache-2.0
#include "process/crew/crew.hpp"

#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/pipeline/pipeline_access.hpp"
#include "cpp/core/test_nodes.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>
#include <sys/types.h>
#include <unistd.h>

namespace freshframe::process {
namespace {

using test::contains;
using test::wait_until;

/// Texts as values.
class TextEmbedder final : public Embedder {
 public:
  EncodedValue encode(const ValueRef& value) override {
    const auto* const text = value.as<std::string>();
    if (text == nullptr) throw OptionTypeError("no text");
    auto kept = std::make_shared<const std::string>(*text);
    return {1, {std::as_bytes(std::span(*kept))}, kept};
  }
  ValueRef decode(ReceivedValue value, const std::string& /*producer*/) override {
    if (value.kind() != 1) throw ProtocolError("no text");
    const auto bytes = value.bytes();
    return ValueRef::make<std::string>({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  }
  std::exception_ptr cause_of(WorkerFailure failure) override {
    return std::make_exception_ptr(std::runtime_error(failure.text));
  }
  void log(int /*level*/, const std::string& /*logger*/, const std::string& /*text*/) override {}
  const PixelOps& pixel_ops() const override { return basic_pixel_ops(); }
  std::string version() const override { return "1"; }
};

/// A folder for files that tell workers something.
class Marks {
 public:
  Marks() {
    auto pattern = (std::filesystem::temp_directory_path() / "freshframe-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw Error("cannot make a temporary folder");
    path_ = pattern;
  }
  Marks(const Marks&) = delete;
  Marks& operator=(const Marks&) = delete;
  ~Marks() { std::filesystem::remove_all(path_); }
  [[nodiscard]] std::string path(const std::string& name) const { return (path_ / name).string(); }
  void set(const std::string& name) const { std::ofstream(path(name)) << "set"; }

 private:
  std::filesystem::path path_;
};

/// A source, a node in worker processes of `mode`, a reader.
template <class T = std::string>
class Rig {
 public:
  explicit Rig(const CrewOptions& options = {}, const std::string& mode = {}, Pipeline::Options whole = {},
               const std::string& version = "1")
      : pipeline(std::move(whole)) {
    Recipe recipe{.arguments = {FRESHFRAME_CREW_WORKER, std::to_string(::getpid())},
                  .environment = {"VERSION=" + version},
                  .payload = {}};
    const auto bytes = std::as_bytes(std::span(mode));
    recipe.payload.assign(bytes.begin(), bytes.end());
    auto made = std::make_unique<ProcessNode>(NodeDescription{.name = "w"}, options, std::move(recipe));
    node = made.get();
    const AnyPort parents[] = {pipeline.add(test::feed_source(feed, test::Kind::File)).node};
    AddOptions add{.name = "w"};
    if (options.skips_errors) add.on_error = OnError::Skip;
    index_ = pipeline.add_any(std::move(made), parents, add);
    reader.emplace(pipeline.reader(Port<T>{index_}));
    set_log_sink([this](LogLevel, std::string_view line) { lines.add(std::string(line)); });
  }
  Rig(const Rig&) = delete;
  Rig& operator=(const Rig&) = delete;
  ~Rig() {
    stop();
    set_log_sink({});
  }

  void start() {
    pipeline.start({.start_outside = [this] {
      thread_ = std::jthread([this] {
        auto& worker = core::PipelineAccess::core(pipeline)->worker(index_);
        worker.adopt_thread();
        Crew(*core::PipelineAccess::core(pipeline), worker, embedder_).run();
      });
    }});
  }
  /// Kills at once what does not end by itself; afterwards every sample is accounted for, and no process is
  /// left.
  void stop(Seconds patience = Seconds{0}) {
    const auto before = pids();
    node->kill_by(std::chrono::steady_clock::now() + to_duration(patience));
    core::PipelineAccess::core(pipeline)->request_stop();
    if (thread_.joinable()) thread_.join();
    pipeline.stop(Seconds{60});
    const auto stats = pipeline.stats();
    const auto found = test::node_of(pipeline, "w");
    EXPECT_EQ(stats.edges.at(0).delivered, found.processed + found.dropped + found.in_flight);
    EXPECT_EQ(found.in_flight, 0U);
    for (const auto& worker : node->workers()) EXPECT_EQ(worker.pid, 0);
    for (const int pid : before) EXPECT_EQ(::kill(pid, 0), -1) << "process " << pid << " is there";
  }
  void push(std::initializer_list<T> values) {
    for (const auto& value : values) feed.push(value);
  }
  T get() { return reader->get(Seconds{60}).value().value; }
  std::vector<T> rest() {
    std::vector<T> found;
    while (auto sample = reader->get(Seconds{60})) found.push_back(sample->value);
    return found;
  }
  [[nodiscard]] WorkerStats worker(std::size_t seat = 0) const { return node->workers().at(seat); }
  [[nodiscard]] NodeStats stats() const { return test::node_of(pipeline, "w"); }
  [[nodiscard]] std::vector<int> pids() const {
    std::vector<int> found;
    for (const auto& each : node->workers()) {
      if (each.pid != 0) found.push_back(each.pid);
    }
    return found;
  }
  [[nodiscard]] std::string log() const {
    std::string text;
    for (const auto& line : lines.all()) text += line + "\n";
    return text;
  }
  void await(WorkerState state) {
    wait_until([&] { return worker().state == state; });
  }

  test::Feed<T> feed;
  test::Seen<std::string> lines;
  test::CheckedPipeline pipeline;
  ProcessNode* node = nullptr;
  std::optional<Reader<T>> reader;

 private:
  TextEmbedder embedder_;
  int index_ = -1;
  std::jthread thread_;
};

using Texts = std::vector<std::string>;

/// What start() throws.
std::string failure_of_start(Rig<>& rig) {
  return test::message_of<NodeError>([&] { rig.start(); });
}

// ---- results

TEST(Crew, GivesResultsInTheOrderOfTheSamples) {
  const Marks marks;
  Rig rig({.workers = 2});
  rig.start();
  rig.push({"wait " + marks.path("go"), "b"});
  wait_until([&] { return rig.worker(0).samples + rig.worker(1).samples == 1; });
  EXPECT_FALSE(rig.reader->poll()) << "the second came before the first";
  EXPECT_EQ(rig.stats().in_flight, 2U) << "what waits for its order is in flight";
  marks.set("go");
  EXPECT_TRUE(rig.get().starts_with("wait"));
  EXPECT_EQ(rig.get(), "b");
}

TEST(Crew, GivesResultsAsTheyComeWhenToldSo) {
  const Marks marks;
  Rig rig({.workers = 2, .ordered = false});
  rig.start();
  rig.push({"wait " + marks.path("go"), "b"});
  EXPECT_EQ(rig.get(), "b");
  marks.set("go");
  EXPECT_TRUE(rig.get().starts_with("wait"));
}

TEST(Crew, EndsWithItsInput) {
  Rig rig({.workers = 3});
  rig.start();
  Texts all;
  for (int i = 0; i < 200; ++i) all.push_back(std::to_string(i));
  for (const auto& text : all) rig.feed.push(text);
  rig.feed.finish();
  EXPECT_EQ(rig.rest(), all);
  EXPECT_TRUE(rig.pipeline.wait());
  EXPECT_EQ(rig.worker().state, WorkerState::Ended);
}

TEST(Crew, EmitsNothingForNothing) {
  Rig rig;
  rig.start();
  rig.push({"nothing", "a"});
  EXPECT_EQ(rig.get(), "a");
  EXPECT_EQ(rig.stats().processed, 2U);
}

TEST(Crew, TakesLargeResultsAndRefusesThoseBeyondTheLimit) {
  Rig rig({.skips_errors = true});
  rig.start();
  rig.push({"large 1", "large 3", "large 50", "large 1100", "end"});
  EXPECT_EQ(rig.get().size(), 1'000'000U);
  EXPECT_EQ(rig.get().size(), 3'000'000U);
  EXPECT_EQ(rig.get().size(), 50'000'000U);
  EXPECT_EQ(rig.get(), "end");
  EXPECT_TRUE(contains(rig.stats().last_error, "more than a worker may send, 1024 MiB"))
      << rig.stats().last_error;
}

TEST(Crew, GivesAWorkersInputBackAndEndsItsLeases) {
  Rig<Frame> rig;
  rig.start();
  FrameBuilder builder({.width = 640, .height = 480, .format = PixelFormat::Gray});
  const auto frame = std::move(builder).publish(basic_pixel_ops());
  rig.push({frame});
  EXPECT_TRUE(rig.get().shares(frame));
  EXPECT_EQ(rig.pipeline.stats().held_bytes, 0U);
}

TEST(Crew, CountsWhatAWorkerKeepsUntilItEnds) {
  Rig<Frame> rig({.restarts = 5}, "keeps frames");
  rig.start();
  constexpr std::size_t kBytes = std::size_t{640} * 480;
  for (int i = 0; i < 4; ++i) {
    FrameBuilder builder({.width = 640, .height = 480, .format = PixelFormat::Gray});
    rig.push({std::move(builder).publish(basic_pixel_ops())});
    (void)rig.get();
  }
  wait_until([&] { return rig.pipeline.stats().held_bytes == 4 * kBytes; });
  ::kill(rig.worker().pid, SIGKILL);
  wait_until([&] { return rig.pipeline.stats().held_bytes <= kBytes; });  // the reader has the newest
}

// ---- failures and deaths

TEST(Crew, FailsWithTheExceptionOfItsNode) {
  Rig rig;
  rig.start();
  rig.push({"a", "fail bad luck"});
  const auto text = test::message_of<NodeError>([&] { rig.pipeline.wait(); });
  EXPECT_TRUE(contains(text, "node 'w' failed on sample 1 of 'source': bad luck")) << text;
}

TEST(Crew, GoesOnAfterAnExceptionWhenToldSo) {
  Rig rig({.skips_errors = true});
  rig.start();
  rig.push({"fail bad luck", "a"});
  EXPECT_EQ(rig.get(), "a");
  EXPECT_EQ(test::drops_of(rig.stats(), NodeDropCause::Error), 1U);
  EXPECT_EQ(rig.worker().restarts, 0U);
}

TEST(Crew, ReplacesAWorkerThatDiesAtWork) {
  Rig rig;
  rig.start();
  rig.push({"a", "die", "b"});
  EXPECT_EQ(rig.get(), "a");
  EXPECT_EQ(rig.get(), "b");
  EXPECT_EQ(test::drops_of(rig.stats(), NodeDropCause::Worker), 1U);
  EXPECT_EQ(rig.worker().restarts, 1U);
  EXPECT_TRUE(contains(rig.log(), "died: killed by signal 9 (Killed) (on sample 1 of 'source')"))
      << rig.log();
}

TEST(Crew, ReplacesAWorkerThatDiesIdle) {
  Rig rig;
  rig.start();
  rig.push({"a"});
  EXPECT_EQ(rig.get(), "a");
  rig.await(WorkerState::Idle);
  ::kill(rig.worker().pid, SIGKILL);
  wait_until([&] { return rig.worker().restarts == 1 && rig.worker().state == WorkerState::Idle; });
  rig.push({"b"});
  EXPECT_EQ(rig.get(), "b");
  EXPECT_EQ(rig.stats().dropped, 0U);
}

TEST(Crew, KeepsTheOrderWhenTheFirstOfTwoDies) {
  Rig rig({.workers = 2});
  rig.start();
  rig.push({"die", "a", "b", "c"});
  EXPECT_EQ(rig.get(), "a");
  EXPECT_EQ(rig.get(), "b");
  EXPECT_EQ(rig.get(), "c");
}

TEST(Crew, RestsLongerFromDeathToDeathUntilAResultIsDelivered) {
  Rig rig({.restarts = 10});
  rig.start();
  rig.push({"exit", "exit", "exit", "a", "exit", "b"});
  EXPECT_EQ(rig.get(), "a");
  EXPECT_EQ(rig.get(), "b");
  Texts delays;
  for (const auto& line : rig.lines.all()) {
    const auto at = line.find("another one starts in ");
    if (at != std::string::npos) delays.push_back(line.substr(at + 22));
  }
  EXPECT_EQ(delays, (Texts{"0.1 s", "0.2 s", "0.4 s", "0.1 s"}));
}

TEST(Crew, GivesUpAfterTooManyDeaths) {
  Rig rig({.restarts = 1});
  rig.start();
  rig.push({"exit", "exit", "a"});
  const auto text = test::message_of<NodeError>([&] { rig.pipeline.wait(); });
  EXPECT_TRUE(
      contains(text, "its worker died: exited with status 7 (on sample 1 of 'source'), 2 times in 60 s"))
      << text;
  EXPECT_EQ(test::drops_of(rig.stats(), NodeDropCause::Worker), 2U);
}

TEST(Crew, CountsALaterFailureToOpenAsADeath) {
  const Marks marks;
  Rig rig({.restarts = 1}, "opens once " + marks.path("opened"));
  rig.start();
  rig.push({"exit", "a"});
  const auto text = test::message_of<NodeError>([&] { rig.pipeline.wait(); });
  EXPECT_TRUE(contains(text, "its open() failed: cannot open, 2 times in 60 s")) << text;
}

// ---- the start

TEST(Crew, StartsOnlyWhenEveryWorkerHasOpened) {
  Rig failing({.workers = 2}, "fails in open");
  EXPECT_TRUE(contains(failure_of_start(failing), "node 'w' failed: cannot open"));
}

TEST(Crew, SaysThatAWorkerDiedWhileItStarted) {
  Rig dying({}, "dies in open");
  const auto text = failure_of_start(dying);
  EXPECT_TRUE(contains(text, "its worker died: killed by signal 9 (Killed) while it started")) << text;
}

TEST(Crew, RefusesAWorkerOfAnotherVersion) {
  Rig old({}, {}, {}, "0");
  const auto text = failure_of_start(old);
  EXPECT_TRUE(contains(text, "it runs freshframe 0, this process 1")) << text;
}

TEST(Crew, NeedsTheRealClock) {
  Pipeline::Options options;
  options.clock = std::make_shared<SimulatedClock>();
  Rig simulated({}, {}, options);
  EXPECT_TRUE(contains(failure_of_start(simulated), "worker processes need the real clock"));
}

// ---- the stop, in each state

TEST(Crew, StopsWhileItsWorkersStart) {
  Rig rig({}, "hangs in open");
  std::jthread starter([&] {
    try {
      rig.start();
    } catch (const Error&) {  // or not: the stop came first
    }
  });
  wait_until([&] { return rig.worker().pid != 0; });
  rig.node->kill_by(std::chrono::steady_clock::now());
  core::PipelineAccess::core(rig.pipeline)->request_stop();
  starter.join();
  rig.stop();
  EXPECT_EQ(rig.worker().state, WorkerState::Ended);
}

TEST(Crew, StopsWhileItsWorkersAreIdle) {
  Rig rig({.workers = 2});
  rig.start();
  rig.stop(Seconds{30});
  EXPECT_FALSE(contains(rig.log(), "worker")) << rig.log();
}

TEST(Crew, LetsAWorkerFinishItsSampleWhenItStops) {
  const Marks marks;
  Rig rig;
  rig.start();
  rig.push({"wait " + marks.path("go")});
  rig.await(WorkerState::Working);
  std::jthread stopper([&] { rig.stop(Seconds{30}); });
  wait_until([&] { return core::PipelineAccess::core(rig.pipeline)->stop_token().stop_requested(); });
  marks.set("go");
  stopper.join();
  EXPECT_EQ(rig.stats().processed, 1U);
}

TEST(Crew, KillsAWorkerThatDoesNotFinishWhenTheStopsTimeIsOver) {
  Rig rig;
  rig.start();
  rig.push({"hang"});
  rig.await(WorkerState::Working);
  rig.stop();
  EXPECT_EQ(test::drops_of(rig.stats(), NodeDropCause::Stop), 1U);
}

TEST(Crew, StopsWhileAWorkerRests) {
  Rig rig({.restarts = 10});
  rig.start();
  rig.push({"exit", "exit", "exit", "exit"});
  rig.await(WorkerState::Resting);
  rig.stop();
  EXPECT_EQ(rig.worker().state, WorkerState::Ended);
}

TEST(Crew, KillsAWorkerThatHangsInClose) {
  Rig rig({}, "hangs in close");
  rig.start();
  rig.feed.finish();
  rig.await(WorkerState::Closing);
  rig.stop();
  EXPECT_TRUE(contains(rig.log(), "a worker of 'w' was killed: the stop's time was over")) << rig.log();
}

TEST(Crew, FailsWhenItsNodeCannotClose) {
  Rig rig({}, "fails in close");
  rig.start();
  rig.feed.finish();
  const auto text = test::message_of<NodeError>([&] { rig.pipeline.wait(); });
  EXPECT_TRUE(contains(text, "cannot close")) << text;
}

// ---- limits and lies

TEST(Crew, KillsAWorkerThatTakesTooLongAndKeepsItsStacks) {
  Rig rig({.timeout = Seconds{0.2}});
  rig.start();
  rig.push({"hang", "a"});
  EXPECT_EQ(rig.get(), "a");
  EXPECT_TRUE(contains(rig.log(), "it took longer than timeout=0.2 s")) << rig.log();
  const auto notes = core::PipelineAccess::core(rig.pipeline)->errors().since(0);
  ASSERT_EQ(notes.size(), 1U);
  EXPECT_TRUE(contains(notes[0].traceback, "stacks of the helper"));
}

TEST(Crew, KillsAWorkerThatDoesNotRead) {
  Rig rig({}, "deaf");
  rig.start();
  const std::string large(kMostInline, 'x');
  rig.push({large, large, large, large, large, large, large, large});
  wait_until([&] { return rig.worker().restarts > 0; });
  EXPECT_TRUE(contains(rig.log(), "was killed: it did not read what it was sent")) << rig.log();
}

TEST(Crew, KillsAWorkerThatSaysWhatCannotBe) {
  const Texts lies{"garbage",           "other sample",       "lease",
                   "failure and lease", "opened again",       "closed unasked",
                   "value of no bytes", "picture of no bytes"};
  Rig rig({.restarts = 100});
  rig.start();
  for (const auto& what : lies) {
    rig.lines.clear();
    rig.push({"lie " + what, what});
    EXPECT_EQ(rig.get(), what);
    EXPECT_TRUE(contains(rig.log(), "was killed: it sent what cannot be")) << what << ": " << rig.log();
  }
  EXPECT_EQ(test::drops_of(rig.stats(), NodeDropCause::Worker), lies.size());
}

}  // namespace
}  // namespace freshframe::process
