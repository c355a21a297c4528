// Repeats reads and writes that the system may do in parts.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cerrno>
#include <cstddef>

namespace freshframe::platform {

/// Calls `part(done)`, which returns the result of read() or write(), until `size` bytes are done. Returns 0
/// or errno; EIO if there is no more data or room and the system reports no error.
template <class Part>
[[nodiscard]] int transfer_whole(std::size_t size, std::size_t& done, const Part& part) {
  done = 0;
  while (done < size) {
    const auto moved = part(done);
    if (moved < 0 && errno == EINTR) continue;
    if (moved < 0) return errno;
    if (moved == 0) return EIO;
    done += static_cast<std::size_t>(moved);
  }
  return 0;
}

}  // namespace freshframe::platform
