// The metrics of a pipeline, with the findings about the GIL.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/metrics.hpp"

#include "freshframe/pipeline.hpp"

#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>

namespace {

TEST(Metrics, ReadsTheGilFindingsWithoutItsLock) {
  const freshframe::Pipeline pipeline;
  std::unique_ptr<freshframe::Metrics> metrics;
  bool inner = false;
  metrics = std::make_unique<freshframe::Metrics>(pipeline, [&] {
    freshframe::GilFindings found;
    found.watching = true;
    found.stalls = 3;
    if (!std::exchange(inner, true)) {
      EXPECT_NE(metrics->text().find("freshframe_gil_stalls_total{pipeline=\"pipeline\"} 3"),
                std::string::npos);
    }
    return found;
  });
  EXPECT_NE(metrics->text().find("freshframe_gil_stalls_total"), std::string::npos);
  EXPECT_TRUE(inner);
}

}  // namespace
