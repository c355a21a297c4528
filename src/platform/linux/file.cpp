// Files of POSIX.
// SPDX-License-Identifier: Apache-2.0
#include "platform/file.hpp"

#include <cerrno>
#include <cstdio>
#include <optional>
#include <system_error>

#include "platform/linux/whole_transfer.hpp"
#include <fcntl.h>
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

File File::open_to_write(const std::string& path, int& error) noexcept {
  return File(open_at(path, O_WRONLY, error));
}

int File::close() noexcept {
  const int descriptor = std::exchange(descriptor_, -1);
  return descriptor >= 0 && ::close(descriptor) != 0 ? errno : 0;
}

int File::look(FileFacts& facts) const noexcept {
  struct stat status{};
  if (::fstat(descriptor_, &status) != 0) return errno;
  facts = {.id = make_id(status), .is_regular = S_ISREG(status.st_mode), .size_bytes = status.st_size};
  return 0;
}

bool File::try_lock() const noexcept {
  struct flock wanted{};
  wanted.l_type = F_WRLCK;
  wanted.l_whence = SEEK_SET;
  // A lock of the process, not of the descriptor: a forked child that outlives the process does not keep it.
  return ::fcntl(descriptor_, F_SETLK, &wanted) == 0 || (errno != EACCES && errno != EAGAIN);
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
  if (!is_there && errno != ENOENT && errno != ENOTDIR) return FilePlace::Same;
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

FreshFile::FreshFile(std::string path) : path_(std::move(path)), name_(path_ + ".XXXXXX") {
  file_ = ::mkostemp(name_.data(), O_CLOEXEC);
  if (file_ < 0) fail(errno);
}

FreshFile::~FreshFile() {
  ::close(file_);
  if (!name_.empty()) ::unlink(name_.c_str());
}

void FreshFile::write(std::string_view bytes) {
  std::size_t written = 0;
  const int error = transfer_whole(bytes.size(), written, [&](std::size_t done) {
    return ::write(file_, bytes.data() + done, bytes.size() - done);
  });
  if (error != 0) fail(error);
  if (::fsync(file_) != 0) fail(errno);
}

void FreshFile::take_place() {
  if (std::rename(name_.c_str(), path_.c_str()) != 0) fail(errno);
  name_.clear();
}

void FreshFile::fail(int error) const {
  throw std::system_error(error, std::generic_category(), "'" + path_ + "'");
}

}  // namespace freshframe::platform
