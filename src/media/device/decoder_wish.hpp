// Where the user wants a stream to be decoded.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/error.hpp"
#include "freshframe/media.hpp"

#include <cstdint>
#include <string>

namespace freshframe::media {

/// OpenOptions::decoder. Auto: on the card if it can, else on the CPU. Demand: on the card, or not at all.
struct DecoderWish {
  enum class Kind : std::uint8_t { Cpu, Auto, Demand };
  Kind kind = Kind::Cpu;
  int card = 0;
  std::string objection = {};  // why Auto does without the card for this source, whatever the card can do
  bool stays = false;          // OpenOptions::on_device

  /// The wish of a source. Throws OptionError for another word.
  [[nodiscard]] static DecoderWish read_options(const OpenOptions& options);
  /// Throws OptionError for another word.
  [[nodiscard]] static DecoderWish parse(const std::string& word);
};

/// Where a stream is decoded.
struct DecoderPlace {
  std::string name = "cpu";  // "cpu" or "cuda:0"
  std::string reason = {};   // why it is not on the card that was wanted
};

/// The card that a Demand names does not decode the stream, or has failed. The text is the reason.
class CardRefused final : public Error {
 public:
  using Error::Error;
};

}  // namespace freshframe::media
