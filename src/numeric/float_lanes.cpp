// Adds floating-point numbers to 64 sums side by side, each with the errors of its roundings. Compiled once
// per instruction set by Highway's foreach_target.
// SPDX-License-Identifier: Apache-2.0
//
// Note [Adding to a large number]
// A tile's numbers are scaled by a power of two, so that their sums stay far below 1, and added to -1.5. That
// rounds each to a multiple of 2^-52, and because -1.5 is the larger one, the rounding error is x - ((-1.5 +
// x) + 1.5), exactly: fewer operations than TwoSum's six. The rounded parts are added without any error as
// long as the sum stays between -2 and -1. The rounding errors are added separately. The common bits of all
// values of the sum show whether it stayed there: no exponent except that of infinity and NaN has all bits of
// -1.5's. A tile whose sum left the range is added again, scaled by its own maximum or with TwoSum. (S. M.
// Rump, T. Ogita, S. Oishi, "Accurate floating-point summation part I: faithful rounding", SIAM J. Sci.
// Comput. 31, 2008, algorithm 3.2, ExtractVector. There the maximum is taken first; here it is guessed from
// earlier tiles, and the sum itself is the large number.)
//
// Note [Additions as multiplications]
// Most processors have as many units for fused multiply-add as for additions. x * 1 + y rounds once, as x + y
// does, so some of TwoSum's additions are written in this form where the instruction exists: the same bits,
// in less time. The 1 is read from a volatile. Otherwise a compiler would turn them into additions again.
//
// Note [Reading in order]
// What a processor reads ahead from memory by itself it reads in order. In passes over a part of each row it reads
// a quarter of what a plain loop gets, and requests of the program replace that in part only: there are too
// few at a time (24 lines on a Zen 4). So where a row does not fit into the registers and the numbers come from memory,
// a block of terms is first copied in order to the first-level cache, and the passes read it there. Numbers
// that are cached already are read in place, and asked for in order. Where a row fits into the registers, it is read
// in order anyway, and each request would cost time.

// Every target takes half a minute to compile, so under AddressSanitizer there are only two.
#if defined(__SANITIZE_ADDRESS__) && defined(__x86_64__)
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3)
#endif
#include "numeric/float_lanes.hpp"

// HWY_INLINE cannot stand at a lambda.
#define FRESHFRAME_IN_LINE __attribute__((always_inline))

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "numeric/float_lanes.cpp"
#include <cstddef>
#include <cstdint>
#include <utility>

#include <hwy/cache_control.h>
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

// Independent vectors, so that none waits for its own last sum: as many as there are registers. If they are
// less than a row, a block of rows is processed in several passes. See Note [Reading in order].
constexpr std::size_t kAbreast = kWidth == 8 ? 8 : 4;
constexpr std::size_t kPass = kAbreast * kWidth;
constexpr std::size_t kPasses = kLanes / kPass;
static_assert(kLanes % kPass == 0);
constexpr std::size_t kBlock = 16 * kLanes;  // numbers, read where they are
constexpr std::size_t kStaged = 8 * kLanes;  // numbers of a staged block

constexpr double kBase = -1.5;
constexpr std::uint64_t kBaseBits = std::uint64_t{0xBFF} << 52;

// Calls f(0) to f(kCount - 1), each a constant of its own type.
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
#if HWY_ARCH_X86 && HWY_TARGET != HWY_EMU128  // where raw is an array
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

// The bits that are in all three. GCC makes up to two instructions of it, and where float32 is added, the arithmetic
// units are the limit.
HWY_INLINE B in_all(B x, B y, B z) {
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3
  return B{_mm512_ternarylogic_epi64(x.raw, y.raw, z.raw, 0x80)};
#else
  return hn::And(x, hn::And(y, z));
#endif
}

inline V opaque_one() {
  static const volatile double one = 1.0;
  return hn::Set(Doubles(), one);
}

// Asks for the memory of as many numbers as a pass adds of a row. It may lie behind the array.
template <class T>
HWY_INLINE void ask(const T* from, std::size_t i) {
  constexpr std::size_t kLine = 64;
  const auto first = reinterpret_cast<std::uintptr_t>(from) + i * sizeof(T);
  each<(kPass * sizeof(T) + kLine - 1) / kLine>([&](auto line) HWY_ATTR {
    hwy::Prefetch(reinterpret_cast<const char*>(first + line * kLine));  // NOLINT(performance-no-int-to-ptr)
  });
}

template <class T>
struct Numbers {
  static constexpr std::size_t kAskedAhead = 8192 / sizeof(T);
  const T* a;
  HWY_INLINE V at(std::size_t i) const { return load(a + i); }
  HWY_INLINE void ask_for(std::size_t i) const { ask(a, i); }
};

template <class T>
struct Differences {
  static constexpr std::size_t kAskedAhead = 8192 / sizeof(T);
  const T* a;
  const T* b;
  HWY_INLINE V at(std::size_t i) const { return hn::Abs(hn::Sub(load(a + i), load(b + i))); }
  HWY_INLINE void ask_for(std::size_t i) const {
    ask(a, i);
    ask(b, i);
  }
};

// Asks for the numbers behind a tile. So memory is not idle while the tile's sums are added to the lanes.
template <class Terms>
HWY_INLINE void ask_behind(const Terms& terms, std::size_t end) {
  constexpr std::size_t kAskedRows = 3;
  for (std::size_t i = 0; i < kAskedRows * kLanes; i += kPass) terms.ask_for(end + i);
}

// Whole rows of kLanes terms.
struct Tile {
  std::size_t begin;
  std::size_t end;
};

// How a tile is read; see Note [Reading in order].
enum class Way : unsigned char { InPlace, Asking, Staged };

// Terms in the first-level cache.
struct Stage {
  alignas(64) double terms[kStaged];
};
template <class Terms>
HWY_INLINE Numbers<double> staged(Stage& stage, const Terms& terms, const Tile& block) {
  for (std::size_t i = 0; i < block.end - block.begin; i += 4 * kWidth) {
    V x[4];
    each<4>([&](auto k) HWY_ATTR { x[k] = terms.at(block.begin + i + k * kWidth); });
    each<4>([&](auto k) HWY_ATTR { store(x[k], stage.terms + i + k * kWidth); });
  }
  return {stage.terms};
}

// Calls f(terms, block) for the blocks of a tile, in order. f should be FRESHFRAME_IN_LINE: a call per block would
// take what it captures, and its vectors, through memory.
template <Way kWay, class Terms, class F>
HWY_INLINE void for_blocks(const Terms& terms, const Tile& tile, const F& f) {
  constexpr std::size_t kSize = kWay == Way::Staged ? kStaged : kBlock;
  Stage stage;  // NOLINT(*-member-init,misc-const-correctness): filled by staged()
  for (std::size_t begin = tile.begin; begin < tile.end; begin += kSize) {
    const Tile block{begin, tile.end - begin < kSize ? tile.end : begin + kSize};
    if constexpr (kWay == Way::Staged) {
      f(staged(stage, terms, block), Tile{0, block.end - block.begin});
    } else {
      f(terms, block);
    }
  }
}

// Some lanes of a block by TwoSum.
template <bool kThirdOrder, class Terms>
HWY_INLINE void add_pass_safely(FloatLanes& lanes, const Terms& terms, const Tile& block, std::size_t lane) {
  const V one = opaque_one();
  V sum[kAbreast];
  V error[kAbreast];
  V rest[kAbreast];
  each<kAbreast>([&](auto k) HWY_ATTR {
    sum[k] = load(lanes.sum.data() + lane + k * kWidth);
    error[k] = load(lanes.error.data() + lane + k * kWidth);
    rest[k] = load(lanes.rest.data() + lane + k * kWidth);
  });
  for (std::size_t i = block.begin + lane; i < block.end; i += kLanes) {
    each<kAbreast>([&](auto k) HWY_ATTR {
      const V lost = two_sum(sum[k], keep(terms.at(i + k * kWidth)), one);
      if constexpr (kThirdOrder) {
        rest[k] = plus(two_sum(error[k], lost, one), rest[k], one);
      } else {
        error[k] = plus(lost, error[k], one);
      }
    });
  }
  each<kAbreast>([&](auto k) HWY_ATTR {
    store(sum[k], lanes.sum.data() + lane + k * kWidth);
    store(error[k], lanes.error.data() + lane + k * kWidth);
    store(rest[k], lanes.rest.data() + lane + k * kWidth);
  });
}

// Adds a tile by TwoSum: always right, and slower.
template <bool kThirdOrder, class Terms>
HWY_NOINLINE void add_safely(FloatLanes& lanes, const Terms& terms, const Tile& tile) {
  constexpr Way kWay = kPasses == 1 ? Way::InPlace : Way::Staged;
  for_blocks<kWay>(terms, tile, [&](const auto& some, const Tile& block) HWY_ATTR FRESHFRAME_IN_LINE {
    for (std::size_t lane = 0; lane < kLanes; lane += kPass)
      add_pass_safely<kThirdOrder>(lanes, some, block, lane);
  });
}

// A tile's contribution to the lanes, scaled.
struct Moved {
  alignas(64) double sum[kLanes];
  alignas(64) double error[kLanes];
};
// The lanes from `lane` on, as many as a pass adds.
struct Pass {
  Tile block;
  std::size_t lane;
};
// Some lanes of a block, see Note [Adding to a large number]. `common` keeps the bits that all values of the
// sums had.
template <Way kWay, class Terms>
HWY_INLINE void add_pass(Moved& moved, B& common, const Terms& terms, const Pass& pass, V scale) {
  const Tile block = pass.block;
  const std::size_t lane = pass.lane;
  const Bits bits;
  V sum[kAbreast];
  V error[kAbreast];
  B all = common;
  each<kAbreast>([&](auto k) HWY_ATTR {
    sum[k] = load(moved.sum + lane + k * kWidth);
    error[k] = load(moved.error + lane + k * kWidth);
  });
  std::size_t asked = block.begin + lane * ((block.end - block.begin) / kLanes);
  for (std::size_t i = block.begin + lane; i < block.end; i += kLanes) {
    if constexpr (kWay == Way::Asking) terms.ask_for(asked + Terms::kAskedAhead);
    asked += kPass;
    each<kAbreast>([&](auto k) HWY_ATTR {
      const V x = keep(terms.at(i + k * kWidth));
      const V before = sum[k];
      sum[k] = hn::MulAdd(x, scale, before);
      error[k] = hn::Add(error[k], hn::MulSub(x, scale, hn::Sub(sum[k], before)));
      if constexpr (k % 2 == 1) {
        all = in_all(all, hn::BitCast(bits, sum[k - 1]), hn::BitCast(bits, sum[k]));
      }
    });
  }
  common = all;
  each<kAbreast>([&](auto k) HWY_ATTR {
    store(sum[k], moved.sum + lane + k * kWidth);
    store(error[k], moved.error + lane + k * kWidth);
  });
}

// Some of the lanes that a tile has moved, to the lanes of the chunk.
template <std::size_t kVectors>
HWY_INLINE void settle(FloatLanes& lanes, const Moved& moved, double unscale, std::size_t lane) {
  const V one = opaque_one();
  const V back = hn::Set(Doubles(), unscale);
  const V base = hn::Set(Doubles(), kBase);
  each<kVectors>([&](auto k) HWY_ATTR {
    const std::size_t i = lane + k * kWidth;
    V sum = load(lanes.sum.data() + i);
    const V lost = two_sum(sum, hn::Mul(hn::Sub(load(moved.sum + i), base), back), one);
    const V error = hn::Add(lost, hn::Mul(load(moved.error + i), back));
    store(sum, lanes.sum.data() + i);
    store(hn::Add(load(lanes.error.data() + i), error), lanes.error.data() + i);
  });
}

// Tiles in their order. Where rows are read in place, what a tile has moved is settled between the blocks of the next one:
// all at once it would keep the processor from reading ahead.
struct Tiles {
  FloatLanes& lanes;
  Moved moved[2];
  double unscale = 0;  // undoes the scale of the tile that is not settled; 0: there is none
  std::size_t newest = 0;

  HWY_INLINE void settle_all() {
    if (unscale != 0) settle<kLanes / kWidth>(lanes, moved[newest], unscale, 0);
    unscale = 0;
  }
};

// Adds a tile. False, and it was not added: the scale is too large.
template <Way kWay, class Terms>
HWY_INLINE bool add_on_base(Tiles& tiles, const Terms& terms, const Tile& tile) {
  const Bits bits;
  const V scale = hn::Set(Doubles(), tiles.lanes.scale);
  const V base = hn::Set(Doubles(), kBase);
  const V none = keep(hn::Zero(Doubles()));
  const Moved& before = tiles.moved[tiles.newest];
  Moved& moved = tiles.moved[1 - tiles.newest];
  each<kLanes / kWidth>([&](auto k) HWY_ATTR {
    store(base, moved.sum + k * kWidth);
    store(none, moved.error + k * kWidth);
  });
  B common = hn::Set(bits, ~std::uint64_t{0});
  constexpr std::size_t kSettled = kLanes * kBlock / (kTileRows * kLanes);  // lanes per block
  static_assert(kSettled % kWidth == 0 && kLanes % kSettled == 0);
  std::size_t settled = 0;
  for_blocks<kWay>(terms, tile, [&](const auto& some, const Tile& block) HWY_ATTR FRESHFRAME_IN_LINE {
    for (std::size_t lane = 0; lane < kLanes; lane += kPass)
      add_pass<kWay>(moved, common, some, Pass{block, lane}, scale);
    if (tiles.unscale == 0) return;
    settle<kSettled / kWidth>(tiles.lanes, before, tiles.unscale, settled);
    settled += kSettled;
  });
  if (tiles.unscale != 0) {
    for (; settled < kLanes; settled += kSettled)
      settle<kSettled / kWidth>(tiles.lanes, before, tiles.unscale, settled);
  }
  tiles.unscale = 0;
  B strayed = hn::Zero(bits);
  each<kLanes / kWidth>([&](auto k) HWY_ATTR {
    // Infinity and NaN have all bits of the exponent set, and both stay.
    const auto last = hn::BitCast(bits, load(moved.sum + k * kWidth));
    strayed = hn::Or(strayed, hn::Xor(last, hn::Set(bits, kBaseBits)));
  });
  const B wanted = hn::Set(bits, kBaseBits);
  if (!hn::AllTrue(bits, hn::Eq(hn::And(hn::AndNot(strayed, common), wanted), wanted))) return false;
  tiles.newest = 1 - tiles.newest;
  tiles.unscale = 1 / tiles.lanes.scale;
  if constexpr (kPasses > 1) {
    ask_behind(terms, tile.end);
    tiles.settle_all();
  }
  return true;
}

// The largest |term|. NaN may be passed over: a tile with one fails on every base.
template <class Terms>
HWY_NOINLINE double largest(const Terms& terms, const Tile& tile) {
  const Doubles d;
  V most[kAbreast];
  each<kAbreast>([&](auto k) HWY_ATTR { most[k] = hn::Zero(d); });
  for (std::size_t i = tile.begin; i < tile.end; i += kPass) {
    each<kAbreast>([&](auto k) HWY_ATTR { most[k] = hn::Max(most[k], hn::Abs(terms.at(i + k * kWidth))); });
  }
  each<kAbreast>([&](auto k) HWY_ATTR { most[0] = hn::Max(most[0], most[k]); });
  return hn::GetLane(hn::MaxOfLanes(d, most[0]));
}

// Adds a tile of a chunk, the first one with a scale estimated from its first rows.
template <Way kWay, class Terms>
HWY_INLINE void add_tile(Tiles& tiles, const Terms& terms, const Tile& tile) {
  auto& lanes = tiles.lanes;
  if (lanes.scale == 0) {
    lanes.scale = scale_for(largest(terms, {tile.begin, tile.begin + kRowsWorthABase * kLanes}));
  }
  if (lanes.scale != 0 && add_on_base<kWay>(tiles, terms, tile)) return;
  lanes.scale = scale_for(largest(terms, tile));
  if (lanes.scale != 0 && add_on_base<Way::InPlace>(tiles, terms, tile)) return;
  tiles.settle_all();
  add_safely<false>(lanes, terms, tile);
}

template <bool kThirdOrder, class Terms>
HWY_NOINLINE void add_stretch(FloatLanes& lanes, Terms terms, std::size_t rows, Where where) {
  Tiles tiles{.lanes = lanes, .moved = {}};
  for (std::size_t row = 0; row < rows; row += kTileRows) {
    const std::size_t end = rows - row < kTileRows ? rows : row + kTileRows;
    const Tile tile{row * kLanes, end * kLanes};
    if (kThirdOrder || end - row < kRowsWorthABase) {
      tiles.settle_all();
      add_safely<kThirdOrder>(lanes, terms, tile);
    } else if (kPasses == 1 || where == Where::Gathered) {
      add_tile<Way::InPlace>(tiles, terms, tile);
    } else if (where == Where::Cached) {
      add_tile<kPasses == 1 ? Way::InPlace : Way::Asking>(tiles, terms, tile);
    } else {
      add_tile<kPasses == 1 ? Way::InPlace : Way::Staged>(tiles, terms, tile);
    }
  }
  tiles.settle_all();
}

template <class T>
HWY_INLINE void add_of_type(FloatLanes& lanes, const FloatKind& kind, const Stretch& stretch) {
  const auto* const a = static_cast<const T*>(stretch.a);
  const auto* const b = static_cast<const T*>(stretch.b);
  const std::size_t rows = stretch.count / kLanes;
  const Where where = stretch.more_follows ? kind.where : Where::Gathered;
  if (kind.term == Term::AbsoluteDifference) {
    if (kind.third_order) {
      add_stretch<true>(lanes, Differences<T>{a, b}, rows, where);
    } else {
      add_stretch<false>(lanes, Differences<T>{a, b}, rows, where);
    }
  } else if (kind.third_order) {
    add_stretch<true>(lanes, Numbers<T>{a}, rows, where);
  } else {
    add_stretch<false>(lanes, Numbers<T>{a}, rows, where);
  }
}

void add_whole_rows(FloatLanes& lanes, const FloatKind& kind, const Stretch& stretch) {
  if (kind.type == Type::Float32) {
    add_of_type<float>(lanes, kind, stretch);
  } else {
    add_of_type<double>(lanes, kind, stretch);
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
#include <algorithm>
#include <cmath>

#include "numeric/two_sum.hpp"

namespace freshframe::numeric {

double scale_for(double largest) {
  // The sums of kTileRows numbers may reach 1/2. The 4 leave room for larger numbers in later tiles.
  static_assert(kTileRows == 64);
  constexpr int kRoom = 1 + 6 + 1 + 4;
  // Beyond that, scaling would lose small numbers beside large ones.
  constexpr double kLargest = 0x1p+200;
  constexpr double kSmallest = 0x1p-200;
  if (!(largest >= kSmallest && largest <= kLargest)) return 0;
  return std::ldexp(1.0, -(std::ilogb(largest) + kRoom));
}

namespace {

HWY_EXPORT(add_whole_rows);
HWY_EXPORT(fold);

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
  HWY_DYNAMIC_DISPATCH(add_whole_rows)(lanes, kind, {a.data(), b.data(), kLanes, false});
}

}  // namespace

void add_floats(FloatLanes& lanes, const FloatKind& kind, const Stretch& stretch) {
  if (stretch.count >= kLanes) HWY_DYNAMIC_DISPATCH(add_whole_rows)(lanes, kind, stretch);
  if (stretch.count % kLanes == 0) return;
  if (kind.type == Type::Float32) {
    add_tail<float>(lanes, kind, stretch);
  } else {
    add_tail<double>(lanes, kind, stretch);
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
