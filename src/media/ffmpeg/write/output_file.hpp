// The file that a muxer writes: opened early, but emptied only before the first write.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "core/file_place.hpp"
#include "media/ffmpeg/ptr.hpp"
#include "media/ffmpeg/write/disk_room.hpp"
#include "media/ffmpeg/write/write_claim.hpp"
#include <unistd.h>

namespace freshframe::media {

// Reads and writes that the operating system may do in parts.

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

/// A file, device or pipe that FFmpeg writes through io(). One thread.
class OutputFile {
 public:
  /// Opens the file, creates it unless it exists, and does not change it. Throws Error, even when another OutputFile
  /// of this process is open for it. `room`: asked once per write that finds the disk full; it outlives the file.
  explicit OutputFile(std::string path, DiskRoom* room = nullptr);
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  ~OutputFile();

  /// Whether it is a regular file for which number_at() works.
  [[nodiscard]] bool can_read_back() const noexcept { return readable_; }
  /// Whether it is a regular file that was not empty when it was opened.
  [[nodiscard]] bool had_content() const noexcept { return had_content_; }
  /// Empties it. Without this call close() and the destructor remove a file that the constructor has created.
  void begin();
  [[nodiscard]] AVIOContext* io() const noexcept { return io_.get(); }
  /// The big-endian number of 32 bits at `position`, of a regular file, without the data that io() still
  /// buffers.
  [[nodiscard]] std::uint32_t number_at(std::int64_t position) const;
  /// Overwrites 16 bytes of a regular file.
  void overwrite(std::int64_t position, const std::array<std::uint8_t, 16>& bytes) const;
  /// Whether the file, if it is a regular one, is still at its path.
  [[nodiscard]] core::FilePlace place() const noexcept {
    return regular_ ? core::place_of(descriptor_.get(), path_) : core::FilePlace::Same;
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
  /// Owns a file descriptor.
  class Descriptor {
   public:
    Descriptor() = default;
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() { reset(-1); }

    [[nodiscard]] int get() const noexcept { return number_; }
    void reset(int number) noexcept {
      static_cast<void>(close());
      number_ = number;
    }
    /// Returns the number of the error, or 0.
    [[nodiscard]] int close() noexcept {
      const int number = std::exchange(number_, -1);
      return number >= 0 && ::close(number) != 0 ? errno : 0;
    }

   private:
    int number_ = -1;
  };

  static int write(void* opaque, const std::uint8_t* data, int size) noexcept;
  static std::int64_t seek(void* opaque, std::int64_t offset, int whence) noexcept;
  void open();
  void make_io();
  void claim(std::uint64_t device, std::uint64_t inode);
  void remove_unused() noexcept;
  [[noreturn]] void fail(int error, const char* doing) const;

  [[nodiscard]] int write_all(const std::uint8_t* data, std::size_t size) noexcept;
  [[nodiscard]] bool has_room_after(int error) noexcept;

  std::string path_;
  DiskRoom* room_;
  Descriptor descriptor_;
  bool created_ = false;
  bool began_ = false;
  bool regular_ = false;
  bool readable_ = false;
  bool cut_ = false;
  bool had_content_ = false;
  std::int64_t size_ = 0;
  std::optional<WriteClaim> claim_;
  OwnIoPtr io_;
};

}  // namespace freshframe::media
