// Pipelines whose threads do not end.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

namespace freshframe::core {

class PipelineCore;

/// Keeps it until the process ends: its threads, or the threads of a forked child's parent, still use it. Any
/// thread.
void let_go(std::shared_ptr<PipelineCore> pipeline);

}  // namespace freshframe::core
