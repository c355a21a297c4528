// Warns if the frame size changes while coordinates are in pixels.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"
#include "freshframe/log.hpp"
#include "freshframe/node.hpp"
#include "freshframe/results.hpp"
#include "freshframe/sample.hpp"

#include <cstddef>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>

namespace freshframe::vision {

/// Returns 0 x 0 without a frame.
[[nodiscard]] inline PictureSize size_of(const Frame& frame) {
  return frame ? PictureSize{frame.width(), frame.height()} : PictureSize{};
}

/// Coordinates in pixels, such as a zone's, refer to another place if the frame size changes. They are
/// assumed to be for the first size of each source. Not thread-safe.
class FrameSizes {
 public:
  /// For the warning: what has coordinates, and what the user should do.
  struct Owner {
    std::string_view node;    // such as "counter"
    std::string_view what;    // such as "its line"
    std::string_view advice;  // such as "pass relative=True"
  };

  /// Logs a warning once for each new size of a source's frames. A size of 0 is unknown and ignored. Returns
  /// true for the first size of a source.
  bool see(const Owner& owner, PictureSize size, int source) {
    if (size.width <= 0 || size.height <= 0) return false;
    const std::pair now{size.width, size.height};
    const auto [entry, is_first] = sources_.try_emplace(source, now);
    const auto first = entry->second;
    if (now == first || warned_.size() == kMostWarnings || !warned_.insert(now).second) return is_first;
    std::ostringstream text;
    text << "'" << owner.node << "': " << owner.what << " is in pixels of frames of " << first.first << "x"
         << first.second << ", but a source now has frames of " << now.first << "x" << now.second
         << ", in which these pixels are a different place: " << owner.advice;
    log(LogLevel::Warning, text.str());
    return false;
  }
  void forget(int source) { sources_.erase(source); }

 private:
  static constexpr std::size_t kMostWarnings = 16;

  using Size = std::pair<int, int>;
  std::map<int, Size> sources_;  // the first size of each
  std::set<Size> warned_;
};

/// For nodes with roi, which is in pixels.
inline void see_roi(FrameSizes& sizes, const Sample<Frame>& sample, const Context& context) {
  sizes.see({.node = context.node,
             .what = "its roi",
             .advice = "replace() it with a node whose roi fits this size"},
            size_of(sample.value), sample.stamp.source);
}

}  // namespace freshframe::vision
