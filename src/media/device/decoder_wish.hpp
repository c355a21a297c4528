// Where the user wants a stream to be decoded: CPU or GPU.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/error.hpp"
#include "freshframe/media.hpp"

#include <cstdint>
#include <string>

namespace freshframe::media {

/// OpenOptions::decoder. Auto: on the GPU if possible, otherwise on the CPU. Demand: on the GPU or not at
/// all.
struct DecoderWish {
  enum class Kind : std::uint8_t { Cpu, Auto, Demand };
  Kind kind = Kind::Cpu;
  int card = 0;
  std::string objection = {};  // why Auto does not use the GPU for this source, whatever the GPU supports
  bool stays = false;          // OpenOptions::on_device

  /// Reads a source's options. Throws OptionError for an invalid value.
  [[nodiscard]] static DecoderWish read_options(const OpenOptions& options);
  /// Throws OptionError for an invalid value.
  [[nodiscard]] static DecoderWish parse(const std::string& word);
};

/// Where a stream is decoded.
struct DecoderPlace {
  std::string name = "cpu";  // "cpu" or "cuda:0"
  std::string reason = {};   // why it is not decoded on the requested GPU
};

/// Thrown if the GPU that Demand requires cannot decode the stream, or has failed. what() is the reason and
/// what to do about it.
class CardRefused final : public Error {
 public:
  explicit CardRefused(const std::string& reason)
      : Error(reason + "; pass decoder=\"auto\" to fall back to the CPU") {}
};

}  // namespace freshframe::media
