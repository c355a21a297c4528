// Keeping dropped samples with events in the order of their arrival.
// SPDX-License-Identifier: Apache-2.0
#include "core/edge/kept_events.hpp"

#include <iterator>
#include <utility>

namespace freshframe::core {

void KeptEvents::keep(std::uint64_t arrival, AnySample& dropped) {
  if (!dropped.value || !dropped.value.get()->has_events()) return;
  Frame unneeded;
  if (!kept_.empty() && kept_.rbegin()->first > arrival) {
    std::swap(unneeded, dropped.frame);
  } else if (!kept_.empty()) {
    std::swap(unneeded, kept_.rbegin()->second.frame);
  }
  kept_.insert_or_assign(arrival, std::exchange(dropped, {}));
  dropped.frame = std::move(unneeded);
  if (kept_.size() <= kMost) return;
  kept_.erase(kept_.begin());
  ++lost_;
}

void KeptEvents::move_older(std::uint64_t arrival, const TypeInfo* type, std::vector<ValueRef>& older,
                            std::vector<AnySample>& freed) {
  for (auto each = kept_.begin(); each != kept_.end() && each->first < arrival;) {
    if (each->second.value.get()->type() != type) {
      ++each;
      continue;
    }
    older.push_back(each->second.value);
    if (each->second.frame) freed.push_back(std::move(each->second));
    each = kept_.erase(each);
  }
}

std::uint64_t KeptEvents::take_newest(AnySample& sample) {
  const auto newest = std::prev(kept_.end());
  const auto arrival = newest->first;
  sample = std::move(newest->second);
  kept_.erase(newest);
  return arrival;
}

void KeptEvents::clear(std::vector<AnySample>& freed) {
  for (auto& [arrival, sample] : kept_) freed.push_back(std::move(sample));
  kept_.clear();
}

}  // namespace freshframe::core
