// Sums over layouts: chunks to threads, partial sums to one.
// SPDX-License-Identifier: Apache-2.0
//
// Note [Reading ahead]
// A processor reads memory ahead of a program within the distance that it can look ahead in the instructions.
// A plain sum needs one operation per vector. A sum with its errors needs five, so only a fifth of that
// distance is in sight. On some processors memory then waits, and a request far ahead, beyond the page, makes
// the sum as fast as a plain one (1.0 of it on one Zen 5). On others the processor's own prefetcher already
// reads that far, and the requests get in its way: on an EPYC a sum of 160 MB reached .98 of a plain one
// without them, and .75 with them. The two cannot be told apart by their names, so long sums try both and
// keep the faster one. Four streams per chunk, one per quarter, reached .80 on the Zen 5.
#include "freshframe/numeric.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "numeric/chunk.hpp"
#include "numeric/float_lanes.hpp"
#include "numeric/integer_chunk.hpp"
#include "numeric/threads.hpp"
#include "numeric/two_sum.hpp"

namespace freshframe::numeric {

namespace {

struct Axis {
  std::ptrdiff_t count = 1;
  std::array<std::ptrdiff_t, 2> strides{};  ///< strides of `a` and `b`
};

/// One or two arrays of the same shape as nested runs through memory, outermost axis first. The last axis is
/// the run, which always exists. Sorted by the addresses of `a`, ascending, so that an array, its transpose
/// and its reversal have the same layout.
struct Layout {
  std::array<const std::byte*, 2> data{};
  std::vector<Axis> axes;
  std::size_t item = 1;    ///< bytes of one number
  std::size_t arrays = 1;  ///< 1 or 2
  std::int64_t count = 1;  ///< numbers in each array
  /// The numbers of a run are consecutive in every array, and aligned for their type.
  bool direct = false;
};

void check(const View& view) {
  if (view.shape.size() != view.strides.size()) {
    throw std::invalid_argument("shape and strides must have one entry per axis, got " +
                                std::to_string(view.shape.size()) + " and " +
                                std::to_string(view.strides.size()));
  }
  if (view.shape.size() > kMaxAxes) {
    throw std::invalid_argument("an array may have at most " + std::to_string(kMaxAxes) + " axes, got " +
                                std::to_string(view.shape.size()));
  }
}

// Reverses axes so that the addresses of `a` ascend.
void turn_round(Layout& layout) {
  for (Axis& axis : layout.axes) {
    if (axis.strides[0] >= 0) continue;
    for (std::size_t i = 0; i < layout.arrays; ++i) {
      layout.data[i] += (axis.count - 1) * axis.strides[i];
      axis.strides[i] = -axis.strides[i];
    }
  }
}

// An axis with stride 0 repeats everything inside it, so it belongs outside.
void order(std::vector<Axis>& axes) {
  if (axes.size() < 2) return;  // sorting allocates
  const auto weight = [](std::ptrdiff_t stride) {
    return stride == 0 ? std::numeric_limits<std::ptrdiff_t>::max() : std::abs(stride);
  };
  std::stable_sort(axes.begin(), axes.end(), [&](const Axis& left, const Axis& right) {
    if (left.strides[0] != right.strides[0]) return weight(left.strides[0]) > weight(right.strides[0]);
    return weight(left.strides[1]) > weight(right.strides[1]);
  });
}

// Two axes can be merged if the inner one ends where the next step of the outer one begins.
void merge(std::vector<Axis>& axes) {
  std::size_t kept = 0;
  for (std::size_t i = 1; i < axes.size(); ++i) {
    Axis& outer = axes[kept];
    const Axis& inner = axes[i];
    if (outer.strides[0] == inner.strides[0] * inner.count &&
        outer.strides[1] == inner.strides[1] * inner.count) {
      outer = {.count = outer.count * inner.count, .strides = inner.strides};
    } else {
      axes[++kept] = inner;
    }
  }
  axes.resize(std::min(axes.size(), kept + 1));
}

std::int64_t count_of(const std::vector<Axis>& axes) {
  if (std::ranges::any_of(axes, [](const Axis& axis) { return axis.count == 0; })) return 0;
  std::int64_t count = 1;
  for (const Axis& axis : axes) {
    if (axis.count < 0 || __builtin_mul_overflow(count, axis.count, &count)) {
      throw std::invalid_argument("an array may have at most 2^63 - 1 numbers, got an axis of " +
                                  std::to_string(axis.count));
    }
  }
  return count;
}

bool is_direct(const Layout& layout) {
  const auto item = static_cast<std::ptrdiff_t>(layout.item);
  for (std::size_t i = 0; i < layout.arrays; ++i) {
    if (layout.axes.back().strides[i] != item) return false;
    if (reinterpret_cast<std::uintptr_t>(layout.data[i]) % layout.item != 0) return false;
    for (const Axis& axis : layout.axes) {
      if (axis.strides[i] % item != 0) return false;
    }
  }
  return true;
}

Layout finish(Layout layout) {
  layout.count = count_of(layout.axes);
  std::erase_if(layout.axes, [](const Axis& axis) { return axis.count == 1; });
  if (layout.count != 0) {
    turn_round(layout);
    order(layout.axes);
    merge(layout.axes);
  }
  if (layout.axes.empty()) {
    const auto item = static_cast<std::ptrdiff_t>(layout.item);
    layout.axes.push_back({.count = layout.count, .strides = {item, item}});
  }
  layout.direct = layout.count != 0 && is_direct(layout);
  return layout;
}

/// Throws std::invalid_argument as documented for sum() and absolute_difference().
[[nodiscard]] Layout layout_of(const View& a) {
  check(a);
  Layout layout{.data = {a.data, nullptr}, .axes = {}, .item = get_size(a.type)};
  for (std::size_t i = 0; i < a.shape.size(); ++i) {
    layout.axes.push_back({.count = a.shape[i], .strides = {a.strides[i], 0}});
  }
  return finish(std::move(layout));
}

[[nodiscard]] Layout layout_of(const View& a, const View& b) {
  check(a);
  check(b);
  if (a.type != b.type) throw std::invalid_argument("both arrays must have the same type");
  if (!std::ranges::equal(a.shape, b.shape)) {
    throw std::invalid_argument("both arrays must have the same shape");
  }
  Layout layout{.data = {a.data, b.data}, .axes = {}, .item = get_size(a.type), .arrays = 2};
  for (std::size_t i = 0; i < a.shape.size(); ++i) {
    layout.axes.push_back({.count = a.shape[i], .strides = {a.strides[i], b.strides[i]}});
  }
  return finish(std::move(layout));
}

// Bytes: more than a page, because a processor's own prefetching stops at the end of a page.
constexpr std::uintptr_t kAheadOfScattered = 6144;

// Four numbers at a time, with one prefetch: a cache line or less for strides of two to four.
template <std::size_t kSize>
void copy_scattered(const std::byte* from, std::ptrdiff_t stride, std::byte* to, std::int64_t count) {
  std::int64_t i = 0;
  for (; i + 4 <= count; i += 4) {
    for (std::ptrdiff_t k = 0; k < 4; ++k)
      std::memcpy(to + k * std::ptrdiff_t{kSize}, from + k * stride, kSize);
    const auto ahead = reinterpret_cast<std::uintptr_t>(from) + kAheadOfScattered;
    // NOLINTNEXTLINE(performance-no-int-to-ptr): pointer arithmetic beyond the array is undefined
    __builtin_prefetch(reinterpret_cast<const void*>(ahead));
    from += 4 * stride;
    to += 4 * kSize;
  }
  for (; i < count; ++i) {
    std::memcpy(to, from, kSize);
    from += stride;
    to += kSize;
  }
}

void copy_run(const std::byte* from, std::ptrdiff_t stride, std::byte* to, std::int64_t count,
              std::size_t item) {
  if (stride == static_cast<std::ptrdiff_t>(item)) {
    std::memcpy(to, from, static_cast<std::size_t>(count) * item);
    return;
  }
  switch (item) {
    case 1:
      return copy_scattered<1>(from, stride, to, count);
    case 2:
      return copy_scattered<2>(from, stride, to, count);
    case 4:
      return copy_scattered<4>(from, stride, to, count);
    default:
      return copy_scattered<8>(from, stride, to, count);
  }
}

/// Iterates over a layout in stretches of consecutive numbers: in place where possible, otherwise copied to a
/// small buffer in blocks of kGathered. Does not allocate or throw. `layout` must outlive it.
class Walk {
 public:
  /// Starts at number `first` of layout.count. `ahead`: see Stretch.
  Walk(const Layout& layout, std::int64_t first, std::uintptr_t ahead) noexcept
      : layout_(layout), ahead_(ahead), at_(layout.data) {
    for (std::size_t i = layout.axes.size(); i-- > 0;) {
      const Axis& axis = layout.axes[i];
      index_[i] = first % axis.count;
      first /= axis.count;
      for (std::size_t k = 0; k < layout.arrays; ++k) at_[k] += index_[i] * axis.strides[k];
    }
  }

  /// Returns the next numbers: 1 to `most`, either exactly as many as requested or a multiple of kGathered.
  /// Valid until the next call.
  Stretch next(std::int64_t most) noexcept {
    std::int64_t count = std::min(most, left_in_run());
    if (count < most) count -= count % kGathered;
    if (layout_.direct && count > 0) {
      const Stretch stretch{at_[0], at_[1], static_cast<std::size_t>(count), true, ahead_};
      advance(count);
      return stretch;
    }
    count = std::min(most, kGathered);
    gather(count);
    return {gathered_[0].data(), gathered_[1].data(), static_cast<std::size_t>(count), false};
  }

 private:
  [[nodiscard]] std::int64_t left_in_run() const noexcept {
    const std::size_t last = layout_.axes.size() - 1;
    return layout_.axes[last].count - index_[last];
  }

  // `count` must not pass the end of a run. At the end, continues with the next run.
  void advance(std::int64_t count) noexcept {
    std::size_t i = layout_.axes.size() - 1;
    index_[i] += count;
    for (std::size_t k = 0; k < layout_.arrays; ++k) at_[k] += count * layout_.axes[i].strides[k];
    while (index_[i] == layout_.axes[i].count && i > 0) {
      for (std::size_t k = 0; k < layout_.arrays; ++k) {
        at_[k] += layout_.axes[i - 1].strides[k] - layout_.axes[i].count * layout_.axes[i].strides[k];
      }
      index_[i] = 0;
      ++index_[--i];
    }
  }

  void gather(std::int64_t count) noexcept {
    for (std::int64_t done = 0; done < count;) {
      const std::int64_t run = std::min(count - done, left_in_run());
      const auto offset = static_cast<std::size_t>(done) * layout_.item;
      for (std::size_t k = 0; k < layout_.arrays; ++k) {
        copy_run(at_[k], layout_.axes.back().strides[k], gathered_[k].data() + offset, run, layout_.item);
      }
      advance(run);
      done += run;
    }
  }

  const Layout& layout_;
  const std::uintptr_t ahead_;
  std::array<const std::byte*, 2> at_{};
  std::array<std::ptrdiff_t, kMaxAxes> index_{};
  alignas(64) std::array<std::array<std::byte, kGathered * 8>,
                         2> gathered_;  // NOLINT(*-member-init): filled by gather()
};

// Sums of doubles with an intermediate overflow, and sums with infinite terms. Rare, so the code is simple:
// one thread, one copy through a small buffer. Numbers are scaled by 2^-128: the bits that small numbers lose
// are far below the last bit of a sum that overflowed.

constexpr int kExponent = 128;

struct Seen {
  bool nan = false;
  bool positive = false;  // an infinity
  bool negative = false;

  void look(double x) {
    nan |= std::isnan(x);
    positive |= std::isinf(x) && x > 0;
    negative |= std::isinf(x) && x < 0;
  }
  [[nodiscard]] bool any() const { return nan || positive || negative; }
  [[nodiscard]] double sum() const {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    if (nan || (positive && negative)) return std::numeric_limits<double>::quiet_NaN();
    return positive ? kInfinity : -kInfinity;
  }
};

/// Returns true if the terms of `value` are finite.
[[nodiscard]] bool in_range(const Real& value) {
  return std::isfinite(value.sum + value.error + value.rest);
}

/// Returns the sum if the lanes' result `value` is out of range: infinity or NaN if one of the numbers is,
/// otherwise the sum computed with a separate exponent.
[[nodiscard]] Real add_beyond_range(const Layout& layout, const FloatKind& kind, const Real& value) {
  // Sums of floats cannot leave the range of doubles.
  if (kind.type == Type::Float32) return {.sum = value.sum};
  Seen seen;
  Real total;
  Walk walk(layout, 0, 0);
  std::array<double, kGathered> scaled;  // NOLINT(*-member-init)
  for (std::int64_t left = layout.count; left > 0;) {
    const Stretch stretch = walk.next(std::min(left, kGathered));
    left -= static_cast<std::int64_t>(stretch.count);
    const auto* const a = static_cast<const double*>(stretch.a);
    const auto* const b = static_cast<const double*>(stretch.b);
    for (std::size_t i = 0; i < stretch.count; ++i) {
      scaled[i] = std::ldexp(a[i], -kExponent);
      if (kind.term == Term::AbsoluteDifference)
        scaled[i] = std::abs(scaled[i] - std::ldexp(b[i], -kExponent));
      seen.look(scaled[i]);
    }
    FloatLanes lanes;
    add_floats(lanes, {Type::Float64, Term::Number, kind.third_order},
               {scaled.data(), nullptr, stretch.count});
    add(total, add_up(lanes));
  }
  if (seen.any()) return {.sum = seen.sum()};
  total.exponent = kExponent;
  return total;
}

void check(const Options& options) {
  if (options.threads < 1) {
    throw std::invalid_argument("threads must be at least 1, got " + std::to_string(options.threads));
  }
}

std::int64_t chunks_of(const Layout& layout) {
  return layout.count / kChunk + (layout.count % kChunk != 0 ? 1 : 0);
}

// Starting a thread takes as long as adding about half a megabyte. With one more thread per full megabyte,
// each thread adds at least that much.
constexpr std::int64_t kBytesWorthAThread = 1 << 20;

int threads_for(const Layout& layout, const Options& options) {
  const std::int64_t useful =
      1 + layout.count / (kBytesWorthAThread / static_cast<std::int64_t>(layout.item));
  return static_cast<int>(std::min<std::int64_t>(options.threads, useful));
}

std::int64_t count_of(const Layout& layout, std::int64_t chunk) {
  return std::min(kChunk, layout.count - chunk * kChunk);
}

// Calls `take(stretch)` for all numbers of a chunk, in order.
template <class Take>
void walk_chunk(const Layout& layout, std::int64_t chunk, std::uintptr_t ahead, const Take& take) {
  std::int64_t left = count_of(layout, chunk);
  Walk walk(layout, chunk * kChunk, ahead);
  while (left > 0) {
    const Stretch stretch = walk.next(left);
    left -= static_cast<std::int64_t>(stretch.count);
    take(stretch);
  }
}

/// The prefetch distances in bytes. 0 prefetches what is being read, which is harmless. The other is more
/// than a page, so that the address of the next page is translated before it is needed.
constexpr std::array<std::uintptr_t, 2> kDistances = {0, 6144};

/// Chooses the distance for one sum of many chunks. Thread-safe.
class ReadingAhead {
 public:
  /// Returns the distance for a chunk. The first chunks of each kPeriod try both.
  [[nodiscard]] std::uintptr_t distance(std::int64_t chunk) const noexcept {
    return kDistances[is_trial(chunk) ? static_cast<std::size_t>(chunk % 2) : best()];
  }
  /// Calls `work(distance)`, which adds a whole chunk, and measures the time if it is a trial.
  template <class Work>
  void add(std::int64_t chunk, const Work& work) noexcept {
    if (!is_trial(chunk)) return work(distance(chunk));
    const auto begin = std::chrono::steady_clock::now();
    work(distance(chunk));
    const auto took = (std::chrono::steady_clock::now() - begin).count();
    auto& least = least_[static_cast<std::size_t>(chunk % 2)];
    auto known = least.load(std::memory_order_relaxed);
    while (took < known && !least.compare_exchange_weak(known, took, std::memory_order_relaxed)) {
    }
  }

 private:
  // The very first chunk is ignored: it pays for cold caches and code. The minimum is used, because a thread
  // that was preempted says nothing about memory.
  static constexpr std::int64_t kPeriod = 128;
  static constexpr std::int64_t kTrials = 8;
  static bool is_trial(std::int64_t chunk) noexcept { return chunk > 0 && chunk % kPeriod < kTrials; }
  // Switches from the first distance only if another is clearly faster.
  [[nodiscard]] std::size_t best() const noexcept {
    const auto first = least_[0].load(std::memory_order_relaxed);
    const auto second = least_[1].load(std::memory_order_relaxed);
    return second < first - first / 64 ? 1 : 0;
  }

  static constexpr std::int64_t kNone = std::int64_t{1} << 62;
  std::array<std::atomic<std::int64_t>, 2> least_{kNone, kNone};
};

// Every chunk has its own slot, so the number of threads does not change the order of additions.
Real add_floats(const Layout& layout, const FloatKind& kind, int threads) {
  std::vector<Real> parts(static_cast<std::size_t>(chunks_of(layout)));
  ReadingAhead reading;
  share_out(chunks_of(layout), threads, [&](std::int64_t chunk) {
    FloatLanes lanes;
    reading.add(chunk, [&](std::uintptr_t ahead) {
      walk_chunk(layout, chunk, ahead, [&](const Stretch& stretch) { add_floats(lanes, kind, stretch); });
    });
    parts[static_cast<std::size_t>(chunk)] = add_up(lanes);
  });
  return add_up(std::span<const Real>(parts));
}

Integer add_integers(const Layout& layout, const IntegerKind& kind, int threads) {
  std::vector<Wide> parts(static_cast<std::size_t>(chunks_of(layout)));
  ReadingAhead reading;
  share_out(chunks_of(layout), threads, [&](std::int64_t chunk) {
    Wide part = 0;
    reading.add(chunk, [&](std::uintptr_t ahead) {
      walk_chunk(layout, chunk, ahead, [&](const Stretch& stretch) { part += add_integers(kind, stretch); });
    });
    parts[static_cast<std::size_t>(chunk)] = part;
  });
  Wide total = 0;
  for (const Wide part : parts) total += part;
  return {static_cast<std::int64_t>(total >> 64), static_cast<std::uint64_t>(total)};
}

Total total_of(const Layout& layout, Type type, Term term, const Options& options) {
  if (layout.count == 0) {
    if (type == Type::Float32 || type == Type::Float64) return {.value = Real{.sum = 0.0}};
    return {.value = Integer{}};
  }
  Total total{.value = {}, .count = layout.count};
  if (type == Type::Float32 || type == Type::Float64) {
    const FloatKind kind{type, term, options.compensated};
    const Real value = add_floats(layout, kind, threads_for(layout, options));
    total.value = in_range(value) ? value : add_beyond_range(layout, kind, value);
  } else {
    total.value = add_integers(layout, {type, term}, threads_for(layout, options));
  }
  return total;
}

}  // namespace

std::size_t get_size(Type type) {
  switch (type) {
    case Type::Bool:
    case Type::UInt8:
    case Type::Int8:
      return 1;
    case Type::UInt16:
    case Type::Int16:
      return 2;
    case Type::UInt32:
    case Type::Int32:
    case Type::Float32:
      return 4;
    default:
      return 8;
  }
}

Total sum(const View& numbers, const Options& options) {
  check(options);
  return total_of(layout_of(numbers), numbers.type, Term::Number, options);
}

Total absolute_difference(const View& a, const View& b, const Options& options) {
  check(options);
  return total_of(layout_of(a, b), a.type, Term::AbsoluteDifference, options);
}

}  // namespace freshframe::numeric
