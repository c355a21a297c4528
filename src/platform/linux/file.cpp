// POSIX files and their locks.
// SPDX-License-Identifier: Apache-2.0
#include "platform/file.hpp"

#include <cerrno>
#include <optional>

#include "platform/linux/whole_transfer.hpp"
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

namespace freshframe::platform {
namespace {

int open_at(const std::string& path, int flags, int& error) noexcept {
  constexpr mode_t kMode = 0666;
  const int descriptor = ::open(path.c_str(), flags | O_CLOEXEC, kMode);
  error = descriptor < 0 ? errno : 0;
  return descriptor;
}

FileId make_id(const struct stat& status) noexcept {
  return {.device = status.st_dev, .number = status.st_ino};
}

struct flock make_lock(short type) noexcept {
  struct flock lock{};  // covers the whole file; l_pid must be 0
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  return lock;
}

[[nodiscard]] bool is_number_of(FileNumber file, FileId id) noexcept {
  struct stat status{};
  return ::fstat(file, &status) == 0 && make_id(status) == id;
}

}  // namespace

std::optional<FileId> find_regular_file(const std::string& path) noexcept {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  return make_id(status);
}

File File::create(const std::string& path, int& error) noexcept {
  return File(open_at(path, O_RDWR | O_CREAT | O_EXCL, error));
}

File File::open_or_create(const std::string& path, int& error) noexcept {
  return File(open_at(path, O_RDWR | O_CREAT, error));
}

File File::open_to_read(const std::string& path, int& error) noexcept {
  return open_regular(AT_FDCWD, path, error);
}

File File::open_regular(int folder, const std::string& path, int& error) noexcept {
  constexpr int kFlags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;  // a pipe does not block
  File file(::openat(folder, path.c_str(), kFlags));
  error = file.is_open() ? 0 : errno;
  struct stat status{};
  if (!file.is_open() || (::fstat(file.descriptor_, &status) == 0 && S_ISREG(status.st_mode))) return file;
  error = EINVAL;
  return {};
}

File File::open_to_write(const std::string& path, int& error) noexcept {
  return File(open_at(path, O_WRONLY, error));
}

int File::close() noexcept {
  const int descriptor = std::exchange(descriptor_, -1);
  return descriptor >= 0 && ::close(descriptor) != 0 ? errno : 0;
}

int look(FileNumber file, FileFacts& facts) noexcept {
  struct stat status{};
  if (::fstat(file, &status) != 0) return errno;
  facts = {.id = make_id(status), .is_regular = S_ISREG(status.st_mode), .size_bytes = status.st_size};
  return 0;
}

bool File::has_name(const std::string& path) const noexcept {
  struct stat own{};
  struct stat named{};
  return ::fstat(descriptor_, &own) == 0 && ::lstat(path.c_str(), &named) == 0 &&
         make_id(own) == make_id(named);
}

FilePlace File::place(const std::string& path) const noexcept {
  struct stat named{};
  const bool is_there = ::stat(path.c_str(), &named) == 0;
  if (!is_there && errno != ENOENT && errno != ENOTDIR && errno != ELOOP) return FilePlace::Same;
  struct stat own{};
  if (::fstat(descriptor_, &own) != 0) return is_there ? FilePlace::Same : FilePlace::Gone;
  if (is_there && make_id(named) == make_id(own)) return FilePlace::Same;
  return own.st_nlink == 0 ? FilePlace::Gone : FilePlace::Moved;
}

int File::write(std::span<const std::uint8_t> bytes, std::size_t& written) const noexcept {
  return transfer_whole(bytes.size(), written, [&](std::size_t done) {
    return ::write(descriptor_, bytes.data() + done, bytes.size() - done);
  });
}

int File::read_at(std::int64_t position, std::span<std::uint8_t> into) const noexcept {
  std::size_t all = 0;
  return transfer_whole(into.size(), all, [&](std::size_t done) {
    return ::pread(descriptor_, into.data() + done, into.size() - done,
                   position + static_cast<std::int64_t>(done));
  });
}

int File::write_at(std::int64_t position, std::span<const std::uint8_t> bytes) const noexcept {
  std::size_t all = 0;
  return transfer_whole(bytes.size(), all, [&](std::size_t done) {
    return ::pwrite(descriptor_, bytes.data() + done, bytes.size() - done,
                    position + static_cast<std::int64_t>(done));
  });
}

std::int64_t File::seek(std::int64_t offset, SeekFrom from, int& error) const noexcept {
  const int whence = from == SeekFrom::Begin ? SEEK_SET : from == SeekFrom::Here ? SEEK_CUR : SEEK_END;
  const auto position = ::lseek(descriptor_, offset, whence);
  error = position < 0 ? errno : 0;
  return position;
}

int File::cut(std::int64_t size_bytes) const noexcept {
  int result = 0;
  do {
    result = ::ftruncate(descriptor_, size_bytes);
  } while (result != 0 && errno == EINTR);
  return result != 0 ? errno : 0;
}

bool is_no_room(int error) noexcept {
  return error == ENOSPC || error == EDQUOT;
}

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
  static_cast<void>(::close(file));  // closed first, because the child may have no other descriptor left
  const int nothing = ::eventfd(0, EFD_CLOEXEC);
  if (nothing < 0 || nothing == file) return;
  static_cast<void>(::dup3(nothing, file, O_CLOEXEC));
  static_cast<void>(::close(nothing));
}

}  // namespace freshframe::platform
