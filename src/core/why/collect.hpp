// What a pipeline's nodes and readers have recorded, as the rules read it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"
#include "freshframe/why.hpp"

#include <map>
#include <string>
#include <vector>

#include "core/pipeline/pipeline_core.hpp"
#include "core/why/rules.hpp"

namespace freshframe::core {

/// The age of the samples of the last seconds, taken apart.
[[nodiscard]] std::vector<Age> ages_of(const PipelineCore& core, Seconds latest);
/// How evenly the sources have given their samples.
[[nodiscard]] std::map<std::string, Pace> paces_of(const PipelineCore& core, Seconds latest);
[[nodiscard]] RunQueue run_queue_of(const PipelineCore& core);

}  // namespace freshframe::core
