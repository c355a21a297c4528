// What happens to a worker that takes too long, does not read, or sends invalid messages.
// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "core/pipeline/pipeline_access.hpp"
#include "core/pipeline/pipeline_core.hpp"
#include "cpp/process/crew_rig.hpp"

namespace freshframe::process {
namespace {

TEST(Crew, KillsAWorkerThatTakesTooLongAndKeepsItsStacks) {
  bool has_stacks = false;
  // Retried: on a busy machine, a worker may be killed before it has written its stacks.
  for (int attempt = 0; attempt < 20 && !has_stacks; ++attempt) {
    Rig rig({.timeout = Seconds{0.2}});
    rig.start();
    rig.push({"hang", "a"});
    EXPECT_EQ(rig.get(), "a");
    EXPECT_TRUE(contains(rig.log(), "it took longer than timeout=0.2 s")) << rig.log();
    const auto notes = core::PipelineAccess::core(rig.pipeline)->errors().since(0);
    ASSERT_EQ(notes.size(), 1U);
    has_stacks = contains(notes[0].traceback, "stacks of the helper");
  }
  EXPECT_TRUE(has_stacks);
}

TEST(Crew, KillsAWorkerThatDoesNotRead) {
  Rig rig({}, "deaf");
  rig.start();
  const std::string large(kMostInline, 'x');
  rig.push({large, large, large, large, large, large, large, large});
  wait_until([&] { return rig.worker().restarts > 0; });
  EXPECT_TRUE(contains(rig.log(), "was killed: it did not read its messages")) << rig.log();
}

TEST(Crew, KillsAWorkerThatSendsInvalidMessages) {
  const Texts lies{"garbage",           "other sample",        "lease",
                   "failure and lease", "opened again",        "closed unasked",
                   "value of no bytes", "picture of no bytes", "released lease",
                   "failed outside",    "input of no frame",   "descriptor",
                   "too much"};
  Rig rig({.max_restarts = 100});
  rig.start();
  for (const auto& what : lies) {
    rig.lines.clear();
    rig.push({"lie " + what, what});
    EXPECT_EQ(rig.get(), what);
    EXPECT_TRUE(contains(rig.log(), "was killed: it sent an invalid message")) << what << ": " << rig.log();
  }
  EXPECT_EQ(test::drops_of(rig.stats(), NodeDropCause::Worker), lies.size());
}

TEST(Crew, KillsAWorkerThatGivesALeaseBackTwice) {
  for (const auto* const mode : {"gives back twice", "gives back twice at once"}) {
    Rig<Frame> rig({.max_restarts = 100}, mode);
    rig.start();
    FrameBuilder builder({.width = 64, .height = 48, .format = PixelFormat::Gray});
    rig.push({std::move(builder).publish(basic_pixel_ops())});
    wait_until([&] { return rig.worker().restarts > 0; });
    EXPECT_TRUE(
        contains(rig.log(), "it sent an invalid message: it returned lease 1, which it does not hold"))
        << rig.log();
  }
}

TEST(Crew, KillsAWorkerThatWantsMemoryForNothing) {
  Rig rig({.max_restarts = 100});
  rig.start();
  rig.push({"lie need of nothing"});
  wait_until([&] { return rig.worker().restarts > 0; });
  EXPECT_TRUE(contains(rig.log(), "it requested memory for a result without having a sample")) << rig.log();
}

}  // namespace
}  // namespace freshframe::process
