// Tells video that was passed over from video that runs beside the one that is read.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>

namespace freshframe::media {

/// Where the packets of each video stream lie in a file. A stream that lies wholly before or behind the chosen one
/// continues it under another number, as at a change of programmes; one beside it is another view of the same time.
class StreamSpans {
 public:
  /// `position`: of the packet in the file, in bytes; below 0 where the reader does not say.
  void add(int stream, std::int64_t position);
  /// How many packets of the streams lie before or behind those of `chosen`.
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
