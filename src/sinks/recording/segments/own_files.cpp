// The segments of one pattern on the disk.
// SPDX-License-Identifier: Apache-2.0
#include "sinks/recording/segments/own_files.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>

#include "media/ffmpeg/write/write_claim.hpp"
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace freshframe::media {

namespace {

constexpr int kFolder = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

/// An open folder or file, or none.
class OpenPath {
 public:
  explicit OpenPath(int number) noexcept : number_(number) {}
  OpenPath(OpenPath&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  OpenPath& operator=(OpenPath&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~OpenPath() {
    if (number_ >= 0) ::close(number_);
  }
  explicit operator bool() const noexcept { return number_ >= 0; }
  [[nodiscard]] int get() const noexcept { return number_; }
  [[nodiscard]] OpenPath inside(const std::string& name) const {
    return OpenPath(::openat(number_, name.c_str(), kFolder | O_NOFOLLOW));
  }

 private:
  int number_;
};

OpenPath open_base(const SegmentPattern& pattern) {
  return OpenPath(::open(pattern.base().c_str(), kFolder));
}

std::string cannot_delete(const std::string& path) {
  return "cannot delete '" + path + "': " + std::generic_category().message(errno);
}

std::vector<std::string> split(const std::string& name) {
  std::vector<std::string> parts;
  std::size_t from = 0;
  for (auto slash = name.find('/'); slash != std::string::npos; slash = name.find('/', from)) {
    parts.push_back(name.substr(from, slash - from));
    from = slash + 1;
  }
  parts.push_back(name.substr(from));
  return parts;
}

/// A file's folder below the base, with all folders above it, and its own name. No folder: the name is no file's.
struct Place {
  std::vector<OpenPath> folders;
  std::vector<std::string> parts;

  [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(folders.back()); }
  [[nodiscard]] int folder() const noexcept { return folders.back().get(); }
  [[nodiscard]] const char* file() const noexcept { return parts.back().c_str(); }
};

Place place_of(const SegmentPattern& pattern, const std::string& name) {
  Place place{.folders = {}, .parts = split(name)};
  place.folders.push_back(open_base(pattern));
  for (std::size_t i = 0; i + 1 < place.parts.size() && place; ++i)
    place.folders.push_back(place.folders.back().inside(place.parts[i]));
  return place;
}

/// Returns nullopt for what is no regular file of this user.
std::optional<OwnFile> measured(int folder, const char* file, struct stat* status) {
  if (::fstatat(folder, file, status, AT_SYMLINK_NOFOLLOW) != 0) return std::nullopt;
  if (!S_ISREG(status->st_mode) || status->st_uid != ::geteuid()) return std::nullopt;
  constexpr std::uint64_t kBlock = 512;  // of st_blocks, see stat(2)
  return OwnFile{.name = file,
                 .bytes = static_cast<std::uint64_t>(status->st_blocks) * kBlock,
                 .written = static_cast<double>(status->st_mtim.tv_sec) +
                            1e-9 * static_cast<double>(status->st_mtim.tv_nsec)};
}

struct CloseListing {
  void operator()(DIR* listing) const noexcept { ::closedir(listing); }
};

/// Walks the folders that the pattern could have made.
struct Walk {
  const SegmentPattern& pattern;
  std::vector<OwnFile> found = {};
  std::int64_t highest = 0;

  void into(const OpenPath& folder, const std::string& above, std::size_t level) {
    const int again = folder ? ::openat(folder.get(), ".", kFolder) : -1;  // fdopendir() takes it
    if (again < 0) return;
    const std::unique_ptr<DIR, CloseListing> listing(::fdopendir(again));
    if (!listing) {
      ::close(again);
      return;
    }
    while (const auto* entry = ::readdir(listing.get())) {  // NOLINT(concurrency-mt-unsafe): its own listing
      const std::string name = entry->d_name;
      if (level == pattern.depth()) {
        add(folder, above, name);
      } else if (pattern.is_folder(level, name)) {
        into(folder.inside(name), above + name + "/", level + 1);
      }
    }
  }

  void add(const OpenPath& folder, const std::string& above, const std::string& name) {
    const auto parsed = pattern.parse(name);
    if (!parsed) return;
    highest = std::max(highest, parsed->number);
    struct stat status{};
    auto file = measured(folder.get(), name.c_str(), &status);
    if (!file) return;
    file->name = above + name;
    file->number = parsed->number;
    found.push_back(*std::move(file));
  }
};

}  // namespace

std::vector<OwnFile> OwnFiles::scan() const {
  Walk walk{pattern_};
  walk.into(open_base(pattern_), {}, 0);
  return std::move(walk.found);
}

std::int64_t OwnFiles::highest_number() const {
  Walk walk{pattern_};
  walk.into(open_base(pattern_), {}, 0);
  return walk.highest;
}

std::optional<OwnFile> OwnFiles::look(const std::string& name) const {
  const auto place = place_of(pattern_, name);
  struct stat status{};
  auto file = place ? measured(place.folder(), place.file(), &status) : std::nullopt;
  if (!file) return std::nullopt;
  file->name = name;
  if (const auto parsed = pattern_.parse(place.parts.back())) file->number = parsed->number;
  return file;
}

OwnFiles::Removal OwnFiles::remove(const std::string& name) const {
  const auto place = place_of(pattern_, name);
  if (!place) return Removal::Gone;
  // While it is open no new file gets its inode. Otherwise a recorder could begin one with that inode between unlinkat() and
  // the end of the claim below, and would be refused.
  const OpenPath held(::openat(place.folder(), place.file(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!held) {
    if (errno == ENOENT) return Removal::Gone;
    throw Error(cannot_delete(pattern_.base() + "/" + name));
  }
  struct stat status{};
  if (!measured(place.folder(), place.file(), &status)) return Removal::Foreign;
  struct stat pin{};
  const auto pin_name = place.parts.back() + ".keep";
  if (::fstatat(place.folder(), pin_name.c_str(), &pin, AT_SYMLINK_NOFOLLOW) == 0) return Removal::Pinned;
  const auto claim = WriteClaim::of(status.st_dev, status.st_ino);
  if (!claim) return Removal::Busy;
  if (::unlinkat(place.folder(), place.file(), 0) != 0) {
    if (errno == ENOENT) return Removal::Gone;
    throw Error(cannot_delete(pattern_.base() + "/" + name));
  }
  for (auto level = place.parts.size() - 1; level-- > 0;) {
    if (::unlinkat(place.folders[level].get(), place.parts[level].c_str(), AT_REMOVEDIR) != 0) break;
  }
  return Removal::Done;
}

std::optional<std::uint64_t> OwnFiles::free_bytes() const {
  struct statvfs status{};
  if (::statvfs(pattern_.base().c_str(), &status) != 0) return std::nullopt;
  return static_cast<std::uint64_t>(status.f_bavail) * status.f_frsize;
}

}  // namespace freshframe::media
