// Adds up integers exactly, a chunk at a time.
// SPDX-License-Identifier: Apache-2.0
//
// Signed numbers become unsigned by flipping their sign bit, which adds half the range to each; the sum of
// these halves is subtracted at the end. Bytes are added in groups of eight into 64-bit lanes; wider numbers
// are split into halves, each added in lanes of twice its width or more, where kChunk of them cannot
// overflow. Compiled once per instruction set by Highway's foreach_target.
#include "numeric/integer_chunk.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "numeric/integer_chunk.cpp"
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace freshframe::numeric::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class U>
struct Operands {
  const U* a;
  const U* b;
  U flip;  // the sign bit if the numbers are signed, otherwise 0
  std::uintptr_t ahead;
};

#if HWY_TARGET == HWY_SCALAR  // this target has no SIMD lanes: numbers are added one by one

template <bool kBool, bool kDifference, class U>
Halves add_all(const Operands<U>& from, std::size_t count, bool /*more_follows*/) {
  const auto at = [&](const U* numbers, std::size_t i) {
    const U x = numbers[i] ^ from.flip;
    return kBool ? static_cast<U>(x != 0) : x;
  };
  constexpr std::uint64_t kLow = 0xFFFF'FFFF;
  Halves total;
  for (std::size_t i = 0; i < count; ++i) {
    U x = at(from.a, i);
    if constexpr (kDifference) {
      const U y = at(from.b, i);
      x = static_cast<U>(x > y ? x - y : y - x);
    }
    total.low += x & kLow;
    total.high += std::uint64_t{x} >> 32;  // 0 for narrower numbers
  }
  return total;
}

#else

template <class D, class V = hn::Vec<D>>
HWY_INLINE V absolute_difference(D /*d*/, V a, V b) {
  if constexpr (sizeof(hn::TFromD<D>) <= 2) {
    return hn::Or(hn::SaturatedSub(a, b), hn::SaturatedSub(b, a));
  } else {
    return hn::Sub(hn::Max(a, b), hn::Min(a, b));
  }
}

// The term at `i`, unsigned.
template <bool kBool, bool kDifference, class D, class U = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> term(D d, const U* a, const U* b, U flip_bit) {
  const auto flip = hn::Set(d, flip_bit);
  const auto load = [&](const U* from) HWY_ATTR {
    auto v = hn::Xor(hn::LoadU(d, from), flip);  // NOLINT(misc-const-correctness): written for flags
    if constexpr (kBool) v = hn::Min(v, hn::Set(d, U{1}));
    return v;
  };
  if constexpr (kDifference) {
    return absolute_difference(d, load(a), load(b));
  } else {
    return load(a);
  }
}

template <class U>
HWY_INLINE void ask(const U* from, std::uintptr_t ahead) {
  const auto there = reinterpret_cast<std::uintptr_t>(from) + ahead;
  hwy::Prefetch(reinterpret_cast<const char*>(there));  // NOLINT(performance-no-int-to-ptr)
}

template <bool kDifference, class U>
HWY_INLINE void ask(const Operands<U>& from, std::size_t i) {
  ask(from.a + i, from.ahead);
  if constexpr (kDifference) ask(from.b + i, from.ahead);
}

// Adds the whole vectors of the stretch. On most machines a vector is at most one cache line wide.
template <bool kBool, bool kDifference, class U>
Halves add_vectors(const Operands<U>& from, std::size_t count, bool more_follows) {
  const hn::ScalableTag<U> d;
  using WideLane = std::conditional_t<sizeof(U) == 2, std::uint32_t, std::uint64_t>;
  const hn::Repartition<WideLane, decltype(d)> wide;
  const std::size_t n = hn::Lanes(d);
  auto low = hn::Zero(wide);
  auto high = hn::Zero(wide);  // NOLINT(misc-const-correctness): written for wider elements
  for (std::size_t i = 0; i + n <= count; i += n) {
    if (more_follows) ask<kDifference>(from, i);
    const auto v = term<kBool, kDifference>(d, from.a + i, kDifference ? from.b + i : nullptr, from.flip);
    if constexpr (sizeof(U) == 1) {
      low = hn::Add(low, hn::SumsOf8(v));
    } else {
      constexpr int kHalf = sizeof(U) == 2 ? 16 : 32;
      const auto words = hn::BitCast(wide, v);
      low =
          hn::Add(low, hn::And(words, hn::Set(wide, static_cast<WideLane>((std::uint64_t{1} << kHalf) - 1))));
      high = hn::Add(high, hn::ShiftRight<kHalf>(words));
    }
  }
  return {hn::GetLane(hn::SumOfLanes(wide, low)), hn::GetLane(hn::SumOfLanes(wide, high))};
}

// Terms that do not fill a vector are copied to a buffer padded with zeros.
template <bool kBool, bool kDifference, class U>
Halves add_tail(const Operands<U>& from, std::size_t count) {
  const std::size_t n = hn::Lanes(hn::ScalableTag<U>());
  const std::size_t left = count % n;
  if (left == 0) return {};
  HWY_ALIGN U a[HWY_MAX_BYTES / sizeof(U)];
  HWY_ALIGN U b[HWY_MAX_BYTES / sizeof(U)];
  std::fill_n(a, n, from.flip);
  std::fill_n(b, n, from.flip);
  std::copy_n(from.a + (count - left), left, a);
  if constexpr (kDifference) std::copy_n(from.b + (count - left), left, b);
  return add_vectors<kBool, kDifference, U>({a, b, from.flip, 0}, n, false);
}

template <bool kBool, bool kDifference, class U>
Halves add_all(const Operands<U>& from, std::size_t count, bool more_follows) {
  const Halves most = add_vectors<kBool, kDifference>(from, count, more_follows);
  const Halves tail = add_tail<kBool, kDifference>(from, count);
  return {most.low + tail.low, most.high + tail.high};
}

#endif

template <class U, bool kBool = false>
HWY_NOINLINE Halves add_type(Term what, const Stretch& stretch, U flip) {
  const Operands<U> from{static_cast<const U*>(stretch.a), static_cast<const U*>(stretch.b), flip,
                         stretch.ahead};
  return what == Term::Number ? add_all<kBool, false>(from, stretch.count, stretch.more_follows)
                              : add_all<kBool, true>(from, stretch.count, stretch.more_follows);
}

Halves add_halves(const IntegerKind& kind, const Stretch& stretch) {
  switch (kind.type) {
    case Type::Bool:
      return add_type<std::uint8_t, true>(kind.term, stretch, 0);
    case Type::UInt8:
      return add_type<std::uint8_t>(kind.term, stretch, 0);
    case Type::Int8:
      return add_type<std::uint8_t>(kind.term, stretch, 0x80U);
    case Type::UInt16:
      return add_type<std::uint16_t>(kind.term, stretch, 0);
    case Type::Int16:
      return add_type<std::uint16_t>(kind.term, stretch, 0x8000U);
    case Type::UInt32:
      return add_type<std::uint32_t>(kind.term, stretch, 0);
    case Type::Int32:
      return add_type<std::uint32_t>(kind.term, stretch, 0x8000'0000U);
    case Type::UInt64:
      return add_type<std::uint64_t>(kind.term, stretch, 0);
    default:
      return add_type<std::uint64_t>(kind.term, stretch, std::uint64_t{1} << 63);
  }
}

}  // namespace freshframe::numeric::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace freshframe::numeric {
namespace {

HWY_EXPORT(add_halves);

// The sum of kChunk 16-bit numbers just fits into a 32-bit lane.
static_assert(kChunk * 0xFFFF <= 0xFFFF'FFFF);

bool is_signed(Type type) {
  return type == Type::Int8 || type == Type::Int16 || type == Type::Int32 || type == Type::Int64;
}

}  // namespace

Wide add_integers(const IntegerKind& kind, const Stretch& stretch) {
  const auto [low, high] = HWY_DYNAMIC_DISPATCH(add_halves)(kind, stretch);
  const std::size_t bits = 8 * get_size(kind.type);
  Wide total = static_cast<Wide>(low) + (static_cast<Wide>(high) << (bits == 64 ? 32 : 0));
  if (is_signed(kind.type) && kind.term == Term::Number) {
    total -= static_cast<Wide>(stretch.count) << (bits - 1);
  }
  return total;
}

}  // namespace freshframe::numeric
#endif
