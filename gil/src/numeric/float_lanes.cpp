// Adds floating-point numbers to 32 sums side by side, each with its rounding errors. Compiled once
// per instruction set by Highway's foreach_target.
// SPDX-License-Identifier: Apache-2.0
//
// Note [Adding to a large number]
// A tile's numbers are scaled by a power of two, so that their sums stay far below 1, and added to -1.5. That
// rounds each to a multiple of 2^-52, and because -1.5 is the larger one, the rounding error is x - ((-1.5 +
// x) + 1.5), exactly: fewer operations than TwoSum's six. The rounded parts are added without any error as
// long as the sum stays between -2 and -1. The rounding errors are added separately. The common bits of all
// values of the sum show whether it stayed there: no exponent except the exponent of infinity and NaN has all
// bits of -1.5's. A tile whose sum left the range is added again, scaled by its own maximum or with TwoSum.
// (S. M. Rump, T. Ogita, S. Oishi, "Accurate floating-point summation part I: faithful rounding", SIAM J.
// Sci. Comput. 31, 2008, algorithm 3.2, ExtractVector. There the maximum is taken first; here it is guessed
// from earlier tiles, and the sum itself is the large number.)
//
// Note [Additions as multiplications]
// Most processors have as many units for fused multiply-add as for additions. x * 1 + y rounds once, as x + y
// does, so some of TwoSum's additions are written in this form where the instruction exists: the same bits,
// in less time. The 1 is read from a volatile. Otherwise a compiler would turn them into additions again.

// The 32 lanes are four AVX-512 or eight AVX2 vectors. Highway's bits below AVX3's are wider or newer
// targets, which would gain nothing here. Every target takes seconds to compile, so under AddressSanitizer
// there are only three.
#if defined(__x86_64__) && defined(__SANITIZE_ADDRESS__)
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | (HWY_AVX3 - 1))
#elif defined(__x86_64__)
#define HWY_DISABLED_TARGETS (HWY_AVX3 - 1)
#endif
#include "numeric/float_lanes.hpp"

// HWY_INLINE cannot mark a lambda.
#define FRESHFRAME_IN_LINE __attribute__((always_inline))

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "numeric/float_lanes.cpp"
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace freshframe::numeric::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Doubles = hn::CappedTag<double, 8>;
using Bits = hn::RebindToUnsigned<Doubles>;
using V = hn::Vec<Doubles>;
using B = hn::Vec<Bits>;

constexpr std::size_t kWidth = hn::MaxLanes(Doubles());

// The vectors of a row, and how many of them one pass over a tile adds together with their errors. Eight need
// 16 registers, all that AVX2 has: the few remaining operands come from the L1 cache. Two passes over half of
// the lanes each are slower there, because each reads only every second cache line.
constexpr std::size_t kVectors = kLanes / kWidth;
constexpr std::size_t kAbreast = std::min<std::size_t>(kVectors, 8);
static_assert(kVectors % kAbreast == 0);

constexpr std::size_t kCacheLine = 64;

constexpr double kBase = -1.5;
constexpr std::uint64_t kBaseBits = std::uint64_t{0xBFF} << 52;

// Calls f(0) to f(kCount - 1), each a constant with a different type.
template <class F, std::size_t... K>
HWY_INLINE void each(const F& f, std::index_sequence<K...> /*numbers*/) {
  (f(std::integral_constant<std::size_t, K>()), ...);
}
template <std::size_t kCount, class F>
HWY_INLINE void each(const F& f) {
  each(f, std::make_index_sequence<kCount>());
}

// Compilers tend to read memory twice instead of keeping the value, and a processor makes at most two reads
// per cycle.
HWY_INLINE V keep(V v) {
#if HWY_ARCH_X86 && HWY_TARGET != HWY_EMU128  // `raw` is an array for this target
  __asm__("" : "+v"(v.raw));
#endif
  return v;
}

HWY_INLINE V load(const double* from) {
  return hn::LoadU(Doubles(), from);
}
HWY_INLINE V load(const float* from) {
  return hn::PromoteTo(Doubles(), hn::LoadU(hn::Rebind<float, Doubles>(), from));
}
HWY_INLINE void store(V v, double* to) {
  hn::StoreU(v, Doubles(), to);
}

HWY_INLINE V plus(V x, V y, [[maybe_unused]] V one) {
#if HWY_NATIVE_FMA
  return hn::MulAdd(x, one, y);
#else
  return hn::Add(x, y);
#endif
}
HWY_INLINE V minus(V x, V y, [[maybe_unused]] V one) {
#if HWY_NATIVE_FMA
  return hn::MulSub(x, one, y);
#else
  return hn::Sub(x, y);
#endif
}

// `sum` becomes sum + x; returns the rounding error. See Note [Additions as multiplications].
HWY_INLINE V two_sum(V& sum, V x, V one) {
  const V before = sum;
  sum = hn::Add(before, x);
  const V added = hn::Sub(sum, before);
  return hn::Add(hn::Sub(before, minus(sum, added, one)), minus(x, added, one));
}

inline V opaque_one() {
  static const volatile double one = 1.0;
  return hn::Set(Doubles(), one);
}

// Loads vector kVector of the row that starts at `row`. See Note [Reading ahead] in sum.cpp.
template <std::size_t kVector, class T>
HWY_INLINE V row_vector(const T* row, std::uintptr_t ahead) {
  const T* const from = row + kVector * kWidth;
  if constexpr (kVector * kWidth * sizeof(T) % kCacheLine == 0) {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): an address beyond the array is no pointer
    __builtin_prefetch(reinterpret_cast<const void*>(reinterpret_cast<std::uintptr_t>(from) + ahead));
  }
  return load(from);
}

template <class T>
struct Numbers {
  const T* a;
  std::uintptr_t ahead;
  template <std::size_t kVector>
  HWY_INLINE V at(std::size_t i) const {
    return row_vector<kVector>(a + i, ahead);
  }
};

template <class T>
struct Differences {
  const T* a;
  const T* b;
  std::uintptr_t ahead;
  template <std::size_t kVector>
  HWY_INLINE V at(std::size_t i) const {
    return hn::Abs(hn::Sub(row_vector<kVector>(a + i, ahead), row_vector<kVector>(b + i, ahead)));
  }
};

// A range of whole rows, by their numbers in the chunk.
struct Tile {
  std::size_t begin;
  std::size_t end;
};

// Calls f(first) for each pass over a tile. `first`, a constant, is the first of kAbreast vectors of a row.
template <class F>
HWY_INLINE void for_passes(const F& f) {
  each<kVectors / kAbreast>([&](auto pass) HWY_ATTR FRESHFRAME_IN_LINE {
    f(std::integral_constant<std::size_t, pass * kAbreast>());
  });
}

// Adds some lanes of a tile with TwoSum.
template <bool kThirdOrder, std::size_t kFirst, class Terms>
HWY_INLINE void add_pass_safely(FloatLanes& lanes, const Terms& terms, const Tile& tile) {
  const V one = opaque_one();
  V sum[kAbreast];
  V error[kAbreast];
  V rest[kAbreast];
  each<kAbreast>([&](auto k) HWY_ATTR {
    sum[k] = load(lanes.sum.data() + (kFirst + k) * kWidth);
    error[k] = load(lanes.error.data() + (kFirst + k) * kWidth);
    rest[k] = load(lanes.rest.data() + (kFirst + k) * kWidth);
  });
  for (std::size_t i = tile.begin; i < tile.end; i += kLanes) {
    each<kAbreast>([&](auto k) HWY_ATTR {
      const V lost = two_sum(sum[k], keep(terms.template at<kFirst + k>(i)), one);
      if constexpr (kThirdOrder) {
        rest[k] = plus(two_sum(error[k], lost, one), rest[k], one);
      } else {
        error[k] = plus(lost, error[k], one);
      }
    });
  }
  each<kAbreast>([&](auto k) HWY_ATTR {
    store(sum[k], lanes.sum.data() + (kFirst + k) * kWidth);
    store(error[k], lanes.error.data() + (kFirst + k) * kWidth);
    store(rest[k], lanes.rest.data() + (kFirst + k) * kWidth);
  });
}

// Adds a tile with TwoSum. Always correct, but slower.
template <bool kThirdOrder, class Terms>
HWY_NOINLINE void add_safely(FloatLanes& lanes, const Terms& terms, const Tile& tile) {
  for_passes([&](auto first) HWY_ATTR FRESHFRAME_IN_LINE {
    add_pass_safely<kThirdOrder, decltype(first)::value>(lanes, terms, tile);
  });
}

// The scaled sums of a tile, to be added to the lanes.
struct Moved {
  // Explicit, because an implicit one is compiled for the baseline processor, for which g++ rejects the
  // operator of a NEON vector.
  HWY_INLINE Moved() {}  // NOLINT(*-equals-default,*-member-init)

  V sum[kVectors];
  V error[kVectors];
};

// Adds some lanes of a tile, see Note [Adding to a large number]. `common` keeps the bits that all values of
// the sums had in common.
template <std::size_t kFirst, class Terms>
HWY_INLINE void add_pass(Moved& moved, B& common, const Terms& terms, const Tile& tile, V scale) {
  const Bits bits;
  const V none = keep(hn::Zero(Doubles()));
  V sum[kAbreast];
  V error[kAbreast];
  B all = common;
  each<kAbreast>([&](auto k) HWY_ATTR {
    sum[k] = hn::Set(Doubles(), kBase);
    error[k] = none;
  });
  for (std::size_t i = tile.begin; i < tile.end; i += kLanes) {
    each<kAbreast>([&](auto k) HWY_ATTR {
      const V x = keep(terms.template at<kFirst + k>(i));
      const V before = sum[k];
      sum[k] = hn::MulAdd(x, scale, before);
      error[k] = hn::Add(error[k], hn::MulSub(x, scale, hn::Sub(sum[k], before)));
      if constexpr (k % 2 == 1) {
        all = hn::And(all, hn::And(hn::BitCast(bits, sum[k - 1]), hn::BitCast(bits, sum[k])));
      }
    });
  }
  common = all;
  each<kAbreast>([&](auto k) HWY_ATTR {
    moved.sum[kFirst + k] = sum[k];
    moved.error[kFirst + k] = error[k];
  });
}

// Adds the shifted sums of a tile to the lanes of the chunk.
HWY_INLINE void settle(FloatLanes& lanes, const Moved& moved, double unscale) {
  const V one = opaque_one();
  const V back = hn::Set(Doubles(), unscale);
  const V base = hn::Set(Doubles(), kBase);
  each<kVectors>([&](auto k) HWY_ATTR {
    const std::size_t i = k * kWidth;
    V sum = load(lanes.sum.data() + i);
    const V lost = two_sum(sum, hn::Mul(hn::Sub(moved.sum[k], base), back), one);
    const V error = hn::Add(lost, hn::Mul(moved.error[k], back));
    store(sum, lanes.sum.data() + i);
    store(hn::Add(load(lanes.error.data() + i), error), lanes.error.data() + i);
  });
}

// Adds a tile. Returns false, without adding it, if the scale is too large.
template <class Terms>
HWY_INLINE bool add_on_base(FloatLanes& lanes, const Terms& terms, const Tile& tile) {
  const Bits bits;
  const V scale = hn::Set(Doubles(), lanes.scale);
  Moved moved;  // NOLINT(*-member-init): filled by the passes
  B common = hn::Set(bits, ~std::uint64_t{0});
  for_passes([&](auto first) HWY_ATTR FRESHFRAME_IN_LINE {
    add_pass<decltype(first)::value>(moved, common, terms, tile, scale);
  });
  B strayed = hn::Zero(bits);
  each<kVectors>([&](auto k) HWY_ATTR {
    // Infinity and NaN have all exponent bits set, so both are detected here.
    strayed = hn::Or(strayed, hn::Xor(hn::BitCast(bits, moved.sum[k]), hn::Set(bits, kBaseBits)));
  });
  const B wanted = hn::Set(bits, kBaseBits);
  if (!hn::AllTrue(bits, hn::Eq(hn::And(hn::AndNot(strayed, common), wanted), wanted))) return false;
  settle(lanes, moved, 1 / lanes.scale);
  return true;
}

// Returns the largest |term|. May ignore NaN, because a tile that contains one fails on any base.
template <class Terms>
HWY_NOINLINE double largest(const Terms& terms, const Tile& tile) {
  const Doubles d;
  V most[2] = {hn::Zero(d), hn::Zero(d)};
  for (std::size_t i = tile.begin; i < tile.end; i += kLanes) {
    each<kVectors>([&](auto k)
                       HWY_ATTR { most[k % 2] = hn::Max(most[k % 2], hn::Abs(terms.template at<k>(i))); });
  }
  return hn::GetLane(hn::MaxOfLanes(d, hn::Max(most[0], most[1])));
}

// Adds a tile of a chunk. For the first tile, estimates the scale from its first rows.
template <class Terms>
HWY_INLINE void add_tile(FloatLanes& lanes, const Terms& terms, const Tile& tile) {
  constexpr std::size_t kLookedAt = 32 * kLanes;
  if (lanes.scale == 0) {
    const std::size_t end = tile.end - tile.begin < kLookedAt ? tile.end : tile.begin + kLookedAt;
    lanes.scale = scale_for(largest(terms, {tile.begin, end}));
  }
  if (lanes.scale != 0 && add_on_base(lanes, terms, tile)) return;
  lanes.scale = scale_for(largest(terms, tile));
  if (lanes.scale != 0 && add_on_base(lanes, terms, tile)) return;
  add_safely<false>(lanes, terms, tile);
}

template <bool kThirdOrder, class Terms>
HWY_NOINLINE void add_terms(FloatLanes& lanes, Terms terms, std::size_t count) {
  for (std::size_t begin = 0; begin < count; begin += kTile) {
    const Tile tile{begin, count - begin < kTile ? count : begin + kTile};
    if (kThirdOrder || tile.end - begin < kRowsWorthABase * kLanes) {
      add_safely<kThirdOrder>(lanes, terms, tile);
    } else {
      add_tile(lanes, terms, tile);
    }
  }
}

template <class T>
HWY_INLINE void add_of_type(FloatLanes& lanes, const FloatKind& kind, const Stretch& rows) {
  const auto* const a = static_cast<const T*>(rows.a);
  if (kind.term == Term::AbsoluteDifference) {
    const Differences<T> terms{a, static_cast<const T*>(rows.b), rows.ahead};
    if (kind.third_order) {
      add_terms<true>(lanes, terms, rows.count);
    } else {
      add_terms<false>(lanes, terms, rows.count);
    }
  } else if (kind.third_order) {
    add_terms<true>(lanes, Numbers<T>{a, rows.ahead}, rows.count);
  } else {
    add_terms<false>(lanes, Numbers<T>{a, rows.ahead}, rows.count);
  }
}

// Whole rows.
void add_rows(FloatLanes& lanes, const FloatKind& kind, const Stretch& rows) {
  if (kind.type == Type::Float32) {
    add_of_type<float>(lanes, kind, rows);
  } else {
    add_of_type<double>(lanes, kind, rows);
  }
}

// Adds the upper half of the lanes to the lower, and so on until 8 are left.
void fold(FloatLanes& lanes) {
  const V one = opaque_one();
  for (std::size_t half = kLanes / 2; half >= 8; half /= 2) {
    for (std::size_t lane = 0; lane < half; lane += kWidth) {
      V sum = load(lanes.sum.data() + lane);
      V error = load(lanes.error.data() + lane);
      V rest = hn::Add(load(lanes.rest.data() + lane), load(lanes.rest.data() + half + lane));
      const V lost = two_sum(sum, load(lanes.sum.data() + half + lane), one);
      rest = hn::Add(rest, two_sum(error, load(lanes.error.data() + half + lane), one));
      rest = hn::Add(rest, two_sum(error, lost, one));
      store(sum, lanes.sum.data() + lane);
      store(error, lanes.error.data() + lane);
      store(rest, lanes.rest.data() + lane);
    }
  }
}

}  // namespace freshframe::numeric::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <cmath>

#include "numeric/two_sum.hpp"

namespace freshframe::numeric {

double scale_for(double largest) {
  // The sums of kTileRows numbers may reach 1/2. The factor 4 leaves room for larger numbers in later tiles.
  static_assert(kTileRows == 64);
  constexpr int kRoom = 1 + 6 + 1 + 4;
  // Beyond that, scaling would lose small numbers beside large ones.
  constexpr double kLargest = 0x1p+200;
  constexpr double kSmallest = 0x1p-200;
  if (!(largest >= kSmallest && largest <= kLargest)) return 0;
  return std::ldexp(1.0, -(std::ilogb(largest) + kRoom));
}

namespace {

HWY_EXPORT(add_rows);
HWY_EXPORT(fold);

// The numbers after the last whole row, padded with zeros to a row.
template <class T>
void add_tail(FloatLanes& lanes, const FloatKind& kind, const Stretch& stretch) {
  const std::size_t left = stretch.count % kLanes;
  const std::size_t begin = stretch.count - left;
  std::array<T, kLanes> a;
  std::array<T, kLanes> b;  // NOLINT(*-member-init): used by differences only
  a.fill(T(-0.0));          // changes no sum, not even its sign
  std::copy_n(static_cast<const T*>(stretch.a) + begin, left, a.begin());
  if (kind.term == Term::AbsoluteDifference) {
    b.fill(T(-0.0));
    std::copy_n(static_cast<const T*>(stretch.b) + begin, left, b.begin());
  }
  HWY_DYNAMIC_DISPATCH(add_rows)(lanes, kind, {.a = a.data(), .b = b.data(), .count = kLanes});
}

template <class T>
void add_all(FloatLanes& lanes, const FloatKind& kind, const Stretch& stretch) {
  const std::size_t whole = stretch.count / kLanes * kLanes;
  if (whole != 0) {
    HWY_DYNAMIC_DISPATCH(add_rows)(lanes, kind, {.a = stretch.a, .b = stretch.b, .count = whole});
  }
  if (whole != stretch.count) add_tail<T>(lanes, kind, stretch);
}

}  // namespace

void add_floats(FloatLanes& lanes, const FloatKind& kind, const Stretch& stretch) {
  if (kind.type == Type::Float32) {
    add_all<float>(lanes, kind, stretch);
  } else {
    add_all<double>(lanes, kind, stretch);
  }
}

Real add_up(FloatLanes& lanes) {
  HWY_DYNAMIC_DISPATCH(fold)(lanes);
  std::array<Real, 8> parts;
  for (std::size_t i = 0; i < parts.size(); ++i) parts[i] = {lanes.sum[i], lanes.error[i], lanes.rest[i]};
  return add_up(std::span<const Real>(parts));
}

}  // namespace freshframe::numeric
#endif
