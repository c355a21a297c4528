// The observer of a pipeline: who reads it, and since when.
// SPDX-License-Identifier: Apache-2.0
#include "why/observer.hpp"

#include "freshframe/pipeline.hpp"

#include "core/pipeline/pipeline_access.hpp"
#include "core/pipeline/pipeline_core.hpp"
#include "core/pipeline/views/statistics.hpp"
#include "cpp/core/test_nodes.hpp"
#include <gtest/gtest.h>

namespace freshframe::core {
namespace {

// A page looks four times per second, and counts as gone after two seconds without a look. The loop retries, because a
// busy machine may take that long between two lines of this test.
TEST(Observer, BeginsNoWatchBesideAPageThatLooks) {
  test::Feed<int> feed;
  test::CheckedPipeline pipeline;
  pipeline.add(test::feed_source(feed, test::Kind::Live), {.name = "cam"});
  pipeline.start();
  const auto& core = *PipelineAccess::core(pipeline);
  double watched = 0;
  for (int attempt = 0; attempt < 5 && watched == 0; ++attempt) {
    Observer observer(core);
    observer.follow(graph_state(core), {});
    watched = observer.why().watched_for;  // 0 if a new watch was started
  }
  EXPECT_GT(watched, 0);
}

}  // namespace
}  // namespace freshframe::core
