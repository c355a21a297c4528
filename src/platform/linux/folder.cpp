// POSIX directories: openat() and related functions.
// SPDX-License-Identifier: Apache-2.0
#include "platform/folder.hpp"

#include <cerrno>
#include <memory>
#include <string_view>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace freshframe::platform {
namespace {

constexpr int kFolder = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

struct CloseListing {
  void operator()(DIR* listing) const noexcept { ::closedir(listing); }
};

}  // namespace

HeldName::~HeldName() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Folder::~Folder() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Folder Folder::open(const std::string& path) noexcept {
  return Folder(::open(path.c_str(), kFolder));
}

Folder Folder::inside(const std::string& name) const noexcept {
  return Folder(::openat(descriptor_, name.c_str(), kFolder | O_NOFOLLOW));
}

void Folder::visit(const std::function<void(const std::string& name)>& visit) const {
  const int again = is_open() ? ::openat(descriptor_, ".", kFolder) : -1;  // owned by fdopendir()
  if (again < 0) return;
  const std::unique_ptr<DIR, CloseListing> listing(::fdopendir(again));
  if (!listing) {
    ::close(again);
    return;
  }
  while (const auto* entry = ::readdir(listing.get())) {  // NOLINT(concurrency-mt-unsafe): its own listing
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") visit(std::string(name));
  }
}

bool Folder::has(const std::string& name) const noexcept {
  struct stat status{};
  return ::fstatat(descriptor_, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
}

std::optional<OwnedFile> Folder::stat_owned(const std::string& name) const noexcept {
  struct stat status{};
  if (::fstatat(descriptor_, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return std::nullopt;
  if (!S_ISREG(status.st_mode) || status.st_uid != ::geteuid()) return std::nullopt;
  constexpr std::uint64_t kBlock = 512;  // unit of st_blocks, see stat(2)
  return OwnedFile{.id = {.device = status.st_dev, .number = status.st_ino},
                   .bytes = static_cast<std::uint64_t>(status.st_blocks) * kBlock,
                   .written = static_cast<double>(status.st_mtim.tv_sec) +
                              1e-9 * static_cast<double>(status.st_mtim.tv_nsec)};
}

HeldName Folder::hold(const std::string& name, int& error) const noexcept {
  const int held = ::openat(descriptor_, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC);
  error = held < 0 ? errno : 0;
  return HeldName(held);
}

File Folder::open_to_read(const std::string& name, int& error) const noexcept {
  return File::open_regular(descriptor_, name, error);
}

int Folder::remove(const std::string& name) const noexcept {
  return ::unlinkat(descriptor_, name.c_str(), 0) != 0 ? errno : 0;
}

int Folder::remove_folder(const std::string& name) const noexcept {
  return ::unlinkat(descriptor_, name.c_str(), AT_REMOVEDIR) != 0 ? errno : 0;
}

std::optional<std::uint64_t> free_bytes(const std::string& path) noexcept {
  struct statvfs status{};
  if (::statvfs(path.c_str(), &status) != 0) return std::nullopt;
  return static_cast<std::uint64_t>(status.f_bavail) * status.f_frsize;
}

int may_write_in(const std::string& path) noexcept {
  return ::access(path.c_str(), W_OK | X_OK) != 0 ? errno : 0;
}

}  // namespace freshframe::platform
