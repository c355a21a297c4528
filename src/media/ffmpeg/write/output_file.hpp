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

/// Another program, or another recorder of this one, has taken the name of a new file.
class NameTakenError : public Error {
  using Error::Error;
};

/// How a file is opened.
struct FileOpening {
  DiskRoom* room = nullptr;  // asked once per write that finds the disk full; it outlives the file
  bool must_be_new = false;  // what is there is not opened: NameTakenError
};

/// A file, device or pipe that FFmpeg writes through io(). One thread.
class OutputFile {
 public:
  /// Opens the file, creates it unless it exists, and does not change it. Throws Error, even when another recorder has
  /// it.
  explicit OutputFile(std::string path, FileOpening opening = {});
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  ~OutputFile();

  /// Whether it is a regular file for which number_at() works.
  [[nodiscard]] bool can_read_back() const noexcept { return readable_; }
  /// Whether it is a regular file that was not empty when it was opened.
  [[nodiscard]] bool had_content() const noexcept { return had_content_; }
  /// Empties it. Without this call close() and the destructor remove a file that the constructor has created.
  void begin_file();
  [[nodiscard]] AVIOContext* io() const noexcept { return io_.get(); }
  /// The big-endian number of 32 bits at `position`, of a regular file, without the data that io() still
  /// buffers.
  [[nodiscard]] std::uint32_t number_at(std::int64_t position) const;
  /// Overwrites 16 bytes of a regular file.
  void overwrite(std::int64_t position, const std::array<std::uint8_t, 16>& bytes) const;
  /// Whether the file, if it is a regular one, is still at its path.
  [[nodiscard]] platform::FilePlace place() const noexcept {
    return regular_ ? file_.place(path_) : platform::FilePlace::Same;
  }
  /// Truncates a regular file to `position`. Data that io() buffers, or gets later, is no longer written.
  void cut(std::int64_t position) noexcept;
  /// Ends a file to which nothing of use was written: the file becomes empty, and close() removes it if it is
  /// new.
  void abandon() noexcept;
  /// Closes it. Returns FFmpeg's code of a failed write, or 0.
  [[nodiscard]] int close() noexcept;
  /// The bytes of a regular file that was closed.
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
  /// Returns whether another attempt is worth it: the disk was full, and old files were deleted.
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
