// A runner without a pipeline: the test takes the pipeline's place and records the runner's calls.
// SPDX-License-Identifier: Apache-2.0
#include "core/pipeline/runner/runner_host.hpp"

#include "freshframe/error.hpp"
#include "freshframe/pipeline.hpp"

#include <atomic>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "core/edge/inbox.hpp"
#include "core/failure.hpp"
#include "core/frame/frame_budget.hpp"
#include "core/pipeline/runner/name_table.hpp"
#include "core/pipeline/runner/runner.hpp"
#include "core/pipeline/runner/successor.hpp"
#include "core/watch/error_log.hpp"
#include "cpp/core/test_nodes.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

using core::Runner;
using Texts = std::vector<std::string>;

class WrittenHost final : public core::RunnerHost {
 public:
  [[nodiscard]] const core::RunnerShared& get_shared() const noexcept override { return shared_; }
  [[nodiscard]] double uptime() const override { return 2; }
  void arrive_opened(Runner& /*runner*/) override { said.emplace_back("opened"); }
  std::optional<TimePoint> wait_for_start(Runner& /*runner*/) override { return TimePoint{}; }
  void arrive_finished(Runner& /*runner*/) override { said.emplace_back("finished"); }
  bool fail(Runner& runner, std::exception_ptr /*cause*/, const std::string& what,
            const core::FailedOn& where) override {
    said.push_back(failure_text(runner, *names, what, where));
    return true;
  }
  void refuse(std::exception_ptr /*error*/) override { said.emplace_back("refused"); }
  std::shared_ptr<NodeBase> place(Runner& runner, core::Successor& successor) override {
    said.emplace_back("placed");
    successor.old = runner.put(successor.next);
    return nullptr;
  }
  std::shared_ptr<NodeBase> refuse_successor(core::Successor& /*successor*/) override {
    said.emplace_back("refused successor");
    return nullptr;
  }
  void hand_over(core::Successor& /*successor*/) override { said.emplace_back("handed over"); }
  bool keep_end(int /*node*/, const core::GoneSource& /*gone*/) override { return false; }
  void wait_for_change() override {}

  Texts said;
  const std::shared_ptr<core::NameTable> names = std::make_shared<core::NameTable>();

 private:
  core::ErrorLog errors_;
  std::stop_source stop_;
  const core::RunnerShared shared_{.clock = Clock::real(),
                                   .budget = std::make_shared<core::FrameBudget>(),
                                   .names = names,
                                   .failure = std::make_shared<core::Failure>(),
                                   .errors = errors_,
                                   .stop = stop_.get_token(),
                                   .source_stop = stop_.get_token()};
};

using Process = std::function<std::optional<int>(const Sample<int>&, const Context&)>;

// A node with three samples of source 0 in its inbox, followed by the end.
struct Hosted {
  explicit Hosted(Process process) : runner(host, 1, "node", make_node<int, int>(std::move(process)), {}) {
    host.names->add(0, "camera", "cam");
    auto& inbox = runner.inbox();
    const auto edge = inbox.add_edge({.parent_name = "camera", .queue = Queue{8, WhenFull::Block}});
    std::atomic<bool> blocked{false};
    for (int i = 0; i < 3; ++i) inbox.put(*edge, {{i, 0, {}, 0}, {}, ValueRef::make<int>(i), 0}, blocked);
    inbox.end_edge(*edge);
  }

  WrittenHost host;
  Runner runner;
};

TEST(RunnerHost, HearsThatANodeHasOpenedAndFinished) {
  int sum = 0;
  Hosted node([&](const Sample<int>& sample, const Context&) {
    sum += sample.value;
    return std::optional(sample.value);
  });
  node.runner.run();
  EXPECT_EQ(node.host.said, (Texts{"opened", "finished"}));
  EXPECT_EQ(sum, 3);
  const auto stats = node.runner.stats(std::nullopt);
  EXPECT_EQ(stats.processed, 3U);
  EXPECT_DOUBLE_EQ(stats.rate, 1.5) << "by the host's uptime";
  const auto edge = node.runner.inbox().stats().front();
  EXPECT_EQ(edge.passed_in, edge.delivered + edge.dropped + edge.waiting);
}

TEST(RunnerHost, HearsOfAFailureWithTheNameOfTheSampleAndThenOfTheEnd) {
  Hosted node([](const Sample<int>& sample, const Context&) -> std::optional<int> {
    if (sample.stamp.seq == 1) throw Error("it broke");
    return sample.value;
  });
  node.runner.run();
  EXPECT_EQ(node.host.said,
            (Texts{"opened", "node 'node' failed on sample 1 of 'cam': it broke", "finished"}));
  EXPECT_FALSE(node.runner.life().closed_cleanly());
}

TEST(RunnerHost, PlacesASuccessorBetweenTwoCallsAndRefusesOneThatIsTooLate) {
  int later = 0;
  const auto offer = [&](Runner& runner) {
    const auto successor = std::make_shared<core::Successor>();
    auto node = make_node<int, int>([&](const Sample<int>& sample, const Context&) {
      ++later;
      return std::optional(sample.value);
    });
    successor->next =
        std::make_shared<core::NodeRun>(std::move(node), "node", Clock::real(), std::stop_token());
    return runner.offer(successor);
  };
  Runner* runner = nullptr;
  Hosted node([&](const Sample<int>& sample, const Context&) {
    if (sample.stamp.seq == 0) {
      EXPECT_TRUE(offer(*runner));
    }
    return std::optional(sample.value);
  });
  runner = &node.runner;
  runner->run();
  EXPECT_EQ(node.host.said, (Texts{"opened", "placed", "finished"}));
  EXPECT_EQ(later, 2) << "the first sample was the old node's";
  EXPECT_FALSE(offer(*runner)) << "it has ended";
}

TEST(RunnerHost, HearsOfANodeWithoutAThreadThatWasEnded) {
  Hosted node([](const Sample<int>&, const Context&) { return std::optional<int>(); });
  end_if_threadless(node.runner);
  EXPECT_TRUE(node.host.said.empty()) << "its thread is the engine's";
  end_without_thread(node.runner);
  EXPECT_EQ(node.host.said, (Texts{"opened", "finished"}));
  EXPECT_EQ(node.runner.life().opening(), core::NodeLife::Opening::Failed);
}

}  // namespace
}  // namespace freshframe::test
