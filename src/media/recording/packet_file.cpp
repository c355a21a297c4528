// The sink that writes a camera's own packets to files.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/log.hpp"
#include "freshframe/packet_nodes.hpp"

#include <exception>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

#include "media/ffmpeg/write/frame_encoder.hpp"
#include "media/ffmpeg/write/video_encoder.hpp"
#include "media/packets/containers.hpp"
#include "media/packets/no_encoder.hpp"
#include "media/recording/packet_recording.hpp"
#include "media/recording/recording_files.hpp"

namespace freshframe {
namespace {

VideoFileOptions without_encoder(const VideoFileOptions& options) {
  return {.options = options.options,
          .segment = options.segment,
          .keep = options.keep,
          .reports_segments = options.reports_segments};
}

}  // namespace

struct PacketFile::Impl {
  Impl(std::string path, const VideoFileOptions& wanted)
      : options(without_encoder(wanted)), files(std::move(path), options) {
    media::check_no_encoder(wanted, "a VideoFile below packets");
    media::check_video_container(files.path());
    media::check_container_options(files.path(), options.options);
  }

  /// A file that could not be made is an error of the start, and not of a camera that comes in the night.
  void check_file(const std::string& path) const {
    std::error_code error;
    const auto status = std::filesystem::status(path, error);
    if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) return;  // a pipe
    const media::VideoMuxer tried(path);
  }

  void open(const Context& context) {
    const auto check = [this](const std::string& name) { check_file(name); };
    files.open(context, check);
    if (!files.segment()) check(files.path());
  }

  void finish() {
    if (failure) std::rethrow_exception(std::exchange(failure, nullptr));
    if (!recording.has_begun())
      log(LogLevel::Warning, "no packet was written: '" + files.path() + "' was not made");
    recording.finish();
  }

  VideoFileOptions options;
  media::RecordingFiles files;  // outlives recording
  media::PacketRecording recording{files, options};
  std::optional<TimePoint> written;  // when the last packet was
  std::exception_ptr failure;        // of a flush while the source is away
};

PacketFile::PacketFile(std::string path, const VideoFileOptions& options)
    : impl_(std::make_unique<Impl>(std::move(path), options)) {}

PacketFile::~PacketFile() = default;

std::optional<Segment> PacketFile::next_segment() {
  return impl_->files.next_segment();
}

std::optional<std::string> PacketFile::records_to() const {
  return impl_->files.path();
}

void PacketFile::open(const Context& context) {
  impl_->open(context);
}

std::optional<Nothing> PacketFile::process(const Sample<Packet>& sample, const Context& context) {
  if (impl_->failure) std::rethrow_exception(std::exchange(impl_->failure, nullptr));
  impl_->recording.write(sample, context);
  impl_->written = context.clock.now();
  return std::nullopt;
}

std::optional<TimePoint> PacketFile::idle_at() const {
  if (!impl_->written) return std::nullopt;
  return *impl_->written + to_duration(Seconds(media::kPause));
}

/// A process that is killed while the camera is away loses no packet that came before.
void PacketFile::idle(const Context& /*context*/) {
  impl_->written.reset();
  try {
    impl_->recording.pause();
  } catch (const std::exception&) {
    impl_->failure = std::current_exception();
  }
}

void PacketFile::close() {
  impl_->files.close([this] { impl_->finish(); });
}

}  // namespace freshframe
