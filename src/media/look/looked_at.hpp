// The camera behind a Look's picture, as the pipeline's statistics know it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/stats.hpp"

#include <string>
#include <string_view>

namespace freshframe::media {

struct LookedAt {
  std::string camera;      // the name of the source
  std::string state;       // of the source; "": the node is none
  std::string last_error;  // of the source
  double still_for = 0;    // seconds for which it has shown one picture
};

/// `source` is that of the picture's stamp, and `name` its name, which it keeps when it was removed.
[[nodiscard]] LookedAt looked_at(const Stats& stats, int source, std::string_view name);
/// Of a look without a picture: the source at the end of the way up from the node, by the first edge of each.
[[nodiscard]] LookedAt source_above(const Stats& stats, std::string_view node);

}  // namespace freshframe::media
