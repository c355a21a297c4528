// Folders that are open: what happens in them happens there, wherever their names lead meanwhile.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "platform/file.hpp"

namespace freshframe::platform {

/// A regular file that belongs to this process's user.
struct OwnedFile {
  FileId id;
  std::uint64_t bytes = 0;  // on the disk
  double written = 0;       // Unix time of its last change
};

/// A name in a folder that is held: until the object goes, no new file gets the identity of what it names, even if that is
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

/// An open folder, or none. No function but open() follows a link. Errors are numbers of <cerrno>, 0 for none. Any thread
/// may use one folder, but only one at a time visits its names.
class Folder {
 public:
  Folder() = default;
  Folder(Folder&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  Folder& operator=(Folder&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~Folder();

  /// Opens the folder that a path leads to, also through links. Returns a closed folder at an error.
  [[nodiscard]] static Folder open(const std::string& path) noexcept;
  /// Opens a folder in this one. Returns a closed folder at an error, and for a link or a file.
  [[nodiscard]] Folder inside(const std::string& name) const noexcept;

  [[nodiscard]] bool is_open() const noexcept { return descriptor_ >= 0; }
  /// Calls `visit` for each name in it but "." and "..", in no order. Names that come or go meanwhile may be among them.
  /// Visits none if the folder is not open or cannot be read.
  void visit(const std::function<void(const std::string& name)>& visit) const;
  /// Returns whether anything has this name.
  [[nodiscard]] bool has(const std::string& name) const noexcept;
  /// Returns nullopt for what is missing, is no regular file, or belongs to another user.
  [[nodiscard]] std::optional<OwnedFile> stat_owned(const std::string& name) const noexcept;
  /// Holds a name. Returns a free name at an error.
  [[nodiscard]] HeldName hold(const std::string& name, int& error) const noexcept;
  /// Opens a regular file, to read. Returns a closed file at an error.
  [[nodiscard]] File open_to_read(const std::string& name, int& error) const noexcept;
  /// Removes a file, or a link itself.
  [[nodiscard]] int remove(const std::string& name) const noexcept;
  /// Removes a folder in this one if it is empty: ENOTEMPTY otherwise.
  [[nodiscard]] int remove_folder(const std::string& name) const noexcept;

 private:
  explicit Folder(int descriptor) noexcept : descriptor_(descriptor) {}

  int descriptor_ = -1;
};

/// Returns the bytes that are free for this user where `path` is, or nullopt if the system does not say.
[[nodiscard]] std::optional<std::uint64_t> free_bytes(const std::string& path) noexcept;

/// Returns 0 if this process may make files in the folder `path`, otherwise the error: ENOENT, EACCES, EROFS ...
[[nodiscard]] int may_write_in(const std::string& path) noexcept;

}  // namespace freshframe::platform
