// A depth-first search that bounds preemptions, like CHESS: Musuvathi and Qadeer, "Iterative context bounding
// for systematic testing of multithreaded programs", PLDI 2007. Unlike CHESS, it also has the passing of a
// deadline as an option.
// SPDX-License-Identifier: Apache-2.0
#include "choices.hpp"

#include <algorithm>

namespace freshframe::interleave {
namespace {

int number_of(const Option& option) {
  return option.thread + (option.by_deadline ? Choices::kDeadline : 0);
}

bool are_same(const Options& one, const Options& other) {
  return one.count == other.count &&
         std::equal(one.all.begin(), one.all.begin() + one.count, other.all.begin());
}

}  // namespace

std::size_t Choices::replayed(const Options& options) const {
  if (at_ >= replayed_->size()) return 0;
  const auto* const end = options.all.begin() + options.count;
  const auto* const found = std::find_if(
      options.all.begin(), end, [&](const Option& option) { return number_of(option) == (*replayed_)[at_]; });
  return found == end ? 0 : static_cast<std::size_t>(found - options.all.begin());
}

std::optional<Option> Choices::pick(const Options& options) {
  Made made{options, 0, preemptions_};
  std::size_t affordable = 0;
  for (std::size_t i = 0; i < options.count; ++i) affordable += affords(made, i) ? 1 : 0;
  if (affordable > 1) {  // a step without an alternative is not a choice
    if (replayed_) {
      made.taken = replayed(options);
      made_.resize(at_);
    }
    if (at_ == made_.size()) made_.push_back(made);
    if (!are_same(made_[at_].options, options)) return std::nullopt;
    made.taken = made_[at_].taken;
    ++at_;
  }
  const auto& taken = options.all[made.taken];
  preemptions_ += taken.preempts ? 1 : 0;
  return taken;
}

bool Choices::advance() {
  while (!made_.empty()) {
    auto& last = made_.back();
    while (++last.taken < last.options.count) {
      if (affords(last, last.taken)) return true;
    }
    made_.pop_back();
  }
  return false;
}

Choices::Schedule Choices::schedule() const {
  Schedule result;
  for (std::size_t i = 0; i < at_; ++i) result.push_back(number_of(made_[i].options.all[made_[i].taken]));
  return result;
}

}  // namespace freshframe::interleave
