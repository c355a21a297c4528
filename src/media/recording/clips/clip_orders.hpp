// The clips that a program has asked for: from save() in any thread to the recorder's own.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/media.hpp"
#include "freshframe/mutex.hpp"
#include "freshframe/packet.hpp"

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "media/recording/clips/clip.hpp"

namespace freshframe::media {

/// A file, identified independently of its name.
struct ClipFile {
  explicit ClipFile(std::string name);
  bool operator==(const ClipFile& other) const { return same == other.same; }

  std::string path;
  std::filesystem::path same;
};

/// A request of save().
struct ClipOrder {
  ClipFile file;
  std::optional<double> at;    // pts of the event
  std::unique_ptr<Clip> clip;  // nullptr: a clip of that file existed already
};

/// Thread-safe.
class ClipOrders {
 public:
  /// save() works from here on.
  void begin();
  /// Opens the file, unless it is being written, and adds an order. Throws OptionError for an `at`
  /// that is no time, Error, StateError.
  void save(const std::string& path, std::optional<double> at);
  /// The paths of the files that are being written.
  [[nodiscard]] std::vector<std::string> paths() const;

  // The recorder's thread.
  /// Clips are of a camera's own packets, which not every container holds: save() refuses the others.
  void set_camera(std::shared_ptr<const PacketStream> camera);
  [[nodiscard]] std::vector<ClipOrder> take();
  /// Only those for this file.
  [[nodiscard]] std::vector<ClipOrder> take(const ClipFile& file);
  /// The file is closed.
  void forget(const ClipFile& file);
  /// save() does not work any more.
  void end();
  /// Ends, unless a file is being written, also by an order. Returns false if one is.
  [[nodiscard]] bool end_if_none();
  /// The orders that are still waiting; all files count as closed.
  [[nodiscard]] std::vector<ClipOrder> clear();

 private:
  void check_running(const std::string& path) const FRESHFRAME_REQUIRES(mutex_);
  [[nodiscard]] bool is_written(const ClipFile& file) const FRESHFRAME_REQUIRES(mutex_);

  Mutex opening_{LockRank::Graph};  // of a clip's file; locked before `mutex_`
  mutable Mutex mutex_;
  std::vector<ClipOrder> orders_ FRESHFRAME_GUARDED_BY(mutex_);
  std::vector<ClipFile> writing_ FRESHFRAME_GUARDED_BY(mutex_);
  std::shared_ptr<const PacketStream> camera_ FRESHFRAME_GUARDED_BY(mutex_);
  bool running_ FRESHFRAME_GUARDED_BY(mutex_) = false;
};

}  // namespace freshframe::media
