// The cameras of a Look's pictures, as their pipeline's statistics know them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/stats.hpp"

#include <string>
#include <string_view>

#include "core/pipeline/pipeline_core.hpp"

namespace freshframe::media {

struct LookSource {
  std::string camera;      // the name of the source
  std::string state;       // state of the source, or "" if unknown or removed
  std::string last_error;  // last error of the source
  double frozen_for = 0;   // seconds for which it has shown one picture
};

/// The sources of a pipeline at one moment. The pictures of one Look may come from several, one after the other.
class LookSources {
 public:
  explicit LookSources(const core::PipelineCore& core);

  /// `source`: Stamp::source of a picture, or of packets. A source that was removed keeps its name.
  [[nodiscard]] LookSource find_source(int source) const;
  /// The source whose samples come to this node now. It describes a Look without a picture.
  [[nodiscard]] LookSource above(std::string_view node) const;

 private:
  const core::PipelineCore& core_;
  const Stats stats_;  // without quantiles, which cost most
};

}  // namespace freshframe::media
