// Codec selection and encoder settings for recordings and clips.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/media.hpp"
#include "freshframe/node.hpp"

#include <atomic>
#include <functional>
#include <limits>
#include <stop_token>
#include <string>

#include "core/drain_time.hpp"
#include "media/ffmpeg/handles.hpp"

namespace freshframe::media {

/// The container whose rules apply to all clip files: codec headers separate from the packets, and
/// timestamps.
[[nodiscard]] const AVOutputFormat& clip_container();
[[nodiscard]] VideoFileOptions clip_encoding(const ClipOptions& options);
/// Returns the same options, with closed GOPs: no frame after a keyframe refers to frames before it.
[[nodiscard]] VideoFileOptions closed_groups(const ClipOptions& options);
/// Throws OptionError if a file with this name cannot hold a clip with these options.
void check_clip_name(const std::string& path, const ClipOptions& options);

/// Checks the name of a clip of a camera's packets, whose codec is not known yet.
void check_packet_clip_name(const std::string& path);

// Files that match ClipOptions::keep_names are deleted, so it must be a pattern of clips and nothing else.
/// Throws OptionError if keep_names is given and cannot be the names of such clips.
void check_keep_names(const ClipOptions& options);
/// Like check_keep_names(), for clips of a camera's packets.
void check_packet_keep_names(const ClipOptions& options);
/// Throws OptionError if both would throw.
void check_either_keep_names(const ClipOptions& options);

/// The codec for a file that check_video_file() accepts: `wanted`, or the best one for "auto" and "".
[[nodiscard]] std::string video_file_codec(const std::string& path, const std::string& wanted);
/// If h264 was expected but is not available, logs the chosen codec and the reason. The first message of a
/// process is a warning with the alternatives.
void tell_chosen_codec(const std::string& path, const std::string& wanted);
/// Advice for the warning that a recorder is too slow. `codec` is a codec name or the FFmpeg name of an
/// encoder.
[[nodiscard]] std::string way_to_encode_faster(const std::string& codec, EncoderPreset preset);

/// The deadline after a stop, at which a recorder gives up the frames that are still in its encoder. Created
/// in open(); must not outlive the node's context. Thread-safe.
class DrainLimit {
 public:
  explicit DrainLimit(const Context& context)
      : clock_(context.clock), on_stop_(context.stop, [this] { stopped_ = ticks(clock_.now()); }) {}

  /// Returns true if the deadline has passed. Always false before a stop.
  [[nodiscard]] bool has_passed() const {
    const auto stopped = stopped_.load();
    if (stopped == kNever) return false;
    const auto most = to_duration(core::kDrainTime + core::kEncoderDrainTime);
    return ticks(clock_.now()) - stopped >= most.count();
  }

 private:
  static constexpr TimePoint::rep kNever = std::numeric_limits<TimePoint::rep>::min();

  static TimePoint::rep ticks(TimePoint time) { return time.time_since_epoch().count(); }

  const Clock& clock_;
  std::atomic<TimePoint::rep> stopped_{kNever};
  std::stop_callback<std::function<void()>> on_stop_;
};

}  // namespace freshframe::media
