// Gives the engine access to the core of a Pipeline.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/pipeline.hpp"

#include <memory>

namespace freshframe::core {

class PipelineAccess {
 public:
  [[nodiscard]] static const std::shared_ptr<PipelineCore>& core(const Pipeline& pipeline) noexcept {
    return pipeline.core_;
  }
};

}  // namespace freshframe::core
