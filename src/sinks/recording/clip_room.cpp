// Checks the names of clips and deletes the oldest ones.
// SPDX-License-Identifier: Apache-2.0
#include "sinks/recording/clip_room.hpp"

#include "freshframe/error.hpp"

#include <filesystem>
#include <utility>

#include "core/file_place.hpp"

namespace freshframe::media {

std::optional<ClipKeep> make_clip_keep(const ClipOptions& options) {
  const auto& names = options.keep_names;
  check_keep_bytes(options.keep_bytes);
  if (!options.keep_bytes && names.empty()) return std::nullopt;
  if (names.empty()) {
    throw OptionError(
        "keep_bytes deletes the oldest clips, including those of earlier runs: set keep_names to the pattern "
        "of their names, such as 'clips/event_%d.mp4' or 'clips/{time:%Y-%m-%d_%H-%M-%S}.mp4'");
  }
  if (!options.keep_bytes)
    throw OptionError("keep_names needs keep_bytes, the limit that deletes the oldest clips");
  if (!SegmentPattern::is_pattern(names) || !SegmentPattern::other_field(names).empty()) {
    throw OptionError(
        "keep_names must contain a number (%d or %05d) or a time ({time:%Y-%m-%d}) and no other field, such "
        "as 'clips/event_%d.mp4', got '" +
        names + "'");
  }
  SegmentPattern pattern(names);
  if (pattern.depth() > 0)
    throw OptionError("only the file name in keep_names may contain a field, got '" + names + "'");
  return ClipKeep{.given = names, .names = std::move(pattern), .bytes = *options.keep_bytes};
}

ClipRoom::ClipRoom(const ClipKeep& keep) : given_(keep.given), names_(keep.names) {
  names_.settle();
  claim_ = PatternClaim::try_claim(names_, true);
  if (!claim_) {
    throw Error(
        "cannot delete clips in '" + names_.base() +
        "': another recorder of this process can write a file whose name matches keep_names, which is '" +
        given_ + "'; give them different names");
  }
  retention_ = std::make_unique<Retention>(
      names_, Keep{.bytes = keep.bytes, .order = FileOrder::Time, .what = "clip"});
}

ClipRoom::~ClipRoom() {
  retention_->catch_up();
}

std::string ClipRoom::find_name(const std::string& path) const {
  const auto place = std::filesystem::path(core::lasting_path(path)).lexically_normal();
  auto name = place.filename().string();
  if (!names_.parse(name) || core::one_name(place.parent_path().string()) != core::one_name(names_.base())) {
    throw OptionError("cannot write clip '" + path + "': with keep_bytes, a clip must be in the folder '" +
                      names_.base() + "' and have a name that matches keep_names, which is '" + given_ + "'");
  }
  return name;
}

OpenClip::OpenClip(std::shared_ptr<ClipRoom> room, const std::string& path) : room_(std::move(room)) {
  if (!room_) return;
  name_ = room_->find_name(path);
  room_->retention().begin_file(name_);
}

OpenClip::~OpenClip() {
  if (room_) room_->retention().finish(name_);
}

}  // namespace freshframe::media
