// Files that this process has open, and new ones in the place of others.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace freshframe::platform {

// Errors are numbers of <cerrno>, 0 for none, unless a function throws.

/// A file under all its names. No other file of the machine is equal while it is open.
struct FileId {
  std::uint64_t device = 0;
  std::uint64_t number = 0;

  friend auto operator<=>(const FileId&, const FileId&) = default;
};

struct FileFacts {
  FileId id;
  bool is_regular = false;  // no device, pipe or folder
  std::int64_t size_bytes = 0;
};

/// The place of a file that is open.
enum class FilePlace : std::uint8_t {
  Same,   // the path leads to the file, or the system does not know
  Moved,  // the file, or its folder, was renamed
  Gone,   // it was deleted, or replaced by another file
};

/// Returns the regular file that a path leads to, or nullopt if it leads to none.
[[nodiscard]] std::optional<FileId> find_regular_file(const std::string& path) noexcept;

/// Where File::seek() counts from.
enum class SeekFrom : std::uint8_t { Begin, Here, End };

/// An open file, device or pipe, which it closes. No program that is started inherits it. Calls go on after a signal.
/// One thread.
class File {
 public:
  File() = default;
  File(File&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  File& operator=(File&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~File() { static_cast<void>(close()); }

  /// Makes a file, to read and to write. EEXIST if its name is taken. Returns a closed file at an error.
  [[nodiscard]] static File create(const std::string& path, int& error) noexcept;
  /// Opens the file that is there, or makes it, to read and to write. Returns a closed file at an error.
  [[nodiscard]] static File open_or_create(const std::string& path, int& error) noexcept;
  /// Opens what is there to write alone, as pipes and devices want. Returns a closed file at an error.
  [[nodiscard]] static File open_to_write(const std::string& path, int& error) noexcept;

  [[nodiscard]] bool is_open() const noexcept { return descriptor_ >= 0; }
  /// Closes it. Returns the error of a write that the system had put off. Does nothing for a closed file.
  int close() noexcept;
  [[nodiscard]] int look(FileFacts& facts) const noexcept;
  /// Locks a regular file that is open to write, until this process closes one of its descriptors. Returns false if
  /// another process has the lock, and true where the file system has no locks.
  [[nodiscard]] bool try_lock() const noexcept;
  /// Returns whether `path` itself, no link, is a name of the file.
  [[nodiscard]] bool has_name(const std::string& path) const noexcept;
  /// Compares a regular file with the path under which it was opened. Two calls of the system.
  [[nodiscard]] FilePlace place(const std::string& path) const noexcept;

  /// Writes all of `bytes`, or as many as `written` says before an error.
  [[nodiscard]] int write(std::span<const std::uint8_t> bytes, std::size_t& written) const noexcept;
  /// Reads all of `into` from a place of a regular file. EIO: the file ends before.
  [[nodiscard]] int read_at(std::int64_t position, std::span<std::uint8_t> into) const noexcept;
  /// Writes all of `bytes` at a place of a regular file.
  [[nodiscard]] int write_at(std::int64_t position, std::span<const std::uint8_t> bytes) const noexcept;
  /// Moves the place of the next write(). Returns it, or -1 and the error.
  [[nodiscard]] std::int64_t seek(std::int64_t offset, SeekFrom from, int& error) const noexcept;
  /// Makes a regular file end at `size_bytes`.
  [[nodiscard]] int cut(std::int64_t size_bytes) const noexcept;

 private:
  explicit File(int descriptor) noexcept : descriptor_(descriptor) {}

  int descriptor_ = -1;
};

/// Returns whether an error means that the disk, or the user's share of it, is full.
[[nodiscard]] bool is_no_room(int error) noexcept;

/// A new file beside `path`, which goes with the object unless it takes the place of `path`. Another writer has another
/// one. Functions throw std::system_error with the path.
class FreshFile {
 public:
  explicit FreshFile(std::string path);
  FreshFile(const FreshFile&) = delete;
  FreshFile& operator=(const FreshFile&) = delete;
  ~FreshFile();

  /// Returns once the bytes are on the disk.
  void write(std::string_view bytes);
  /// Whoever opens `path` finds the file before or this one, never a part.
  void take_place();

 private:
  [[noreturn]] void fail(int error) const;

  const std::string path_;
  std::string name_;
  int file_ = -1;
};

}  // namespace freshframe::platform
