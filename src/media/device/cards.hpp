// Lists the GPUs of this machine, for reports.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace freshframe::media {

struct CardFacts {
  int number = 0;                   // number in "cuda:1"
  std::string name;                 // "NVIDIA H200"
  std::vector<std::string> codecs;  // decodable codecs (8 bits): "h264", "hevc" ...
};
struct Cards {
  std::vector<CardFacts> cards;
  std::string driver;  // "CUDA 12.4", or empty if there is no working driver
  std::string reason;  // why no GPU was found
};

/// Looks for all GPUs of this machine. Takes 0.2 s for each, and keeps no state.
[[nodiscard]] Cards find_cards();

}  // namespace freshframe::media
