// Computes hashes of an image's luma by which it is recognised, in one pass over its 16x16 blocks.
// SPDX-License-Identifier: Apache-2.0
//
// A field is a rectangle of blocks with a hash state of 16 bytes, which consumes 16 bytes of a row at a time.
// The pass goes along each row through the states of adjacent fields, so that memory is read sequentially.
// The same words yield the blocks' sums, and so their means, which show contrast.
#include "sources/still/picture_digest.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstring>
#include <limits>

namespace freshframe::media {
namespace {

constexpr int kBlock = 16;        // pixels
constexpr int kFieldWidth = 160;  // pixels, approximately
constexpr int kFieldHeight = 90;
constexpr int kMostFields = 16;  // per row and per column
constexpr int kFlatParts = 8;    // at most this many parts per row and per column
constexpr int kPartBlocks = 2;   // at least this many blocks per row and per column of a part
constexpr int kContrast = 5;     // levels

using SixteenBytes = std::array<std::uint64_t, 2>;

// Each step is invertible, so differences are kept. The rotation moves high bits to where the next
// multiplication spreads them.
std::uint64_t mixed(std::uint64_t state, std::uint64_t word) noexcept {
  constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15;
  constexpr int kTurn = 31;
  return std::rotl((state ^ word) * kOdd, kTurn);
}

void mix(SixteenBytes& state, const SixteenBytes& words) noexcept {
  state[0] = mixed(state[0], words[0]);
  state[1] = mixed(state[1], words[1]);
}

std::uint64_t joined(const SixteenBytes& state) noexcept {
  return mixed(mixed(state[0], state[1]), state[0] >> 1U);
}

SixteenBytes words_at(const std::uint8_t* bytes, std::size_t size = sizeof(SixteenBytes)) noexcept {
  SixteenBytes words{};
  std::memcpy(words.data(), bytes, size);
  return words;
}

// Adds pairs of the eight bytes into four 16-bit sums. A block's 32 words, up to 510 each, do not overflow.
std::uint64_t add_bytes(std::uint64_t word) noexcept {
  constexpr std::uint64_t kEven = 0x00FF00FF00FF00FF;
  return (word & kEven) + ((word >> 8U) & kEven);
}

int compute_mean(std::uint64_t sums) noexcept {
  constexpr std::uint64_t kLow = 0xFFFF;
  constexpr std::uint64_t kPixels = std::uint64_t{kBlock} * kBlock;
  const std::uint64_t all = (sums & kLow) + (sums >> 16U & kLow) + (sums >> 32U & kLow) + (sums >> 48U);
  return static_cast<int>(all / kPixels);
}

// The blocks of an image, grouped into parts.
struct Parts {
  int blocks;
  int count;

  [[nodiscard]] int begin_part(int part) const noexcept { return part * blocks / count; }
};

Parts divide_blocks(int blocks, int wanted) noexcept {
  return {blocks, std::clamp(wanted, 1, std::max(1, blocks))};
}

// Mean luma of each complete block. Partial blocks at the right and lower edge have none.
struct Means {
  int columns;
  int rows;
  std::vector<std::uint8_t> levels;

  [[nodiscard]] bool has_contrast(const Parts& across, const Parts& down, int x, int y) const {
    int least = std::numeric_limits<std::uint8_t>::max();
    int most = 0;
    for (int row = down.begin_part(y); row < std::min(down.begin_part(y + 1), rows); ++row) {
      const auto begin = static_cast<std::size_t>(row) * static_cast<std::size_t>(columns);
      for (int column = across.begin_part(x); column < std::min(across.begin_part(x + 1), columns);
           ++column) {
        const int mean = levels[begin + static_cast<std::size_t>(column)];
        least = std::min(least, mean);
        most = std::max(most, mean);
      }
    }
    return most - least > kContrast;
  }
};

class Reading {
 public:
  explicit Reading(const Plane& luma)
      : luma_(luma),
        across_(divide_blocks(up(luma.row_bytes), near(luma.row_bytes, kFieldWidth))),
        down_(divide_blocks(up(luma.rows), near(luma.rows, kFieldHeight))),
        means_{luma.row_bytes / kBlock, luma.rows / kBlock, {}},
        states_(static_cast<std::size_t>(across_.count) * static_cast<std::size_t>(down_.count),
                SixteenBytes{1, 2}),
        sums_(static_cast<std::size_t>(up(luma.row_bytes))) {
    means_.levels.reserve(static_cast<std::size_t>(means_.columns) * static_cast<std::size_t>(means_.rows));
  }

  PictureDigest read() {
    for (int y = 0; y < down_.count; ++y) {
      for (int block = down_.begin_part(y); block < down_.begin_part(y + 1); ++block) read_blocks(block, y);
    }
    PictureDigest digest{
        .bits = mixed(static_cast<std::uint64_t>(luma_.rows), static_cast<std::uint64_t>(luma_.row_bytes))};
    for (int y = 0; y < down_.count; ++y) {
      for (int x = 0; x < across_.count; ++x) {
        digest.fields.push_back({joined(state(x, y)), means_.has_contrast(across_, down_, x, y)});
        digest.bits = mixed(digest.bits, digest.fields.back().bits);
      }
    }
    digest.flat = is_flat();
    return digest;
  }

 private:
  static int up(int pixels) { return (pixels + kBlock - 1) / kBlock; }
  static int near(int pixels, int size) { return std::min(kMostFields, (pixels + size / 2) / size); }

  SixteenBytes& state(int x, int y) {
    return states_[static_cast<std::size_t>(y) * static_cast<std::size_t>(across_.count) +
                   static_cast<std::size_t>(x)];
  }

  /// Reads a row of blocks, all of which belong to the same row of fields.
  void read_blocks(int block, int field) {
    std::ranges::fill(sums_, 0);
    const int end = std::min(luma_.rows, (block + 1) * kBlock);
    for (int y = block * kBlock; y < end; ++y) read_row(luma_.row(y), &state(0, field));
    if (block >= means_.rows) return;
    for (int x = 0; x < means_.columns; ++x) {
      means_.levels.push_back(static_cast<std::uint8_t>(compute_mean(sums_[static_cast<std::size_t>(x)])));
    }
  }

  void read_row(const std::uint8_t* row, SixteenBytes* states) {
    const int whole = means_.columns;
    for (int x = 0; x < across_.count; ++x) {
      SixteenBytes state = states[x];
      const int end = across_.begin_part(x + 1);
      for (int block = across_.begin_part(x); block < std::min(end, whole); ++block) {
        const auto words = words_at(row + static_cast<std::ptrdiff_t>(block) * kBlock);
        mix(state, words);
        sums_[static_cast<std::size_t>(block)] += add_bytes(words[0]) + add_bytes(words[1]);
      }
      if (end > whole) {  // the last columns, which do not fill a block
        mix(state, words_at(row + static_cast<std::ptrdiff_t>(whole) * kBlock,
                            static_cast<std::size_t>(luma_.row_bytes % kBlock)));
      }
      states[x] = state;
    }
  }

  /// A part needs several blocks to show contrast, so small images have fewer parts, and images smaller than
  /// a part are not judged.
  [[nodiscard]] bool is_flat() const {
    if (std::min(means_.columns, means_.rows) < kPartBlocks) return false;
    const auto across = divide_blocks(means_.columns, std::min(kFlatParts, means_.columns / kPartBlocks));
    const auto down = divide_blocks(means_.rows, std::min(kFlatParts, means_.rows / kPartBlocks));
    for (int y = 0; y < down.count; ++y) {
      for (int x = 0; x < across.count; ++x) {
        if (means_.has_contrast(across, down, x, y)) return false;
      }
    }
    return true;
  }

  const Plane& luma_;
  const Parts across_;
  const Parts down_;
  Means means_;
  std::vector<SixteenBytes> states_;  // hash states
  std::vector<std::uint64_t> sums_;   // sums of the blocks in one row of blocks
};

}  // namespace

PictureDigest compute_digest(const Plane& luma) {
  return Reading(luma).read();
}

std::uint64_t compute_digest(const std::uint8_t* bytes, std::size_t size) {
  SixteenBytes state{1, size};
  std::size_t at = 0;
  for (; at + sizeof(SixteenBytes) <= size; at += sizeof(SixteenBytes)) mix(state, words_at(bytes + at));
  mix(state, words_at(bytes + at, size - at));
  return joined(state);
}

}  // namespace freshframe::media
