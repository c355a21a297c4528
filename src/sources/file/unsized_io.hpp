// A body over HTTP without a length.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "media/ffmpeg/ptr.hpp"

namespace freshframe::media {

/// Reads a body whose length the server did not send: it ends with the connection (RFC 9112, section 6.3, rule 8).
/// FFmpeg treats that end as an error. A body in chunks says where it ends.
class UnsizedIo {
 public:
  explicit UnsizedIo(IoPtr network);

  [[nodiscard]] AVIOContext& io() const noexcept { return *io_; }

 private:
  static int read(void* opaque, std::uint8_t* to, int size) noexcept;

  IoPtr network_;
  OwnIoPtr io_;
};

}  // namespace freshframe::media
