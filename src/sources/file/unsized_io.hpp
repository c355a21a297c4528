// Reads an HTTP body of unknown length.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "media/ffmpeg/ptr.hpp"

namespace freshframe::media {

/// Reads a body without Content-Length: it ends with the connection (RFC 9112, section 6.3, rule 8) or with
/// an empty chunk (section 7.1). FFmpeg reports the former as an error (from version 9 on both), and does not
/// notice if a chunked body is cut off.
class UnsizedIo {
 public:
  enum class End { Connection, Chunk };
  UnsizedIo(IoPtr network, End end);
  UnsizedIo(const UnsizedIo&) = delete;
  UnsizedIo& operator=(const UnsizedIo&) = delete;
  ~UnsizedIo() = default;

  [[nodiscard]] AVIOContext& io() const noexcept { return *io_; }

 private:
  static int read(void* opaque, std::uint8_t* to, int size) noexcept;
  static std::int64_t seek(void* opaque, std::int64_t offset, int whence) noexcept;

  void note_end() noexcept;

  IoPtr network_;
  End end_;                      // how the latest response ends
  bool met_last_chunk_ = false;  // the last chunk of the latest response has arrived
  OwnIoPtr io_;
};

}  // namespace freshframe::media
