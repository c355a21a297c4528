// The graphics cards of this machine, for reports.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace freshframe::media {

struct CardFacts {
  int number = 0;                   // number in "cuda:1"
  std::string name;                 // "NVIDIA H200"
  std::vector<std::string> codecs;  // codecs that it decodes with 8 bits: "h264", "hevc" ...
};
struct Cards {
  std::vector<CardFacts> cards;
  std::string driver;  // "CUDA 12.4", or nothing if no driver works
  std::string reason;  // why a machine has no card
};

/// Looks for all cards of this machine. It takes 0.2 s for each, and keeps nothing.
[[nodiscard]] Cards find_cards();

}  // namespace freshframe::media
