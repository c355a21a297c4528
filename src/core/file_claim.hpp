// Tracks which files are in use: by recorders and sources of this process, and by other programs.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "platform/file.hpp"

namespace freshframe::core {

/// An open regular file.
struct OpenedFile {
  platform::FileNumber number = -1;
  platform::FileId id = {};
};

/// Note [Claims]
/// A claim is an entry in a list of this process, plus a lock on the open file that other programs see. The
/// lock belongs to the open file description, not to the process: a process lock would end as soon as
/// anything in the process closed the same file (a source, a copy, a backup). But a forked child would keep
/// such a lock after its parent has ended. So the child first replaces the descriptors of all claimed files,
/// and has no claims.
///
/// The right to write or delete a regular file, under any of its names. Release it before closing the file.
/// Thread-safe.
class WriteClaim {
 public:
  enum class Purpose : std::uint8_t {
    Write,   // requires that the file has no other writer, and that no source of this process reads it
    Delete,  // requires that the file has no writer, and prevents new ones
  };

  /// Returns nullopt and sets `why`, such as "another process is writing the file", if the file is in use.
  [[nodiscard]] static std::optional<WriteClaim> try_claim(const OpenedFile& file, Purpose purpose,
                                                           const char*& why);
  WriteClaim(WriteClaim&& other) noexcept
      : file_(std::exchange(other.file_, std::nullopt)),
        serial_(other.serial_),
        is_locked_(other.is_locked_) {}
  WriteClaim& operator=(WriteClaim&&) = delete;
  ~WriteClaim() { release(); }

  /// Does nothing when called again.
  void release() noexcept;
  /// Returns false if the file system has no locks, so another program may write the file at the same time.
  [[nodiscard]] bool is_locked() const noexcept { return is_locked_; }
  [[nodiscard]] platform::FileId file() const { return file_.value().id; }

 private:
  WriteClaim(const OpenedFile& file, std::uint64_t serial, bool is_locked)
      : file_(file), serial_(serial), is_locked_(is_locked) {}

  std::optional<OpenedFile> file_;
  std::uint64_t serial_;
  bool is_locked_;
};

/// Returns who writes the file, worded as in WriteClaim::try_claim(), or nullptr.
[[nodiscard]] const char* find_writer(const OpenedFile& file);

/// Marks a file that a source of this process reads, so that recorders do not overwrite it. Several sources
/// may read the same file. Thread-safe.
class ReadClaim {
 public:
  explicit ReadClaim(platform::FileId file);
  ReadClaim(const ReadClaim&) = delete;
  ReadClaim& operator=(const ReadClaim&) = delete;
  ~ReadClaim();

  [[nodiscard]] static bool is_claimed(platform::FileId file);

 private:
  const platform::FileId file_;
};

}  // namespace freshframe::core
