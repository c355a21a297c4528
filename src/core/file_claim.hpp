// Who has a file: recorders of this process, its sources, and other programs.
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
/// A claim consists of an entry in a list of this process and a lock of the open file, which other programs see. The lock
/// is of the opening, not of the process. A lock of the process would end as soon as anything in it closed the same file:
/// a source, a copy, a backup.
/// A forked child would keep such a lock after its parent's end. So the child first replaces the descriptors of all
/// claimed files, and has no claims.
///
/// The right to write or to delete one regular file, under any of its names. Release it before the file is closed.
/// Thread-safe.
class WriteClaim {
 public:
  enum class Purpose : std::uint8_t {
    Write,   // nobody else writes the file, and no source of this process reads it
    Delete,  // nobody writes it, and nobody begins to
  };

  /// Returns nullopt and sets `why`, such as "another process is writing the file", if somebody has the file.
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
  /// Returns false where the file system has no locks: another program may write the file, too.
  [[nodiscard]] bool is_locked() const noexcept { return is_locked_; }
  [[nodiscard]] platform::FileId file() const { return file_.value().id; }

 private:
  WriteClaim(const OpenedFile& file, std::uint64_t serial, bool is_locked)
      : file_(file), serial_(serial), is_locked_(is_locked) {}

  std::optional<OpenedFile> file_;
  std::uint64_t serial_;
  bool is_locked_;
};

/// Returns who writes the file, as in WriteClaim::try_claim(), or nullptr if nobody does.
[[nodiscard]] const char* find_writer(const OpenedFile& file);

/// Shows the recorders that a source of this process reads a file. Several sources may read it. Thread-safe.
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
