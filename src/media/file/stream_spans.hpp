// Distinguishes skipped video from video that runs in parallel to the chosen stream.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>

namespace freshframe::media {

/// The positions of each video stream's packets in a file. A stream that is wholly before or after the chosen
/// one continues it under another number, as at a change of programmes. A stream that overlaps it is another
/// view of the same time.
class StreamSpans {
 public:
  /// `position`: of the packet in the file, in bytes; below 0: unknown.
  void add(int stream, std::int64_t position);
  /// The number of packets of streams that are before or after `chosen`.
  [[nodiscard]] std::int64_t packets_apart_from(int chosen) const;

 private:
  struct Span {
    std::int64_t packets = 0;
    std::optional<std::int64_t> first;
    std::int64_t last = 0;
  };
  std::map<int, Span> spans_;
};

}  // namespace freshframe::media
