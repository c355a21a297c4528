// Locks of open files.
// SPDX-License-Identifier: Apache-2.0
#include <cerrno>

#include "platform/file.hpp"
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

namespace freshframe::platform {
namespace {

struct flock make_lock(short type) noexcept {
  struct flock lock{};  // of the whole file; l_pid must be 0
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  return lock;
}

[[nodiscard]] bool is_number_of(FileNumber file, FileId id) noexcept {
  struct stat status{};
  return ::fstat(file, &status) == 0 && FileId{.device = status.st_dev, .number = status.st_ino} == id;
}

}  // namespace

Locking try_lock(FileNumber file, FileLock kind) noexcept {
  auto wanted = make_lock(kind == FileLock::Shared ? F_RDLCK : F_WRLCK);
  if (::fcntl(file, F_OFD_SETLK, &wanted) == 0) return Locking::Done;
  return errno == EACCES || errno == EAGAIN ? Locking::Refused : Locking::Unknown;
}

void unlock(FileNumber file, FileId id) noexcept {
  auto none = make_lock(F_UNLCK);
  if (is_number_of(file, id)) static_cast<void>(::fcntl(file, F_OFD_SETLK, &none));
}

bool is_locked_by_writer(FileNumber file) noexcept {
  auto other = make_lock(F_RDLCK);
  return ::fcntl(file, F_OFD_GETLK, &other) == 0 && other.l_type == F_WRLCK;
}

void replace_in_child(FileNumber file, FileId id) noexcept {
  if (!is_number_of(file, id)) return;
  static_cast<void>(::close(file));  // first: the child may have no other descriptor left
  const int nothing = ::eventfd(0, EFD_CLOEXEC);
  if (nothing < 0 || nothing == file) return;
  static_cast<void>(::dup3(nothing, file, O_CLOEXEC));
  static_cast<void>(::close(nothing));
}

}  // namespace freshframe::platform
