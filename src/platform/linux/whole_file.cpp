// Replaces whole files: writes an unnamed file, then gives it the name once it is complete.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstddef>
#include <cstdio>

#include "platform/file.hpp"
#include "platform/linux/whole_transfer.hpp"
#include "platform/random.hpp"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

namespace freshframe::platform {
namespace {

constexpr mode_t kNewMode = 0666;
constexpr mode_t kModeBits = 0777;

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string name_of(const std::string& path) {
  return path.substr(path.rfind('/') + 1);  // npos + 1 is 0
}

/// The symlinks in /proc lead to open files, for example by descriptor.
bool is_in_proc(const std::string& path) {
  constexpr long kProc = 0x9fa0;  // PROC_SUPER_MAGIC of statfs(2)
  struct statfs status{};
  return ::statfs(folder_of(path).c_str(), &status) == 0 && status.f_type == kProc;
}

/// Returns ELOOP for symlinks in a cycle.
int follow_links(std::string& path, bool& is_in_process) {
  constexpr int kMost = 40;  // like the kernel
  for (int i = 0; i < kMost; ++i) {
    std::array<char, PATH_MAX> link{};
    const auto length = ::readlink(path.c_str(), link.data(), link.size());
    if (length < 0) return 0;  // not a symlink, or missing
    is_in_process = is_in_proc(path);
    if (is_in_process) return 0;
    const std::string to(link.data(), static_cast<std::size_t>(length));
    path = to.starts_with('/') ? to : folder_of(path) + "/" + to;
  }
  return ELOOP;
}

/// A new file, unnamed or, if the file system does not support that, with a hidden name.
class NewFile {
 public:
  explicit NewFile(const std::string& path) : folder_(folder_of(path)), name_(name_of(path)) {}
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;
  ~NewFile() {
    if (number_ >= 0) ::close(number_);
    if (!part_.empty()) ::unlink(part_.c_str());
  }

  [[nodiscard]] int create(bool needs_name) {
    if (!needs_name) number_ = ::open(folder_.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, kNewMode);
    if (number_ >= 0) return 0;
    return try_names([this](const std::string& part) {
      number_ = ::open(part.c_str(), O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC, kNewMode);
      return number_ >= 0;
    });
  }

  [[nodiscard]] int write(std::string_view bytes) const {
    std::size_t written = 0;
    return transfer_whole(bytes.size(), written, [&](std::size_t done) {
      return ::write(number_, bytes.data() + done, bytes.size() - done);
    });
  }

  /// Copies the permissions of the file that it replaces.
  [[nodiscard]] int resemble(const File& old) const {
    struct stat before{};
    struct stat now{};
    if (::fstat(old.number(), &before) != 0 || ::fstat(number_, &now) != 0) return errno;
    // Only root may change the owner, and other users may only choose among their own groups.
    if (before.st_uid != now.st_uid)
      static_cast<void>(::fchown(number_, before.st_uid, static_cast<gid_t>(-1)) == 0);
    if (before.st_gid != now.st_gid)
      static_cast<void>(::fchown(number_, static_cast<uid_t>(-1), before.st_gid) == 0);
    return ::fchmod(number_, before.st_mode & kModeBits) != 0 ? errno : 0;
  }

  [[nodiscard]] int sync() const { return ::fdatasync(number_) != 0 ? errno : 0; }

  /// Returns ENOENT if the system cannot name an unnamed file: then create one with a name.
  [[nodiscard]] int rename_to(const std::string& path) {
    if (part_.empty()) {
      const auto own = "/proc/self/fd/" + std::to_string(number_);
      const int error = try_names([&](const std::string& part) {
        return ::linkat(AT_FDCWD, own.c_str(), AT_FDCWD, part.c_str(), AT_SYMLINK_FOLLOW) == 0;
      });
      if (error != 0) return error;
    }
    if (std::rename(part_.c_str(), path.c_str()) != 0) return errno;
    part_.clear();
    return 0;
  }

 private:
  template <class Make>
  int try_names(const Make& make) {
    do {
      auto part = folder_ + "/" + make_part_name(name_, random_hex(6));
      if (make(part)) {
        part_ = std::move(part);
        return 0;
      }
    } while (errno == EEXIST);
    return errno;
  }

  const std::string folder_;
  const std::string name_;
  std::string part_;  // hidden name of the new file, or empty
  int number_ = -1;
};

int write_in_place(const std::string& path, std::string_view bytes) {
  // Without O_NONBLOCK, opening a pipe that nobody reads would block.
  const int number = ::open(path.c_str(), O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (number < 0) return errno;
  std::size_t written = 0;
  int error = ::fcntl(number, F_SETFL, O_APPEND) != 0 ? errno : 0;
  if (error == 0) {
    error = transfer_whole(bytes.size(), written, [&](std::size_t done) {
      return ::write(number, bytes.data() + done, bytes.size() - done);
    });
  }
  return ::close(number) != 0 && error == 0 ? errno : error;
}

int write_new(const WholeFile& target, std::string_view bytes, Durability durability, bool needs_name) {
  NewFile next(target.path);
  int error = next.create(needs_name);
  if (error == 0 && target.file.is_open()) error = next.resemble(target.file);
  if (error == 0) error = next.write(bytes);
  if (error == 0 && durability == Durability::Synced) error = next.sync();
  return error == 0 ? next.rename_to(target.path) : error;
}

}  // namespace

int find_whole_file(const std::string& path, WholeFile& found) {
  found = {.path = path, .file = {}, .facts = {}};
  if (const int error = follow_links(found.path, found.is_special); error != 0) return error;
  struct stat status{};
  if (::stat(found.path.c_str(), &status) != 0) return errno == ENOENT ? 0 : errno;
  if (S_ISDIR(status.st_mode)) return EISDIR;
  found.is_special = found.is_special || !S_ISREG(status.st_mode);
  if (found.is_special) return 0;
  if (::faccessat(AT_FDCWD, found.path.c_str(), W_OK, AT_EACCESS) != 0) return errno;
  int error = 0;
  found.file = File::open_to_read(found.path, error);
  if (error == EACCES) found.file = File::open_to_write(found.path, error);
  if (error == 0) error = found.file.look(found.facts);
  return error == ENOENT ? 0 : error;
}

int replace_whole_file(const WholeFile& target, std::string_view bytes, Durability durability) {
  if (target.is_special) return write_in_place(target.path, bytes);
  struct stat status{};
  const int error = write_new(target, bytes, durability, false);
  if (error != ENOENT || ::stat(folder_of(target.path).c_str(), &status) != 0) return error;
  return write_new(target, bytes, durability, true);  // /proc is not mounted
}

std::string make_part_name(std::string_view name, std::string_view random) {
  const auto added = std::string_view("..").size() + random.size() + std::string_view(".part").size();
  constexpr std::size_t kMostName = NAME_MAX;
  auto length = std::min(name.size(), kMostName - added);
  while (length < name.size() && length > 0 && (static_cast<unsigned char>(name[length]) & 0xC0U) == 0x80U)
    --length;  // do not split a UTF-8 character
  return "." + std::string(name.substr(0, length)) + "." + std::string(random) + ".part";
}

}  // namespace freshframe::platform
