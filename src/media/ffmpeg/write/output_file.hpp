// The file that a muxer writes: opened early, but emptied only before the first write.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/error.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "core/file_claim.hpp"
#include "media/ffmpeg/ptr.hpp"
#include "media/ffmpeg/write/disk_room.hpp"
#include "platform/file.hpp"

namespace freshframe::media {

/// Thrown if a file that must be new exists, or if another program, or another recorder in this one, takes
/// its name while it is created.
class NameTakenError : public Error {
  using Error::Error;
};

/// How a file is opened.
struct FileOpening {
  // asked to make room once per write that finds the disk full; must outlive the file
  DiskRoom* room = nullptr;
  bool must_be_new = false;  // throws NameTakenError if the file exists
};

/// A file, device or pipe that FFmpeg writes through io(). Not thread-safe.
class OutputFile {
 public:
  /// Opens the file, or creates it, without changing its contents. Throws Error, also if another recorder is
  /// writing the file.
  explicit OutputFile(std::string path, FileOpening opening = {});
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  ~OutputFile();

  /// Returns true for a regular file that can be read, as number_at() requires.
  [[nodiscard]] bool can_read_back() const noexcept { return readable_; }
  /// Returns true for a regular file that was not empty when it was opened.
  [[nodiscard]] bool had_content() const noexcept { return had_content_; }
  /// Empties the file. If this is never called, close() and the destructor remove a file that the constructor
  /// has created.
  void begin_file();
  [[nodiscard]] AVIOContext* io() const noexcept { return io_.get(); }
  /// Reads a big-endian 32-bit number of a regular file, without the data that io() still buffers.
  [[nodiscard]] std::uint32_t number_at(std::int64_t position) const;
  /// Overwrites 16 bytes of a regular file.
  void overwrite(std::int64_t position, const std::array<std::uint8_t, 16>& bytes) const;
  /// Whether the file is still at its path. Always Same for devices and pipes.
  [[nodiscard]] platform::FilePlace place() const noexcept {
    return regular_ ? file_.place(path_) : platform::FilePlace::Same;
  }
  /// Truncates a regular file to `position`. Data that is in io()'s buffer, or is written later, is
  /// discarded.
  void cut(std::int64_t position) noexcept;
  /// Empties a file to which nothing useful was written. close() then removes it if it is new.
  void abandon() noexcept;
  /// Closes the file. Returns FFmpeg's error code of a failed write, or 0.
  [[nodiscard]] int close() noexcept;
  /// Size in bytes of a regular file, after close().
  [[nodiscard]] std::int64_t size() const noexcept { return size_; }

 private:
  static int write(void* opaque, const std::uint8_t* data, int size) noexcept;
  static std::int64_t seek(void* opaque, std::int64_t offset, int whence) noexcept;
  void open();
  /// Returns false if the path no longer leads to the file that was opened.
  [[nodiscard]] bool claim();
  void make_io();
  [[noreturn]] void refuse(const char* why) const;
  void remove_unused() noexcept;
  [[noreturn]] void fail(int error, const char* doing) const;

  [[nodiscard]] int write_all(const std::uint8_t* data, std::size_t size) noexcept;
  /// Returns true if the write should be retried: the disk was full, and old files were deleted.
  [[nodiscard]] bool make_room_after(int error) noexcept;

  std::string path_;
  FileOpening opening_;
  platform::File file_;
  bool created_ = false;
  bool began_ = false;
  bool regular_ = false;
  bool readable_ = false;
  bool cut_ = false;
  bool had_content_ = false;
  std::int64_t size_ = 0;
  std::optional<core::WriteClaim> claim_;
  OwnIoPtr io_;
};

}  // namespace freshframe::media
