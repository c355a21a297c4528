// Pipelines whose threads cannot be stopped.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

namespace freshframe::core {

class PipelineCore;

/// Leaks the pipeline on purpose, because its threads, or those of a forked child's parent, still use it.
/// Thread-safe.
void let_go(std::shared_ptr<PipelineCore> pipeline);

}  // namespace freshframe::core
