// The file behind a muxer: opened early, but emptied only before the first write.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "media/ffmpeg/ptr.hpp"
#include "media/file/write_claim.hpp"

namespace freshframe::media {

#if LIBAVFORMAT_VERSION_MAJOR >= 61
using WrittenByte = const std::uint8_t;
#else
using WrittenByte = std::uint8_t;
#endif

/// A file, device or pipe that FFmpeg writes through io(). One thread.
class OutputFile {
 public:
  /// Opens the file, creates it unless it exists, and does not change it. Throws Error, also when another
  /// OutputFile of this process is open for it.
  explicit OutputFile(std::string path);
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  ~OutputFile();

  /// It is a regular file for which number_at() works.
  [[nodiscard]] bool can_read_back() const noexcept { return readable_; }
  /// It is a regular file that was not empty when it was opened.
  [[nodiscard]] bool had_content() const noexcept { return had_content_; }
  /// Empties it.
  void begin();
  [[nodiscard]] AVIOContext* io() const noexcept { return io_.get(); }
  /// The big-endian number of 32 bits at `position`, of a regular file, without the data that io() still
  /// buffers.
  [[nodiscard]] std::uint32_t number_at(std::int64_t position) const;
  /// Overwrites 16 bytes of a regular file.
  void overwrite(std::int64_t position, const std::array<std::uint8_t, 16>& bytes) const;
  /// Truncates a regular file to `position`. Data that io() buffers, or gets later, is not written any more.
  void cut(std::int64_t position) noexcept;
  /// Closes it. Returns FFmpeg's code of a failed write, or 0.
  [[nodiscard]] int close() noexcept;

 private:
  struct FreeIo {
    void operator()(AVIOContext* io) const noexcept {
      av_freep(&io->buffer);
      avio_context_free(&io);
    }
  };

  static int write(void* opaque, WrittenByte* data, int size) noexcept;
  static std::int64_t seek(void* opaque, std::int64_t offset, int whence) noexcept;
  void claim(std::uint64_t device, std::uint64_t inode);
  [[noreturn]] void fail(int error, const char* doing) const;

  std::string path_;
  int descriptor_ = -1;
  bool regular_ = false;
  bool readable_ = false;
  bool cut_ = false;
  bool had_content_ = false;
  std::optional<WriteClaim> claim_;
  std::unique_ptr<AVIOContext, FreeIo> io_;
};

}  // namespace freshframe::media
