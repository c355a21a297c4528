// The facts about a picture's luma by which it is recognised: one pass over its pixels, in 16x16 blocks.
// SPDX-License-Identifier: Apache-2.0
//
// A field is a rectangle of blocks. The state of a field, 16 bytes, takes its pixels in, 16 bytes of a row at a
// time; the pass goes on along the row through the states of all fields beside each other, so that memory is read in
// its order. The same words give the blocks' sums, and so their means, which show contrast.
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
constexpr int kFieldWidth = 160;  // pixels, about
constexpr int kFieldHeight = 90;
constexpr int kMostFields = 16;  // in a row, and in a column
constexpr int kFlatParts = 8;    // in a row, and in a column, at most
constexpr int kPartBlocks = 2;   // in a row of a part, and in a column, at least
constexpr int kContrast = 5;     // levels

using SixteenBytes = std::array<std::uint64_t, 2>;

// Each step can be undone, so that a difference stays; the rotation brings high bits to where the next
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

// Returns the sums of eight bytes as four of 16 bits: a block's 32 words of 510 at most fit.
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

// The blocks of a picture, divided into parts.
struct Parts {
  int blocks;
  int count;

  [[nodiscard]] int begin_part(int part) const noexcept { return part * blocks / count; }
};

Parts divide_blocks(int blocks, int wanted) noexcept {
  return {blocks, std::clamp(wanted, 1, std::max(1, blocks))};
}

// Means of the whole blocks. Those at the right and lower edge that are not whole have none.
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

  /// One row of blocks, which belong to one row of fields.
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
      if (end > whole) {  // the last columns, which make no block
        mix(state, words_at(row + static_cast<std::ptrdiff_t>(whole) * kBlock,
                            static_cast<std::size_t>(luma_.row_bytes % kBlock)));
      }
      states[x] = state;
    }
  }

  /// A part of one block has no contrast, whatever it shows: a small picture has fewer parts, and a picture that is
  /// smaller than a part is not judged.
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
  std::vector<SixteenBytes> states_;  // states of the fields
  std::vector<std::uint64_t> sums_;   // sums of the blocks in one row of fields
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
