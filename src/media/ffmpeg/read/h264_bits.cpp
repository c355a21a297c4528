// Reads bits of H.264 headers and parameter sets.
// SPDX-License-Identifier: Apache-2.0
#include "media/ffmpeg/read/h264_bits.hpp"

#include <algorithm>
#include <array>

namespace freshframe::media {
namespace {

void skip_scaling_list(Bits& bits, int size) {
  int last = 8;
  int next = 8;
  for (int i = 0; i < size && bits.ok(); ++i) {
    if (next != 0) next = (last + bits.signed_number() % 256 + 256) % 256;
    if (next != 0) last = next;
  }
}

}  // namespace

bool is_high_profile(std::uint32_t profile) {
  constexpr std::array<std::uint32_t, 13> kHigh = {100, 110, 122, 244, 44,  83, 86,
                                                   118, 128, 138, 139, 134, 135};
  return std::find(kHigh.begin(), kHigh.end(), profile) != kHigh.end();
}

bool read_high_profile(Bits& bits) {
  const auto chroma_format = bits.number();
  const bool separate_planes = chroma_format == 3 && bits.flag();
  bits.skip_numbers(2);  // bit depths
  bits.skip(1);
  if (!bits.flag()) return separate_planes;
  const int lists = chroma_format != 3 ? 8 : 12;
  for (int i = 0; i < lists; ++i) {
    if (bits.flag()) skip_scaling_list(bits, i < 6 ? 16 : 64);
  }
  return separate_planes;
}

}  // namespace freshframe::media
