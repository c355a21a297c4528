// Files that this process has open, locks of them, and files that are replaced as a whole.
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

/// The system's number of an open file.
using FileNumber = int;

[[nodiscard]] int look(FileNumber file, FileFacts& facts) noexcept;

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
  /// Opens a regular file that is there, to read. Does not follow symlinks. Returns a closed file at an error.
  [[nodiscard]] static File open_to_read(const std::string& path, int& error) noexcept;
  /// Opens what is there to write alone, as pipes and devices want. Returns a closed file at an error.
  [[nodiscard]] static File open_to_write(const std::string& path, int& error) noexcept;

  [[nodiscard]] bool is_open() const noexcept { return descriptor_ >= 0; }
  [[nodiscard]] FileNumber number() const noexcept { return descriptor_; }
  /// Closes it. Returns the error of a write that the system had put off. Does nothing for a closed file.
  int close() noexcept;
  [[nodiscard]] int look(FileFacts& facts) const noexcept { return platform::look(descriptor_, facts); }
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
  friend class Folder;
  explicit File(int descriptor) noexcept : descriptor_(descriptor) {}
  [[nodiscard]] static File open_regular(int folder, const std::string& path, int& error) noexcept;

  int descriptor_ = -1;
};

/// Returns whether an error means that the disk, or the user's share of it, is full.
[[nodiscard]] bool is_no_room(int error) noexcept;

enum class FileLock : std::uint8_t {
  Shared,     // needs a file that is open to read
  Exclusive,  // needs a file that is open to write
};

enum class Locking : std::uint8_t {
  Done,
  Refused,  // another opening of the file, in this process or another one, has a lock that excludes it
  Unknown,  // the file system has no locks
};

/// Locks a regular file, until unlock() or until all descriptors of this opening are closed, also copies of forked
/// children. Excludes other openings, also in this process.
[[nodiscard]] Locking try_lock(FileNumber file, FileLock kind) noexcept;
/// Does nothing if `file` is not the number of that file any more.
void unlock(FileNumber file, FileId id) noexcept;
/// Returns whether another opening has an exclusive lock of the file.
[[nodiscard]] bool is_locked_by_writer(FileNumber file) noexcept;
/// Closes a file in a forked child, so that its lock ends with the parent. The number stays taken, by a descriptor that
/// accepts no bytes, because its owner will close it. Does nothing if `file` is not the number of that file any more.
void replace_in_child(FileNumber file, FileId id) noexcept;

/// The place of a file that is replaced as a whole.
struct WholeFile {
  std::string path;         // without a symlink as its last part
  File file;                // open if `path` is a file
  FileFacts facts;          // of `file`
  bool is_special = false;  // a device or pipe, or an open file by its number: it is written in place
};

/// Follows the symlinks at the end of `path`. Returns EACCES if the file is there and may not be written, and EISDIR for a
/// folder. A file that is missing is no error.
[[nodiscard]] int find_whole_file(const std::string& path, WholeFile& found);

enum class Durability : std::uint8_t {
  Renamed,  // other programs find the old file or the new one
  Synced,   // and after a power cut, too
};

/// Replaces a file by one with these bytes, or creates it. At an error the old file stays as it is. The new file has the
/// mode, the group and, if the system permits it, the owner of the old one. A killed program leaves no other file where the
/// file system can have files without a name. A device or pipe gets the bytes; ENXIO if nobody reads the pipe.
[[nodiscard]] int replace_whole_file(const WholeFile& target, std::string_view bytes, Durability durability);

/// Returns the name of a hidden file in the same folder for the parts of `name`. `random`: what distinguishes it.
/// `name` is shortened where the system has no names of that length.
[[nodiscard]] std::string make_part_name(std::string_view name, std::string_view random);

}  // namespace freshframe::platform
