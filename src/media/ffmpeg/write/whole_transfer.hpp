// Reads and writes that the operating system may do in parts.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cerrno>
#include <cstddef>

namespace freshframe::media {

/// Calls `part(done, left)`, which returns what read() or write() returns, until `size` bytes are done.
/// Returns 0, or the number of the error: EIO when nothing more can be read or written and there is no error.
template <class Part>
[[nodiscard]] int transfer_whole(std::size_t size, const Part& part) {
  std::size_t done = 0;
  while (done < size) {
    const auto moved = part(done, size - done);
    if (moved < 0 && errno == EINTR) continue;
    if (moved < 0) return errno;
    if (moved == 0) return EIO;
    done += static_cast<std::size_t>(moved);
  }
  return 0;
}

}  // namespace freshframe::media
