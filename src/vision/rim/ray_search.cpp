// Radial edge search on the gradient field, compiled once per instruction set by Highway's foreach_target.
// SPDX-License-Identifier: Apache-2.0
//
// Uses only integers and single float products, whose results do not change if a compiler fuses
// multiplications and additions.
#include "vision/rim/ray_search.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "vision/rim/ray_search.cpp"
#include <cstdlib>

#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace freshframe::vision::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Ints = hn::ScalableTag<std::int32_t>;
using Floats = hn::ScalableTag<float>;
using IntVec = hn::Vec<Ints>;

// Turns positions into byte offsets of gradients.
class Addresses {
 public:
  explicit Addresses(const GradientField& field)
      : low_(hn::Set(Ints(), GradientField::kBorder)),
        right_(hn::Set(Ints(), field.width() - GradientField::kBorder - 1)),
        bottom_(hn::Set(Ints(), field.height() - GradientField::kBorder - 1)),
        stride_(hn::Set(Ints(), field.stride())) {}

  [[nodiscard]] IntVec pixel(IntVec x, IntVec y) const {
    const auto column = hn::Min(hn::Max(hn::ShiftRight<RayBatch::kPositionBits>(x), low_), right_);
    const auto row = hn::Min(hn::Max(hn::ShiftRight<RayBatch::kPositionBits>(y), low_), bottom_);
    return hn::Add(hn::Mul(row, stride_), column);
  }

 private:
  IntVec low_, right_, bottom_, stride_;
};

void search_group(const GradientField& field, const Addresses& addresses, RayBatch& rays, std::size_t first) {
  const Ints d;
  const Floats f;
  const auto* base = reinterpret_cast<const std::int32_t*>(field.gradients());
  const auto ux = hn::LoadU(d, &rays.ux[first]);
  const auto uy = hn::LoadU(d, &rays.uy[first]);
  constexpr int kStep = RayBatch::kDirectionBits - RayBatch::kPositionBits;
  const auto step_x = hn::ShiftRight<kStep>(ux);
  const auto step_y = hn::ShiftRight<kStep>(uy);
  const auto back = hn::Set(d, -rays.reach);
  auto x = hn::Add(hn::LoadU(d, &rays.x[first]), hn::Mul(step_x, back));
  auto y = hn::Add(hn::LoadU(d, &rays.y[first]), hn::Mul(step_y, back));
  const auto weakest = hn::Set(d, kEdgeMagnitude - 1);
  constexpr float kOne = 1 << RayBatch::kDirectionBits;
  const auto min_cosine2 = hn::Set(f, rays.min_cosine2 * kOne * kOne);
  auto best = hn::Zero(f);
  auto best_pixel = hn::Set(d, -1);
  auto best_step = hn::Zero(d);
  auto best_slope = hn::Zero(d);
  for (int k = -rays.reach; k <= rays.reach; ++k) {
    const auto pixel = addresses.pixel(x, y);
    const auto both = hn::GatherOffset(d, base, hn::ShiftLeft<2>(pixel));
    const auto gx = hn::ShiftRight<16>(hn::ShiftLeft<16>(both));
    const auto gy = hn::ShiftRight<16>(both);
    const auto magnitude = hn::Add(hn::Abs(gx), hn::Abs(gy));
    const auto slope = hn::Add(hn::Mul(gx, ux), hn::Mul(gy, uy));
    const auto square = hn::ConvertTo(f, hn::Add(hn::Mul(gx, gx), hn::Mul(gy, gy)));
    const auto along = hn::ConvertTo(f, slope);
    const auto value =
        hn::Mul(hn::Abs(along), hn::Set(f, 1 - rays.discount * static_cast<float>(std::abs(k))));
    const auto aims = hn::Ge(hn::Mul(along, along), hn::Mul(square, min_cosine2));
    const auto strong = hn::RebindMask(f, hn::Gt(magnitude, weakest));
    const auto better = hn::And(hn::And(aims, strong), hn::Gt(value, best));
    best = hn::IfThenElse(better, value, best);
    best_pixel = hn::IfThenElse(hn::RebindMask(d, better), pixel, best_pixel);
    best_step = hn::IfThenElse(hn::RebindMask(d, better), hn::Set(d, k), best_step);
    best_slope = hn::IfThenElse(hn::RebindMask(d, better), slope, best_slope);
    x = hn::Add(x, step_x);
    y = hn::Add(y, step_y);
  }
  hn::StoreU(best_pixel, d, &rays.pixel[first]);
  hn::StoreU(best_step, d, &rays.step[first]);
  hn::StoreU(best_slope, d, &rays.slope[first]);
}

void search_all(const GradientField& field, RayBatch& rays) {
  const Addresses addresses(field);
  const auto lanes = static_cast<int>(hn::Lanes(Ints()));
  for (int i = 0; i < rays.size; i += lanes)
    search_group(field, addresses, rays, static_cast<std::size_t>(i));
}

}  // namespace freshframe::vision::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace freshframe::vision {

static_assert(sizeof(Gradient) == sizeof(std::int32_t), "one gather fetches both components");

HWY_EXPORT(search_all);

// NOLINTNEXTLINE(misc-const-correctness): written by the chosen target, which clang-tidy does not see
void search_rays(const GradientField& field, RayBatch& rays) {
  HWY_DYNAMIC_DISPATCH(search_all)(field, rays);
}

}  // namespace freshframe::vision
#endif
