// Stamps and parts of results, and their way to the children.
// SPDX-License-Identifier: Apache-2.0
#include "core/pipeline/outlet.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "core/frame/frame_access.hpp"

namespace freshframe::core {

void Outlet::set_sources(std::shared_ptr<const std::vector<int>> sources) {
  sources_ = std::move(sources);
  const auto count = std::max<std::size_t>(1, sources_->size());
  taps_ = std::vector<PictureTap>(count);
  places_ = std::vector<Place>(count);
}

std::size_t Outlet::place_of(int source) const noexcept {
  if (places_.size() == 1) return 0;
  const auto found = std::lower_bound(sources_->begin(), sources_->end(), source);
  return std::min(static_cast<std::size_t>(found - sources_->begin()), places_.size() - 1);
}

bool Outlet::would_wait() const {
  return std::any_of(outputs_.begin(), outputs_.end(),
                     [](const Output& output) { return output.inbox->would_wait(*output.edge); });
}

bool Outlet::anyone_looks() const noexcept {
  return std::any_of(taps_.begin(), taps_.end(), [](const PictureTap& tap) { return tap.asked(); });
}

void Outlet::check(const Stamp& stamp) const {
  if (!std::binary_search(sources_->begin(), sources_->end(), stamp.source)) {
    throw Error("gave a result with the stamp of sample " + std::to_string(stamp.seq) +
                " of a source whose samples do not come here: like= takes a sample that this node got");
  }
  const auto& place = places_[place_of(stamp.source)];
  if (stamp.seq >= place.seq) return;
  throw Error(
      "gave a result with the stamp of sample " + std::to_string(stamp.seq) + " after one of sample " +
      std::to_string(place.seq) +
      " of the same source, but a stream does not go backwards: delay all results of a node, or none");
}

AnySample Outlet::stamped(Emitted result, const AnySample& from) {
  const Stamp& stamp = result.like ? *result.like : from.stamp;
  if (result.like) {
    check(stamp);
    delays_.store(true, std::memory_order_relaxed);
  }
  AnySample sample{stamp, {}, std::move(result.value), 0, node_};
  auto& place = places_[place_of(stamp.source)];
  if (gives_several_ || result.like || stamp.source == node_)
    sample.stamp.part = stamp.seq == place.seq ? place.part + 1 : 0;
  place = {stamp.seq, sample.stamp.part};
  const bool is_frame = !sample.value;
  if (is_frame || result.frame || result.like) {
    sample.frame = std::move(result.frame);
  } else {
    sample.frame = from.frame;
  }
  if (FrameAccess::is_loan(sample.frame)) sample.frame = FrameAccess::engine(sample.frame);
  if (sample.stamp.damaged) sample.frame.mark_damaged();
  if (is_frame) FrameAccess::attach(sample.frame, budget_);
  return sample;
}

void Outlet::emit(Emitted result, const AnySample& from) {
  if (outputs_.empty() && !result.like && !anyone_looks()) return;
  send(stamped(std::move(result), from));
}

void Outlet::send(AnySample&& sample) {
  taps_[place_of(sample.stamp.source)].offer(sample);
  const bool is_last = is_last_.load(std::memory_order_relaxed);
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    const auto& [inbox, edge, source] = outputs_[i];
    // NOLINTNEXTLINE(bugprone-use-after-move): the last turn of the loop moves it
    if (source >= 0 && source != sample.stamp.source) continue;
    if (i + 1 == outputs_.size()) {
      inbox->put(*edge, std::move(sample), blocked_, is_last);
    } else {
      inbox->put(*edge, AnySample(sample), blocked_, is_last);
    }
  }
}

void Outlet::end() {
  for (const auto& output : outputs_) output.inbox->end(*output.edge);
}

void Outlet::end(const GoneSource& gone) {
  for (const auto& output : outputs_) {
    const bool comes = output.source < 0 || output.source == gone.source;
    if (comes) output.inbox->end(*output.edge, gone.source, gone.upto);
  }
}

}  // namespace freshframe::core
