// Keeps dropped samples that have events, in order of arrival.
// SPDX-License-Identifier: Apache-2.0
#include "core/edge/kept_events.hpp"

#include <iterator>
#include <new>
#include <utility>

namespace freshframe::core {

void KeptEvents::keep(std::uint64_t arrival, AnySample& dropped) {
  if (!dropped.value || !dropped.value.get()->has_events()) return;
  try {
    insert(arrival, dropped);
  } catch (const std::bad_alloc&) {  // the counters stay correct, and the stream continues
    ++lost_;
  }
}

void KeptEvents::insert(std::uint64_t arrival, AnySample& dropped) {
  const auto place = kept_.try_emplace(arrival).first;  // must come first, because only this line can fail
  const auto next = std::next(place);
  Frame unneeded;
  if (next != kept_.end()) {
    std::swap(unneeded, dropped.frame);
  } else if (place != kept_.begin()) {
    std::swap(unneeded, std::prev(place)->second.frame);
  }
  place->second = std::exchange(dropped, {});
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

void KeptEvents::lose_all(std::vector<AnySample>& freed) {
  lost_ += kept_.size();
  clear(freed);
}

void KeptEvents::lose(const AnySample& sample) {
  if (sample.value && sample.value.get()->has_events()) ++lost_;
}

void KeptEvents::clear(std::vector<AnySample>& freed) {
  for (auto& [arrival, sample] : kept_) freed.push_back(std::move(sample));
  kept_.clear();
}

}  // namespace freshframe::core
