// Finds and deletes the segments of one pattern on disk.
// SPDX-License-Identifier: Apache-2.0
#include "sinks/recording/segments/own_files.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "core/file_claim.hpp"
#include "platform/folder.hpp"

namespace freshframe::media {

namespace {

using platform::Folder;

std::string cannot_delete(const std::string& path, int error) {
  return "cannot delete '" + path + "': " + std::generic_category().message(error);
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

/// Open handles of a file's folder and all folders above it up to the base, and the file's name.
struct OpenFolders {
  std::vector<Folder> folders;
  std::vector<std::string> parts;

  [[nodiscard]] bool is_there() const noexcept { return folder().is_open(); }
  [[nodiscard]] const Folder& folder() const noexcept { return folders.back(); }
  [[nodiscard]] const std::string& file() const noexcept { return parts.back(); }
};

OpenFolders open_folders(const SegmentPattern& pattern, const std::string& name) {
  OpenFolders place{.folders = {}, .parts = split(name)};
  place.folders.push_back(Folder::open(pattern.base()));
  for (std::size_t i = 0; i + 1 < place.parts.size() && place.is_there(); ++i)
    place.folders.push_back(place.folders.back().inside(place.parts[i]));
  return place;
}

OwnFile measure_file(const platform::OwnedFile& file, std::string name, std::int64_t number) {
  return {.name = std::move(name), .number = number, .bytes = file.bytes, .written = file.written};
}

/// A walk through all folders whose names match the pattern.
struct Walk {
  const SegmentPattern& pattern;
  std::vector<OwnFile> found = {};
  std::int64_t highest = 0;

  void into(const Folder& folder, const std::string& above, std::size_t level) {
    folder.visit([&](const std::string& name) {
      if (level == pattern.depth()) {
        add(folder, above, name);
      } else if (pattern.is_folder(level, name)) {
        into(folder.inside(name), above + name + "/", level + 1);
      }
    });
  }

  void add(const Folder& folder, const std::string& above, const std::string& name) {
    const auto parsed = pattern.parse(name);
    if (!parsed) return;
    highest = std::max(highest, parsed->number);
    if (const auto file = folder.stat_owned(name))
      found.push_back(measure_file(*file, above + name, parsed->number));
  }
};

}  // namespace

std::vector<OwnFile> OwnFiles::scan() const {
  Walk walk{pattern_};
  walk.into(Folder::open(pattern_.base()), {}, 0);
  if (order_ == FileOrder::Time) {
    for (auto& file : walk.found) file.number = 0;
  }
  return std::move(walk.found);
}

std::int64_t OwnFiles::highest_number() const {
  Walk walk{pattern_};
  walk.into(Folder::open(pattern_.base()), {}, 0);
  return walk.highest;
}

std::optional<OwnFile> OwnFiles::look(const std::string& name) const {
  const auto place = open_folders(pattern_, name);
  const auto file = place.folder().stat_owned(place.file());
  if (!file) return std::nullopt;
  const auto parsed = pattern_.parse(place.file());
  return measure_file(*file, name, parsed && order_ == FileOrder::Number ? parsed->number : 0);
}

OwnFiles::Removal OwnFiles::remove(const std::string& name) const {
  const auto place = open_folders(pattern_, name);
  if (!place.is_there()) return Removal::Gone;
  // While this lock is held, no new file can reuse the inode. Otherwise a recorder could create one with the
  // same identity between the removal and the release of the claim below, and would be refused.
  int error = 0;
  const auto held = place.folder().hold(place.file(), error);
  if (error == ENOENT) return Removal::Gone;
  if (!held.is_held()) throw Error(cannot_delete(pattern_.base() + "/" + name, error));
  const auto file = place.folder().stat_owned(place.file());
  if (!file) return Removal::Foreign;
  if (place.folder().has(place.file() + ".keep")) return Removal::Pinned;
  const auto opened =
      // opened after `file`, so that a device is never opened
      place.folder().open_to_read(place.file(), error);
  platform::FileFacts facts;
  if (!opened.is_open() && error != EACCES) throw Error(cannot_delete(pattern_.base() + "/" + name, error));
  if (!opened.is_open() || opened.look(facts) != 0 || facts.id != file->id) return Removal::Busy;
  const char* why = nullptr;
  const auto claim = core::WriteClaim::try_claim({.number = opened.number(), .id = file->id},
                                                 core::WriteClaim::Purpose::Delete, why);
  if (!claim) return Removal::Busy;
  error = place.folder().remove(place.file());
  if (error == ENOENT) return Removal::Gone;
  if (error != 0) throw Error(cannot_delete(pattern_.base() + "/" + name, error));
  for (auto level = place.parts.size() - 1; level-- > 0;) {
    if (place.folders[level].remove_folder(place.parts[level]) != 0) break;
  }
  return Removal::Done;
}

std::optional<std::uint64_t> OwnFiles::free_bytes() const {
  return platform::free_bytes(pattern_.base());
}

}  // namespace freshframe::media
