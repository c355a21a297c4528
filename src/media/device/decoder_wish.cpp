// Parses where the user wants a stream to be decoded: CPU or GPU.
// SPDX-License-Identifier: Apache-2.0
#include "media/device/decoder_wish.hpp"

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace freshframe::media {

DecoderWish DecoderWish::read_options(const OpenOptions& options) {
  auto wish = parse(options.decoder);
  wish.stays = options.on_device;
  if (wish.kind == Kind::Auto && options.decode == Decode::Keyframes)
    wish.objection = "decode=\"keyframes\" opens a decoder for each keyframe, which takes a GPU 0.1 s";
  return wish;
}

DecoderWish DecoderWish::parse(const std::string& word) {
  constexpr std::string_view kCard = "cuda:";
  constexpr std::size_t kMostDigits = 3;
  if (word == "cpu") return {.kind = Kind::Cpu};
  if (word == "auto") return {.kind = Kind::Auto};
  if (word == "cuda") return {.kind = Kind::Demand};
  const bool names_card = word.starts_with(kCard);
  const std::string digits = names_card ? word.substr(kCard.size()) : "";
  const bool is_number =
      !digits.empty() && digits.size() <= kMostDigits &&
      std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (is_number) return {.kind = Kind::Demand, .card = std::stoi(digits)};
  throw OptionError(R"(decoder must be "cpu", "auto", "cuda", or a GPU such as "cuda:1", got ")" + word +
                    '"');
}

}  // namespace freshframe::media
