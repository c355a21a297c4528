// A pipeline as JSON: the settings of its cameras.
// SPDX-License-Identifier: Apache-2.0
#include "serve/state/state_json.hpp"

#include "freshframe/media.hpp"
#include "freshframe/pipeline.hpp"

#include <memory>
#include <optional>

#include "core/pipeline/changes/changes.hpp"
#include "core/pipeline/pipeline_core.hpp"
#include "serve/state/sampler.hpp"
#include <gtest/gtest.h>

using namespace freshframe::serve;  // NOLINT(google-build-using-namespace)

namespace {

TEST(StateJson, HasTheSettingsOfACamera) {
  const auto core = std::make_shared<freshframe::core::PipelineCore>(freshframe::Pipeline::Options{});
  static_cast<void>(freshframe::core::add_node(*core, freshframe::open("demo:circles"), {}, {}));
  Sampler sampler(core);
  sampler.sample(Sampler::Time::clock::now(), {});
  auto& source = *sampler.snapshot().graph.stats.nodes.at(0).source;
  source.settings = {{"exposure", 100}, {"gain", std::nullopt}};
  source.settings_reason = "too bright";
  EXPECT_NE(state_json(sampler, false)
                .find(R"("settings":{"exposure":100,"gain":"auto"},"settings_reason":"too bright")"),
            std::string::npos);
}

}  // namespace
