// The disk space of a clip recorder: which names its clips have, and the deletion of the oldest ones.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/media.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "sinks/recording/segments/pattern_claim.hpp"
#include "sinks/recording/segments/retention.hpp"
#include "sinks/recording/segments/segment_pattern.hpp"

namespace freshframe::media {

/// The parsed ClipOptions::keep_names, and keep_bytes.
struct ClipKeep {
  std::string given;  // keep_names
  SegmentPattern names;
  std::uint64_t bytes = 0;
};

/// Nullopt if clips are not deleted. Throws OptionError for options that are invalid or incompatible.
[[nodiscard]] std::optional<ClipKeep> make_clip_keep(const ClipOptions& options);

/// Thread-safe.
class ClipRoom {
 public:
  /// Called when the pipeline starts. Throws Error if another recorder of this process can write files with
  /// the same names.
  explicit ClipRoom(const ClipKeep& keep);
  /// Waits up to 2 s for pending deletions.
  ~ClipRoom();
  ClipRoom(const ClipRoom&) = delete;
  ClipRoom& operator=(const ClipRoom&) = delete;

  /// The file name of a clip. Throws OptionError if it does not match the pattern or is in another folder.
  [[nodiscard]] std::string find_name(const std::string& path) const;
  [[nodiscard]] Retention& retention() noexcept { return *retention_; }

 private:
  std::string given_;  // keep_names, for messages
  SegmentPattern names_;
  std::optional<PatternClaim> claim_;
  std::unique_ptr<Retention> retention_;
};

/// Protects a clip from deletion while it is open. Null `room`: clips are not deleted.
class OpenClip {
 public:
  /// Throws OptionError, see ClipRoom::find_name().
  OpenClip(std::shared_ptr<ClipRoom> room, const std::string& path);
  ~OpenClip();
  OpenClip(const OpenClip&) = delete;
  OpenClip& operator=(const OpenClip&) = delete;

  [[nodiscard]] DiskRoom* room() const noexcept { return room_ ? &room_->retention() : nullptr; }

 private:
  std::shared_ptr<ClipRoom> room_;
  std::string name_;
};

}  // namespace freshframe::media
