// Looks up the sources of a Look's frames in the pipeline's statistics.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/stats.hpp"

#include <string>
#include <string_view>

#include "core/pipeline/pipeline_core.hpp"

namespace freshframe::media {

struct LookSource {
  std::string camera;      // the name of the source
  std::string state;       // state of the source; empty if unknown or removed
  std::string last_error;  // last error of the source
  double frozen_for = 0;   // seconds for which the image has not changed
};

/// The sources of a pipeline at one moment. A Look may receive frames from several sources, one after the
/// other.
class LookSources {
 public:
  explicit LookSources(const core::PipelineCore& core);

  /// `source`: Stamp::source of a frame or packet. A removed source keeps its name.
  [[nodiscard]] LookSource find_source(int source) const;
  /// The source that currently feeds this node. Used for a Look without frames.
  [[nodiscard]] LookSource above(std::string_view node) const;

 private:
  const core::PipelineCore& core_;
  const Stats stats_;  // without quantiles, which are the most expensive part
};

}  // namespace freshframe::media
