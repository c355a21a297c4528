// Lends finders and takes them back. The oldest is dropped when there are too many.
// SPDX-License-Identifier: Apache-2.0
#include "bindings/vision/idle_finders.hpp"

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <utility>

namespace freshframe::python {
namespace {

constexpr std::size_t kMostIdle = 2;
constexpr std::int64_t kMostPixels = std::int64_t{1}
                                     << 21;  // 1080p; the memory of larger pictures isn't kept

}  // namespace

IdleFinders& IdleFinders::instance() {
  return forks::ProcessWide<IdleFinders>::get();
}

std::vector<Circle> IdleFinders::find(const Plane& luma, const CircleDetectorOptions& options) {
  auto finder = take(options);
  if (!finder) finder.emplace(options);
  auto circles = finder->find(luma);
  if (std::int64_t{luma.rows} * luma.row_bytes <= kMostPixels) put(options, std::move(*finder));
  return circles;
}

std::optional<CircleFinder> IdleFinders::take(const CircleDetectorOptions& options) {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock) return std::nullopt;
  for (auto idle = idle_.rbegin(); idle != idle_.rend(); ++idle) {
    if (idle->options != options) continue;
    std::optional<CircleFinder> finder(std::move(idle->finder));
    idle_.erase(std::next(idle).base());
    return finder;
  }
  return std::nullopt;
}

void IdleFinders::put(const CircleDetectorOptions& options, CircleFinder finder) {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock) return;
  if (idle_.size() == kMostIdle) idle_.erase(idle_.begin());
  idle_.push_back({options, std::move(finder)});
}

}  // namespace freshframe::python
