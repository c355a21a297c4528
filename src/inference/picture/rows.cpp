// The steps from rows of an image to rows of a tensor: blend, pick, mix, convert colours, scale.
// SPDX-License-Identifier: Apache-2.0
//
// Levels are rounded to integers, half up, before they are scaled to the tensor's values: Python programs
// scale 8-bit images, so the network sees what it would see there. They also divide. Two fused multiply-adds
// with the two parts of 1 / span are as exact, and faster; on processors without them, this divides as well.
// Rows between the steps have room for whole vectors. A row of the tensor ends where the next one begins, so
// only part of its last vector is stored.
//
// Compiled once per instruction set by Highway's foreach_target.

// Each target adds compile time, so AddressSanitizer builds have only two.
#if defined(__SANITIZE_ADDRESS__) && defined(__x86_64__)
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3)
#endif
#include "inference/picture/rows.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "inference/picture/rows.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace freshframe::inference::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::CappedTag<float, 16>;
using Ints = hn::Rebind<std::int32_t, Floats>;
using Bytes = hn::Rebind<std::uint8_t, Floats>;
using V = hn::Vec<Floats>;

HWY_INLINE V of(float value) {
  return hn::Set(Floats(), value);
}

HWY_INLINE V load_bytes(const std::uint8_t* from) {
  return hn::ConvertTo(Floats(), hn::PromoteTo(Ints(), hn::LoadU(Bytes(), from)));
}

void blend_rows(const std::uint8_t* a, const std::uint8_t* b, float weight, float* out, std::size_t count) {
  const std::size_t lanes = hn::Lanes(Floats());
  const V w = of(weight);
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const V first = load_bytes(a + i);
    hn::StoreU(hn::MulAdd(hn::Sub(load_bytes(b + i), first), w, first), Floats(), out + i);
  }
  for (; i < count; ++i) {
    const auto first = static_cast<float>(a[i]);
    out[i] = first + (static_cast<float>(b[i]) - first) * weight;
  }
}

void mix_pixels(const std::uint8_t* row, const Mix& how, const std::array<std::int16_t*, 3>& out,
                std::size_t count) {
  using Shorts = hn::Rebind<std::int16_t, Ints>;
  const std::size_t lanes = hn::Lanes(Ints());
  const auto level = hn::Set(Ints(), 0xFF);
  const auto* const base = reinterpret_cast<const std::int32_t*>(row);
  for (std::size_t i = 0; i < count; i += lanes) {
    // Reads four bytes for each pixel, of which three belong to it.
    const auto a = hn::GatherOffset(Ints(), base, hn::LoadU(Ints(), how.first + i));
    const auto b = hn::GatherOffset(Ints(), base, hn::LoadU(Ints(), how.after + i));
    const auto weight_a = hn::LoadU(Ints(), how.weight_first + i);
    const auto weight_b = hn::LoadU(Ints(), how.weight_after + i);
    const auto mixed = [&](auto of_a, auto of_b) {
      const auto sum =
          hn::Add(hn::Mul(hn::And(of_a, level), weight_a), hn::Mul(hn::And(of_b, level), weight_b));
      return hn::DemoteTo(Shorts(), hn::ShiftRight<4>(sum));
    };
    hn::StoreU(mixed(a, b), Shorts(), out[0] + i);
    hn::StoreU(mixed(hn::ShiftRight<8>(a), hn::ShiftRight<8>(b)), Shorts(), out[1] + i);
    hn::StoreU(mixed(hn::ShiftRight<16>(a), hn::ShiftRight<16>(b)), Shorts(), out[2] + i);
  }
}

void pick_taps(const float* row, const Pick& how, float* out, std::size_t count) {
  const std::size_t lanes = hn::Lanes(Floats());
  const auto step = hn::Set(Ints(), how.step);
  const auto offset = hn::Set(Ints(), how.offset);
  for (std::size_t i = 0; i < count; i += lanes) {
    auto index = hn::LoadU(Ints(), how.first + i);
    if (how.step != 1) index = hn::Add(hn::Mul(index, step), offset);
    const V a = hn::GatherIndex(Floats(), row, index);
    const V b = hn::GatherIndex(Floats(), row, hn::Add(index, step));
    hn::StoreU(hn::MulAdd(hn::Sub(b, a), hn::LoadU(Floats(), how.weight + i), a), Floats(), out + i);
  }
}

// Rounds levels to integers, half up: Python programs scale 8-bit images.
HWY_INLINE V within(V level) {
  return hn::Floor(hn::Add(hn::Min(hn::Max(level, hn::Zero(Floats())), of(255.0F)), of(0.5F)));
}

HWY_INLINE V scaled(V level, const Scale& scale) {
#if HWY_NATIVE_FMA
  return hn::MulAdd(level, of(scale.factor), hn::MulAdd(level, of(scale.rest), of(scale.offset)));
#else
  return hn::Div(hn::Sub(level, of(scale.zero)), of(scale.span));
#endif
}

// Stores whole vectors, but only the part of the last one that belongs to the row.
HWY_INLINE void store(V value, float* to, std::size_t room, std::size_t lanes) {
  if (room >= lanes) return hn::StoreU(value, Floats(), to);
  HWY_ALIGN float rest[hn::MaxLanes(Floats())];
  hn::Store(value, Floats(), rest);
  for (std::size_t i = 0; i < room; ++i) to[i] = rest[i];
}

void convert_colours(const std::array<const float*, 3>& yuv, const ColourRow& how,
                     const std::array<float*, 3>& rgb, std::size_t count) {
  const std::size_t lanes = hn::Lanes(Floats());
  const V middle = of(128.0F);
  for (std::size_t i = 0; i < count; i += lanes) {
    const V y = hn::Mul(hn::Sub(hn::LoadU(Floats(), yuv[0] + i), of(how.black)), of(how.luma));
    const V u = hn::Sub(hn::LoadU(Floats(), yuv[1] + i), middle);
    const V v = hn::Sub(hn::LoadU(Floats(), yuv[2] + i), middle);
    const V r = within(hn::MulAdd(v, of(how.v_to_r), y));
    const V g = within(hn::NegMulAdd(v, of(how.v_to_g), hn::NegMulAdd(u, of(how.u_to_g), y)));
    const V b = within(hn::MulAdd(u, of(how.u_to_b), y));
    store(scaled(r, how.scale[0]), rgb[0] + i, count - i, lanes);
    store(scaled(g, how.scale[1]), rgb[1] + i, count - i, lanes);
    store(scaled(b, how.scale[2]), rgb[2] + i, count - i, lanes);
  }
}

void mix_row(const RowPair& rows, std::size_t component, const Scale& scale, float* out, std::size_t count) {
  using Shorts = hn::Rebind<std::int16_t, Floats>;
  const std::size_t lanes = hn::Lanes(Floats());
  const auto weight_a = hn::Set(Ints(), rows.weight_above);
  const auto weight_b = hn::Set(Ints(), rows.weight_below);
  const auto half = hn::Set(Ints(), 2);
  const auto* const above = rows.above[component];
  const auto* const below = rows.below[component];
  for (std::size_t i = 0; i < count; i += lanes) {
    const auto a = hn::Mul(hn::PromoteTo(Ints(), hn::LoadU(Shorts(), above + i)), weight_a);
    const auto b = hn::Mul(hn::PromoteTo(Ints(), hn::LoadU(Shorts(), below + i)), weight_b);
    const auto sum = hn::Add(hn::Add(hn::ShiftRight<16>(a), hn::ShiftRight<16>(b)), half);
    store(scaled(hn::ConvertTo(Floats(), hn::ShiftRight<2>(sum)), scale), out + i, count - i, lanes);
  }
}

void scale_levels(const float* in, const LevelRow& how, float* out, std::size_t count) {
  const std::size_t lanes = hn::Lanes(Floats());
  for (std::size_t i = 0; i < count; i += lanes) {
    const V level = within(hn::Mul(hn::Sub(hn::LoadU(Floats(), in + i), of(how.black)), of(how.luma)));
    store(scaled(level, how.scale), out + i, count - i, lanes);
  }
}

}  // namespace freshframe::inference::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace freshframe::inference {

Scale::Scale(float mean, float deviation) : zero(255 * mean), span(255 * deviation) {
  const double exact = 1 / (255.0 * deviation);
  factor = static_cast<float>(exact);
  rest = static_cast<float>(exact - factor);
  offset = -mean / deviation;
}

HWY_EXPORT(blend_rows);
HWY_EXPORT(pick_taps);
HWY_EXPORT(mix_pixels);
HWY_EXPORT(mix_row);
HWY_EXPORT(convert_colours);
HWY_EXPORT(scale_levels);

void blend_rows(const std::uint8_t* a, const std::uint8_t* b, float weight, float* out, std::size_t count) {
  HWY_DYNAMIC_DISPATCH(blend_rows)(a, b, weight, out, count);
}

void pick(const float* row, const Pick& how, float* out, std::size_t count) {
  HWY_DYNAMIC_DISPATCH(pick_taps)(row, how, out, count);
}

void mix_pixels(const std::uint8_t* row, const Mix& how, const std::array<std::int16_t*, 3>& out,
                std::size_t count) {
  HWY_DYNAMIC_DISPATCH(mix_pixels)(row, how, out, count);
}

void mix_row(const RowPair& rows, std::size_t component, const Scale& scale, float* out, std::size_t count) {
  HWY_DYNAMIC_DISPATCH(mix_row)(rows, component, scale, out, count);
}

void colour_row(const std::array<const float*, 3>& yuv, const ColourRow& how,
                const std::array<float*, 3>& rgb, std::size_t count) {
  HWY_DYNAMIC_DISPATCH(convert_colours)(yuv, how, rgb, count);
}

void level_row(const float* in, const LevelRow& how, float* out, std::size_t count) {
  HWY_DYNAMIC_DISPATCH(scale_levels)(in, how, out, count);
}

}  // namespace freshframe::inference
#endif
