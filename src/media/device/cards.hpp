// The graphics cards of this machine, for reports.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace freshframe::media {

struct CardFacts {
  int number = 0;                   // of "cuda:1"
  std::string name;                 // "NVIDIA H200"
  std::vector<std::string> codecs;  // that it decodes with 8 bits: "h264", "hevc" ...
};
struct Cards {
  std::vector<CardFacts> cards;
  std::string driver;  // "CUDA 12.4", or nothing where no driver works
  std::string reason;  // of a machine without a card
};

/// Looks for all cards of this machine. It takes 0.2 s for each, and keeps nothing.
[[nodiscard]] Cards find_cards();

}  // namespace freshframe::media
