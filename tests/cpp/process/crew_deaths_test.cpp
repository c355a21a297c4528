// Failures and deaths of the workers of a node. The workers run the program crew_worker.cpp.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/sample.hpp"

#include <csignal>
#include <cstdint>
#include <filesystem>
#include <string>

#include "core/pipeline/runner/node_errors.hpp"
#include "cpp/process/crew_rig.hpp"
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace freshframe::process {
namespace {

NodeError failure_of(Rig<>& rig) {
  try {
    rig.pipeline.wait();
  } catch (const NodeError& error) {
    return error;
  }
  ADD_FAILURE() << "it did not fail";
  return {"", {}};
}

void expect_sample(const NodeError& failure, std::int64_t seq, const std::string& value) {
  EXPECT_EQ(failure.seq(), seq);
  EXPECT_EQ(failure.source(), "source");
  ASSERT_TRUE(failure.sample()) << failure.what();
  EXPECT_EQ(failure.sample()->stamp.seq, seq);
  EXPECT_EQ(*failure.sample()->value.as<std::string>(), value);
}

// Replaces each socket to a worker by a file that is not a socket.
void break_channels() {
  const int file = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    const int number = std::stoi(entry.path().filename());
    int type = 0;
    socklen_t size = sizeof type;
    const bool is_socket = ::getsockopt(number, SOL_SOCKET, SO_TYPE, &type, &size) == 0;
    if (is_socket && type == SOCK_SEQPACKET) ::dup3(file, number, O_CLOEXEC);
  }
  ::close(file);
}

TEST(Crew, FailsWithTheExceptionOfItsNode) {
  Rig rig;
  rig.start();
  rig.push({"a", "fail bad luck"});
  const auto text = test::message_of<NodeError>([&] { rig.pipeline.wait(); });
  EXPECT_TRUE(contains(text, "node 'w' failed on sample 1 of 'source': bad luck")) << text;
}

TEST(Crew, ContinuesAfterAnExceptionIfRequested) {
  Rig rig({.skips_errors = true});
  rig.start();
  rig.push({"fail bad luck", "a"});
  EXPECT_EQ(rig.get(), "a");
  EXPECT_EQ(test::drops_of(rig.stats(), NodeDropCause::Error), 1U);
  EXPECT_EQ(rig.worker().restarts, 0U);
}

TEST(Crew, DropsASampleWhosePictureIsLostWithItsCard) {
  for (const bool skips_errors : {false, true}) {
    Rig rig({.skips_errors = skips_errors});
    rig.start();
    rig.push({"lose cuda:0", "a"});
    EXPECT_EQ(rig.get(), "a");
    EXPECT_EQ(test::drops_of(rig.stats(), NodeDropCause::Device), 1U);
    EXPECT_EQ(rig.stats().dropped, 1U);
    EXPECT_EQ(rig.stats().last_error, "cuda:0");
    EXPECT_EQ(rig.worker().restarts, 0U);
  }
}

// Outside of a sample, a device error cannot be handled by dropping the sample.
TEST(Crew, FailsWithADeviceErrorOutsideOfASample) {
  for (const auto* const mode : {"loses a picture in open", "loses a picture in close"}) {
    Rig rig({}, mode);
    try {
      rig.start();
      rig.feed.finish();
      rig.pipeline.wait();
      ADD_FAILURE() << mode;
    } catch (const NodeError& error) {
      EXPECT_TRUE(core::is_device_error(error.cause())) << mode;
    }
  }
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
  Rig rig({.max_restarts = 10});
  rig.start();
  rig.push({"exit", "exit", "exit", "a", "exit", "b"});
  EXPECT_EQ(rig.get(), "a");
  EXPECT_EQ(rig.get(), "b");
  Texts delays;
  const std::string before = "another one will start in ";
  for (const auto& line : rig.lines.all()) {
    const auto at = line.find(before);
    if (at != std::string::npos) delays.push_back(line.substr(at + before.size()));
  }
  EXPECT_EQ(delays, (Texts{"0.1 s", "0.2 s", "0.4 s", "0.1 s"}));
}

TEST(Crew, GivesUpAfterTooManyDeaths) {
  Rig rig({.max_restarts = 1});
  rig.start();
  rig.push({"exit", "exit", "a"});
  const auto failure = failure_of(rig);
  EXPECT_EQ(
      std::string(failure.what()),
      "node 'w' failed on sample 1 of 'source': its worker died: exited with status 7, 2 times in 60 s");
  expect_sample(failure, 1, "exit");
  EXPECT_EQ(test::drops_of(rig.stats(), NodeDropCause::Worker), 2U);
}

TEST(Crew, GivesUpThoughItSkipsExceptions) {
  Rig rig({.max_restarts = 0, .skips_errors = true});
  rig.start();
  rig.push({"die", "a"});
  expect_sample(failure_of(rig), 0, "die");
  EXPECT_EQ(test::drops_of(rig.stats(), NodeDropCause::Worker), 1U);
  EXPECT_EQ(test::drops_of(rig.stats(), NodeDropCause::Error), 0U);
}

TEST(Crew, FailsWithTheSampleOfAWorkerThatIsKilledForItsSilence) {
  Rig rig({.timeout = Seconds{0.2}, .max_restarts = 0});
  rig.start();
  rig.push({"hang"});
  expect_sample(failure_of(rig), 0, "hang");
}

TEST(Crew, FailsWithTheSampleOfAWorkerThatIsKilledForAnInvalidMessage) {
  Rig rig({.max_restarts = 0});
  rig.start();
  rig.push({"lie garbage"});
  expect_sample(failure_of(rig), 0, "lie garbage");
}

TEST(Crew, FailsWithTheSampleThatItCannotSend) {
  Rig rig;
  rig.embedder.on_encode = [](const std::string& text) {
    if (text == "b") break_channels();
  };
  rig.start();
  rig.push({"a", "b"});
  const auto failure = failure_of(rig);
  EXPECT_TRUE(contains(failure.what(), "cannot send to another process")) << failure.what();
  expect_sample(failure, 1, "b");
}

TEST(Crew, CountsALaterFailureToOpenAsADeath) {
  const Marks marks;
  Rig rig({.max_restarts = 1}, "opens once " + marks.path("opened"));
  rig.start();
  rig.push({"exit", "a"});
  const auto text = test::message_of<NodeError>([&] { rig.pipeline.wait(); });
  EXPECT_TRUE(contains(text, "its open() failed: cannot open, 2 times in 60 s")) << text;
}

TEST(Crew, UsesWhatAWorkerSentBeforeItDied) {
  Rig rig;
  rig.start();
  rig.push({"last words"});
  EXPECT_EQ(rig.get(), "last words");
  wait_until([&] { return rig.worker().restarts == 1; });
  rig.push({"a"});
  EXPECT_EQ(rig.get(), "a");
  EXPECT_EQ(rig.stats().dropped, 0U);
}

TEST(Crew, ReplacesAWorkerThatDiesWithItsResultHalfSent) {
  Rig rig;
  rig.start();
  rig.push({"die replying", "a"});
  EXPECT_EQ(rig.get(), "a");
  EXPECT_EQ(test::drops_of(rig.stats(), NodeDropCause::Worker), 1U);
}

// The worker's child keeps the socket open in another session, so the stream itself never ends.
TEST(Crew, SeesADeathThoughAChildOfTheWorkerHasItsSocketAndHearsNoneOfIt) {
  const Marks marks;
  Rig rig;
  rig.start();
  rig.push({"leave an heir " + marks.path("speak"), "a"});
  EXPECT_EQ(rig.get(), "a");
  EXPECT_EQ(rig.worker().restarts, 1U);
  marks.set("speak");
  wait_until([&] { return std::filesystem::exists(marks.path("speak.done")); });
  rig.push({"b"});
  EXPECT_EQ(rig.get(), "b");
  EXPECT_EQ(rig.worker().restarts, 1U);
  EXPECT_EQ(rig.worker().processed, 2U);
}

TEST(Crew, ReportsAWorkerThatWasReapedElsewhere) {
  const auto before = std::signal(SIGCHLD, SIG_IGN);
  Rig rig;
  rig.start();
  rig.push({"exit", "a"});
  EXPECT_EQ(rig.get(), "a");
  EXPECT_TRUE(contains(rig.log(), "an unknown status: another waitpid() reaped it")) << rig.log();
  rig.stop();
  std::signal(SIGCHLD, before);
}

TEST(Crew, DropsNothingOfADeathWhileItsWorkersAreIdleAndManyDieAtOnce) {
  Rig rig({.workers = 4, .max_restarts = 100});
  rig.start();
  for (int round = 0; round < 3; ++round) {
    for (const int pid : rig.pids()) ::kill(pid, SIGKILL);
    wait_until([&] {
      std::uint64_t restarts = 0;
      for (std::size_t seat = 0; seat < 4; ++seat) restarts += rig.worker(seat).restarts;
      return restarts == 4U * static_cast<unsigned>(round + 1) && rig.pids().size() == 4;
    });
    rig.push({"a", "b"});
    EXPECT_EQ(rig.get(), "a");
    EXPECT_EQ(rig.get(), "b");
  }
  EXPECT_EQ(rig.stats().dropped, 0U);
}

}  // namespace
}  // namespace freshframe::process
