// Sums over layouts: chunks to threads, partial sums to one.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/numeric.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "numeric/chunk.hpp"
#include "numeric/float_lanes.hpp"
#include "numeric/integer_chunk.hpp"
#include "numeric/layout.hpp"
#include "numeric/out_of_range.hpp"
#include "numeric/threads.hpp"
#include "numeric/two_sum.hpp"
#include "numeric/walk.hpp"

namespace freshframe::numeric {
namespace {

void check(const Options& options) {
  if (options.threads < 1) {
    throw std::invalid_argument("threads must be at least 1, got " + std::to_string(options.threads));
  }
}

std::int64_t chunks_of(const Layout& layout) {
  return layout.count / kChunk + (layout.count % kChunk != 0 ? 1 : 0);
}

// A thread's start takes as long as adding about half a megabyte.
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
void walk_chunk(const Layout& layout, std::int64_t chunk, const Take& take) {
  std::int64_t left = count_of(layout, chunk);
  Walk walk(layout, chunk * kChunk);
  while (left > 0) {
    const Stretch stretch = walk.next(left);
    left -= static_cast<std::int64_t>(stretch.count);
    take(stretch);
  }
}

// A chunk that is not in a row: parts of its streams, and what is left behind them.
void add_scattered(FloatLanes& lanes, const FloatKind& kind, const Layout& layout, std::int64_t chunk) {
  static_assert(kGatheredSide % static_cast<std::int64_t>(kTileSide) == 0);
  static_assert(kStreams == 4);
  const std::int64_t first = chunk * kChunk;
  const std::int64_t count = count_of(layout, chunk);
  const auto length = static_cast<std::int64_t>(stream_length(static_cast<std::size_t>(count)));
  std::array<SideWalk, kStreams> walks{SideWalk(layout, first), SideWalk(layout, first + length),
                                       SideWalk(layout, first + 2 * length),
                                       SideWalk(layout, first + 3 * length)};
  for (std::int64_t left = length; left > 0; left -= kGatheredSide) {
    const std::int64_t most = std::min(left, kGatheredSide);
    Streams streams{.count = static_cast<std::size_t>(most)};
    for (std::size_t i = 0; i < kStreams; ++i) {
      const Stretch part = walks[i].next(most);
      streams.a[i] = part.a;
      streams.b[i] = part.b;
    }
    add_streams(lanes, kind, streams);
  }
  const std::int64_t rest = count - static_cast<std::int64_t>(kStreams) * length;
  if (rest != 0) add_floats(lanes, kind, walks.back().next(rest));
}

void add_chunk(FloatLanes& lanes, const FloatKind& kind, const Layout& layout, std::int64_t chunk) {
  const std::int64_t count = count_of(layout, chunk);
  SideWalk walk(layout, chunk * kChunk);
  if (walk.has_in_a_row(count)) {
    add_floats(lanes, kind, walk.next(count));
  } else {
    add_scattered(lanes, kind, layout, chunk);
  }
}

// Every chunk's part has a place of its own, so the number of threads does not change the order of additions.
Real add_floats(const Layout& layout, const FloatKind& kind, int threads) {
  std::vector<Real> parts(static_cast<std::size_t>(chunks_of(layout)));
  share_out(chunks_of(layout), threads, [&](std::int64_t chunk) {
    FloatLanes lanes;
    add_chunk(lanes, kind, layout, chunk);
    parts[static_cast<std::size_t>(chunk)] = add_up(lanes);
  });
  return add_up(std::span<const Real>(parts));
}

Integer add_integers(const Layout& layout, const IntegerKind& kind, int threads) {
  std::vector<Wide> parts(static_cast<std::size_t>(chunks_of(layout)));
  share_out(chunks_of(layout), threads, [&](std::int64_t chunk) {
    Wide part = 0;
    walk_chunk(layout, chunk, [&](const Stretch& stretch) { part += add_integers(kind, stretch); });
    parts[static_cast<std::size_t>(chunk)] = part;
  });
  Wide total = 0;
  for (const Wide part : parts) total += part;
  return {static_cast<std::int64_t>(total >> 64), static_cast<std::uint64_t>(total)};
}

Total add_up(const Layout& layout, Type type, Term term, const Options& options) {
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

std::size_t size_of(Type type) {
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
  return add_up(layout_of(numbers), numbers.type, Term::Number, options);
}

Total absolute_difference(const View& a, const View& b, const Options& options) {
  check(options);
  return add_up(layout_of(a, b), a.type, Term::AbsoluteDifference, options);
}

}  // namespace freshframe::numeric
