// Open files, file locks, and atomic replacement of whole files.
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

// Errors are errno values, 0 for none, unless a function throws.

/// Identifies a file independent of its name. Unique on the machine while the file is open.
struct FileId {
  std::uint64_t device = 0;
  std::uint64_t number = 0;

  friend auto operator<=>(const FileId&, const FileId&) = default;
};

struct FileFacts {
  FileId id;
  bool is_regular = false;  // not a device, pipe or directory
  std::int64_t size_bytes = 0;
};

/// Where an open file is.
enum class FilePlace : std::uint8_t {
  Same,   // still at its path, or unknown
  Moved,  // the file or a parent directory was renamed
  Gone,   // deleted, or replaced by another file
};

/// Returns the regular file at a path, or nullopt if there is none.
[[nodiscard]] std::optional<FileId> find_regular_file(const std::string& path) noexcept;

/// A file descriptor.
using FileNumber = int;

[[nodiscard]] int look(FileNumber file, FileFacts& facts) noexcept;

/// Origin of the offset in File::seek().
enum class SeekFrom : std::uint8_t { Begin, Here, End };

/// An open file, device or pipe; closed by the destructor. Not inherited by child programs. Calls are retried
/// after EINTR. Not thread-safe.
class File {
 public:
  File() = default;
  File(File&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  File& operator=(File&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~File() { static_cast<void>(close()); }

  /// Creates a file for reading and writing; EEXIST if it exists. Returns a closed file on error.
  [[nodiscard]] static File create(const std::string& path, int& error) noexcept;
  /// Opens or creates a file for reading and writing. Returns a closed file on error.
  [[nodiscard]] static File open_or_create(const std::string& path, int& error) noexcept;
  /// Opens an existing regular file for reading. Does not follow symlinks. Returns a closed file on error.
  [[nodiscard]] static File open_to_read(const std::string& path, int& error) noexcept;
  /// Opens an existing file for writing only, as pipes and devices require. Returns a closed file on error.
  [[nodiscard]] static File open_to_write(const std::string& path, int& error) noexcept;

  [[nodiscard]] bool is_open() const noexcept { return descriptor_ >= 0; }
  [[nodiscard]] FileNumber number() const noexcept { return descriptor_; }
  /// Closes the file. Returns the error of an earlier write that the system had buffered. Does nothing if
  /// closed.
  int close() noexcept;
  [[nodiscard]] int look(FileFacts& facts) const noexcept { return platform::look(descriptor_, facts); }
  /// Returns true if `path` itself, rather than a symlink's target, is this file.
  [[nodiscard]] bool has_name(const std::string& path) const noexcept;
  /// Checks whether a regular file is still at the path under which it was opened. Takes two system calls.
  [[nodiscard]] FilePlace place(const std::string& path) const noexcept;

  /// Writes all of `bytes`; on error, `written` is how many were written.
  [[nodiscard]] int write(std::span<const std::uint8_t> bytes, std::size_t& written) const noexcept;
  /// Fills `into` from a position in a regular file. EIO: the file is too short.
  [[nodiscard]] int read_at(std::int64_t position, std::span<std::uint8_t> into) const noexcept;
  /// Writes all of `bytes` at a position in a regular file.
  [[nodiscard]] int write_at(std::int64_t position, std::span<const std::uint8_t> bytes) const noexcept;
  /// Sets the position of the next write(). Returns it, or -1 with the error.
  [[nodiscard]] std::int64_t seek(std::int64_t offset, SeekFrom from, int& error) const noexcept;
  /// Truncates or extends a regular file to `size_bytes`.
  [[nodiscard]] int cut(std::int64_t size_bytes) const noexcept;

 private:
  friend class Folder;
  explicit File(int descriptor) noexcept : descriptor_(descriptor) {}
  [[nodiscard]] static File open_regular(int folder, const std::string& path, int& error) noexcept;

  int descriptor_ = -1;
};

/// Returns true if an error means that the disk is full or the user's quota exceeded.
[[nodiscard]] bool is_no_room(int error) noexcept;

enum class FileLock : std::uint8_t {
  Shared,     // the file must be open for reading
  Exclusive,  // the file must be open for writing
};

enum class Locking : std::uint8_t {
  Done,
  Refused,  // a conflicting lock exists, from another open() in this or another process
  Unknown,  // the file system does not support locks
};

/// Locks a regular file until unlock(), or until all descriptors of this open() are closed, including those
/// in forked children. Conflicts with locks of other open() calls, even in this process.
[[nodiscard]] Locking try_lock(FileNumber file, FileLock kind) noexcept;
/// Does nothing if the descriptor now belongs to another file.
void unlock(FileNumber file, FileId id) noexcept;
/// Returns true if another open() has an exclusive lock on the file.
[[nodiscard]] bool is_locked_by_writer(FileNumber file) noexcept;
/// Closes a file in a forked child, so that its lock ends with the parent. The descriptor is replaced by one
/// that accepts no data, because its owner will close it. Does nothing if the descriptor now belongs to
/// another file.
void replace_in_child(FileNumber file, FileId id) noexcept;

/// A file to be replaced as a whole.
struct WholeFile {
  std::string path;         // with symlinks at the end resolved
  File file;                // open if `path` is a file
  FileFacts facts;          // of `file`
  bool is_special = false;  // a device, pipe, or already open file, which is written in place
};

/// Resolves the symlinks at the end of `path`. Returns EACCES if the file exists but may not be written,
/// EISDIR for a directory. A missing file is not an error.
[[nodiscard]] int find_whole_file(const std::string& path, WholeFile& found);

enum class Durability : std::uint8_t {
  Renamed,  // other programs see either the old or the new file
  Synced,   // the same after a power failure
};

/// Atomically replaces a file, or creates it. On error, the old file is unchanged. The new file gets the old
/// one's mode, group and, if permitted, owner. If the program is killed, no temporary file remains where the
/// file system supports unnamed files. A device or pipe is written directly; ENXIO if nobody reads the pipe.
[[nodiscard]] int replace_whole_file(const WholeFile& target, std::string_view bytes, Durability durability);

/// Returns the name of a hidden temporary file in the same directory, made unique by `random`. `name` is
/// shortened if the result would exceed the system's limit.
[[nodiscard]] std::string make_part_name(std::string_view name, std::string_view random);

}  // namespace freshframe::platform
