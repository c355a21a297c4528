// The index of an MP4 file whose packets are in fragments.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "media/ffmpeg/ptr.hpp"

namespace freshframe::media {

/// A second MP4 muxer that gets the same packets with their positions. It only writes the `moov` box of a
/// file without fragments, which finish() returns. One thread; throws Error.
class Mp4Index {
 public:
  /// `container`: the muxer's name. `stream`: as it is before the header of the real file is written.
  Mp4Index(const std::string& container, const AVStream& stream);

  /// The packets of one fragment, in order, whose data begins at `position`. Their times are in `time_base`.
  void add(const std::vector<AvPacketPtr>& packets, std::int64_t position, AVRational time_base);
  /// The box to be written at `position`, behind all packets. The last call.
  [[nodiscard]] std::vector<std::uint8_t> finish(std::int64_t position);

 private:
  struct Sink {
    std::int64_t position = 0;
    std::int64_t kept_from = INT64_MAX;
    std::vector<std::uint8_t> kept;
  };
  struct FreeIo {
    void operator()(AVIOContext* io) const noexcept {
      av_freep(static_cast<void*>(&io->buffer));
      avio_context_free(&io);
    }
  };

  static int keep(void* opaque, const std::uint8_t* data, int size) noexcept;
  static std::int64_t seek(void* opaque, std::int64_t offset, int whence) noexcept;

  std::unique_ptr<Sink> sink_ = std::make_unique<Sink>();
  std::unique_ptr<AVIOContext, FreeIo> io_;  // outlives output_
  OutputPtr output_;
};

}  // namespace freshframe::media
