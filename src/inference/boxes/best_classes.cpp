// Compiled once per instruction set by Highway's foreach_target.
// SPDX-License-Identifier: Apache-2.0

// Each target adds compile time, so AddressSanitizer builds have only two.
#if defined(__SANITIZE_ADDRESS__) && defined(__x86_64__)
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3)
#endif
#include "inference/boxes/best_classes.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "inference/boxes/best_classes.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace freshframe::inference::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::CappedTag<float, 16>;
using Ints = hn::Rebind<std::int32_t, Floats>;

constexpr std::size_t kRowsAtOnce = 4;

// Keeps, per lane, the better of row `id` and the best so far for the samples from `i` on.
template <typename V, typename I>
HWY_INLINE void better(const float* row, std::size_t i, std::int32_t id, V& score, I& which) {
  const auto other = hn::LoadU(Floats(), row + i);
  const auto is_better = hn::Gt(other, score);
  score = hn::IfThenElse(is_better, other, score);
  which = hn::IfThenElse(hn::RebindMask(Ints(), is_better), hn::Set(Ints(), id), which);
}

// Best scores and classes so far of `count` samples.
struct Best {
  std::size_t count;
  float* scores;
  std::int32_t* classes;
};

// Compares `rows` consecutive classes, starting with `id`, to the best so far.
void keep_better(const float* from, std::size_t rows, std::int32_t id, const Best& best) {
  const auto [count, scores, classes] = best;
  const std::size_t lanes = hn::Lanes(Floats());
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    auto score = hn::LoadU(Floats(), scores + i);
    auto which = hn::LoadU(Ints(), classes + i);
    for (std::size_t k = 0; k < rows; ++k) {
      better(from + k * count, i, id + static_cast<std::int32_t>(k), score, which);
    }
    hn::StoreU(score, Floats(), scores + i);
    hn::StoreU(which, Ints(), classes + i);
  }
  for (; i < count; ++i) {
    for (std::size_t k = 0; k < rows; ++k) {
      const float other = from[k * count + i];
      if (!(other > scores[i])) continue;
      scores[i] = other;
      classes[i] = id + static_cast<std::int32_t>(k);
    }
  }
}

void find_best_classes(const float* rows, std::size_t classes, std::size_t count, float* scores,
                       std::int32_t* ids) {
  const Best best{count, scores, ids};
  std::size_t id = 1;  // class 0 is the initial best
  for (; id + kRowsAtOnce <= classes; id += kRowsAtOnce) {
    keep_better(rows + id * count, kRowsAtOnce, static_cast<std::int32_t>(id), best);
  }
  keep_better(rows + id * count, classes - id, static_cast<std::int32_t>(id), best);
}

}  // namespace freshframe::inference::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace freshframe::inference {

HWY_EXPORT(find_best_classes);

BestClasses best_classes(const float* rows, std::size_t classes, std::size_t count) {
  BestClasses best{.scores = {rows, rows + count}, .classes = std::vector<std::int32_t>(count, 0)};
  if (classes < 2) return best;
  HWY_DYNAMIC_DISPATCH(find_best_classes)(rows, classes, count, best.scores.data(), best.classes.data());
  return best;
}

}  // namespace freshframe::inference
#endif
