// Open directories. Operations on them are unaffected if the directory is renamed.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "platform/file.hpp"

namespace freshframe::platform {

/// A regular file owned by this process's user.
struct OwnedFile {
  FileId id;
  std::uint64_t bytes = 0;  // allocated on disk
  double written = 0;       // Unix time of the last modification
};

/// Keeps the inode of a name in use, so that no new file can get the same identity even if the name is
/// deleted.
class HeldName {
 public:
  HeldName() = default;
  HeldName(HeldName&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  HeldName& operator=(HeldName&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~HeldName();

  [[nodiscard]] bool is_held() const noexcept { return descriptor_ >= 0; }

 private:
  friend class Folder;
  explicit HeldName(int descriptor) noexcept : descriptor_(descriptor) {}

  int descriptor_ = -1;
};

/// An open directory, or none. Only open() follows symlinks. Errors are errno values, 0 for none.
/// Thread-safe, except that only one thread at a time may call visit().
class Folder {
 public:
  Folder() = default;
  Folder(Folder&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  Folder& operator=(Folder&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~Folder();

  /// Opens the directory at a path, following symlinks. Returns a closed folder on error.
  [[nodiscard]] static Folder open(const std::string& path) noexcept;
  /// Opens a subdirectory. Returns a closed folder on error, or if it is a symlink or a file.
  [[nodiscard]] Folder inside(const std::string& name) const noexcept;

  [[nodiscard]] bool is_open() const noexcept { return descriptor_ >= 0; }
  /// Calls `visit` for each entry except "." and "..", in no particular order. May include entries that are
  /// added or removed in the meantime. Does nothing if the folder is not open or cannot be read.
  void visit(const std::function<void(const std::string& name)>& visit) const;
  /// Returns true if there is an entry of this name.
  [[nodiscard]] bool has(const std::string& name) const noexcept;
  /// Returns nullopt if the file is missing, not a regular file, or owned by another user.
  [[nodiscard]] std::optional<OwnedFile> stat_owned(const std::string& name) const noexcept;
  /// Returns an empty HeldName on error.
  [[nodiscard]] HeldName hold(const std::string& name, int& error) const noexcept;
  /// Opens a regular file for reading. Returns a closed file on error.
  [[nodiscard]] File open_to_read(const std::string& name, int& error) const noexcept;
  /// Removes a file. Does not follow symlinks.
  [[nodiscard]] int remove(const std::string& name) const noexcept;
  /// Removes an empty subdirectory; ENOTEMPTY otherwise.
  [[nodiscard]] int remove_folder(const std::string& name) const noexcept;

 private:
  explicit Folder(int descriptor) noexcept : descriptor_(descriptor) {}

  int descriptor_ = -1;
};

/// Returns the bytes available to this user on the file system of `path`, or nullopt if unknown.
[[nodiscard]] std::optional<std::uint64_t> free_bytes(const std::string& path) noexcept;

/// Returns 0 if this process may create files in the directory `path`, otherwise the error: ENOENT, EACCES,
/// EROFS ...
[[nodiscard]] int may_write_in(const std::string& path) noexcept;

}  // namespace freshframe::platform
