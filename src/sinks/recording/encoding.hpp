// The encoding of recordings: the choice of a video file's codec and its advice, and clips for several containers.
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
#include "media/ffmpeg/ptr.hpp"

namespace freshframe::media {

/// The container whose rules all files of clips share: headers apart from the packets, and timestamps.
[[nodiscard]] const AVOutputFormat& clip_container();
[[nodiscard]] VideoFileOptions clip_encoding(const ClipOptions& options);
/// Returns the same options, with closed GOPs: no frame after a keyframe refers to frames before it.
[[nodiscard]] VideoFileOptions closed_groups(const ClipOptions& options);
/// Throws OptionError when a file of this name cannot hold such a clip.
void check_clip_name(const std::string& path, const ClipOptions& options);

/// Checks the name of a clip of a camera's own packets, whose codec is not known yet.
void check_packet_clip_name(const std::string& path);

/// The codec of a file that check_video_file() accepts: `wanted`, or the chosen one for "auto" and "".
[[nodiscard]] std::string video_file_codec(const std::string& path, const std::string& wanted);
/// If h264 was expected and is not available: logs the chosen codec and the reason. The first line of a
/// process is a warning and names the ways out.
void tell_chosen_codec(const std::string& path, const std::string& wanted);
/// For the warning that a recorder is too slow. `codec`: its name or FFmpeg's name of an encoder.
[[nodiscard]] std::string way_to_encode_faster(const std::string& codec, EncoderPreset preset);

/// The moment after a stop at which a recorder gives up the frames that its encoder still holds. Made in open(); lives no longer than the node's context. Any thread.
class DrainLimit {
 public:
  explicit DrainLimit(const Context& context)
      : clock_(context.clock), on_stop_(context.stop, [this] { stopped_ = ticks(clock_.now()); }) {}

  /// Whether the time has passed: false before a stop, and after it as long as there is time.
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
