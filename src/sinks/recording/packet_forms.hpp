// VideoFile and ClipRecorder on ports of packets, which they copy without encoding.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/error.hpp"
#include "freshframe/log.hpp"
#include "freshframe/media.hpp"
#include "freshframe/node.hpp"
#include "freshframe/packet.hpp"

#include <exception>
#include <filesystem>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "media/ffmpeg/error.hpp"
#include "media/ffmpeg/log.hpp"
#include "media/ffmpeg/write/frame_encoder.hpp"
#include "media/ffmpeg/write/packet_filter.hpp"
#include "media/ffmpeg/write/video_encoder.hpp"
#include "media/ffmpeg/write/video_muxer.hpp"
#include "media/packets/containers.hpp"
#include "media/packets/packet_ticks.hpp"
#include "media/packets/parameters.hpp"
#include "media/packets/two_forms.hpp"
#include "sinks/recording/clips.hpp"
#include "sinks/recording/encoding.hpp"
#include "sinks/recording/recording_files.hpp"

namespace freshframe::media {

// ---- files

/// Writes a camera's packets to files. Each file begins with a key packet at second 0 and contains all
/// packets after it unchanged. After packets were lost, or could not be written, it waits for the next key
/// packet. New codec parameters or a failed write start a new file. Not thread-safe.
class PacketRecording {
 public:
  PacketRecording(RecordingFiles& files, const VideoFileOptions& options)
      : files_(files), options_(options) {}

  void open(NodeCounters& counters) { counters_ = &counters; }

  void write(const Sample<Packet>& sample) {
    const auto& packet = sample.value;
    check_packet_times(packet, "write to '" + files_.path() + "'");
    if (muxer_) check_stream(packet, sample.stamp);
    if (sample.dropped > 0 && !waits_for_key_) {
      waits_for_key_ = true;
      log(LogLevel::Warning, std::to_string(sample.dropped) + " packets did not reach the recorder of '" +
                                 files_.path() + "': it continues at the next keyframe");
    }
    if (waits_for_key_ && !packet.is_keyframe) {
      // packets before the first key packet do not count as lost
      if (had_key_) counters_->drop(NodeDropCause::Lost);
      return;
    }
    had_key_ = waits_for_key_ = true;  // stays so if the packet cannot be written
    guard([&] {
      if (begins_new_file(packet, sample.stamp)) finish();
      if (!muxer_) begin_file(packet);
      put(packet);
    });
    waits_for_key_ = false;
    source_ = sample.stamp.source;
    files_.note(sample.stamp, muxer_->kept_count());
  }
  /// Writes buffered data to the operating system.
  void pause() {
    guard([this] {
      if (muxer_) muxer_->flush();
    });
  }
  /// Ends the recording.
  void close() {
    guard([this] { finish(); });
  }
  [[nodiscard]] bool has_begun() const noexcept { return stream_ != nullptr; }

 private:
  /// Runs `deed`. If that throws, the file keeps what is playable, the rest counts as lost, and the next key
  /// packet starts a new file.
  template <class Deed>
  void guard(const Deed& deed) {
    try {
      deed();
    } catch (...) {
      waits_for_key_ = true;
      if (!muxer_) throw;
      muxer_->give_up();
      const SavedPart kept{
          .pictures = muxer_->kept_count(), .bytes = muxer_->bytes(), .place = muxer_->place()};
      const auto lost = files_.give_up(kept, [this] { muxer_.reset(); });
      if (lost > 0) counters_->drop(NodeDropCause::Lost, lost);
      throw;
    }
  }
  void finish() {
    if (!muxer_) return;
    files_.end_file(true, [this] {
      muxer_->finish();
      return muxer_->bytes();
    });
    muxer_.reset();
  }
  /// Makes the recording wait for a key packet, which starts a new file, if the packet is of another stream
  /// or source.
  void check_stream(const Packet& packet, const Stamp& stamp) {
    if (stamp.source == source_) {
      waits_for_key_ = waits_for_key_ || !is_same_stream(*packet.stream, *stream_);
      return;
    }
    if (!files_.segment()) throw Error(another_source(files_.path(), "packets"));
    if (std::exchange(waits_for_key_, true)) return;
    log(LogLevel::Warning, "'" + files_.name() + "' ends: the next packets come from another source");
  }
  void begin_file(const Packet& key) {
    check_container(files_.path(), *key.stream);
    const auto& parameters = make_parameters(*key.stream);
    files_.begin_file([&](const std::string& name, FileOpening opening) {
      muxer_ = std::make_unique<VideoMuxer>(name, opening);
    });
    const FfmpegErrorCapture errors;
    Dictionary options(options_.options);
    filter_.emplace(muxer_->container(), *parameters.codec);
    const int result = muxer_->start(*parameters.codec, PacketTicks::kTimeBase, {0, 1}, options,
                                     parameters.orientation.total());
    if (result < 0)
      throw Error("cannot create '" + files_.name() + "': " + ffmpeg_text(result) + errors.in_brackets());
    if (stream_ && key.stream->extradata != stream_->extradata) {
      log(LogLevel::Warning, "the camera of '" + files_.path() +
                                 "' now sends with other parameters: " + std::to_string(key.stream->width) +
                                 "x" + std::to_string(key.stream->height) + " " + key.stream->codec +
                                 ", which are written to a new file");
    }
    if (!stream_) warn_about_turn(files_.path(), *key.stream);
    stream_ = key.stream;
    first_ = key.pts;
    ticks_.emplace(key.pts);
  }
  [[nodiscard]] bool begins_new_file(const Packet& packet, const Stamp& stamp) const {
    if (!muxer_) return false;
    if (stamp.source != source_) return true;
    if (!is_same_stream(*packet.stream, *stream_)) return true;
    if (packet.dts - newest_ >= longest_pause(muxer_->container(), muxer_->time_base()))
      return packet.is_keyframe;
    return files_.segment() && packet.is_keyframe && packet.pts >= first_ + files_.segment_in_pts(stamp.pace);
  }
  void put(const Packet& packet) {
    newest_ = packet.dts;
    const auto own = ticks_->next(packet);
    filter_->apply(*own);
    muxer_->write(*own, PacketTicks::kTimeBase);
  }

  RecordingFiles& files_;
  const VideoFileOptions& options_;
  NodeCounters* counters_ = nullptr;  // from open() on
  std::unique_ptr<VideoMuxer> muxer_;
  std::optional<PacketFilter> filter_;
  std::shared_ptr<const PacketStream> stream_;  // stream of the file
  std::optional<PacketTicks> ticks_;            // ticks of the file
  double first_ = 0;                            // pts of the file's first packet
  double newest_ = 0;                           // dts of the newest packet
  int source_ = -1;                             // source of the file's packets, see Stamp::source
  bool waits_for_key_ = true;
  bool had_key_ = false;  // set once a file was, or should have been, started: later losses count
};

inline VideoFileOptions without_encoder(const VideoFileOptions& options) {
  return {.options = options.options,
          .segment_every = options.segment_every,
          .keep_days = options.keep_days,
          .keep_bytes = options.keep_bytes,
          .keep_free_bytes = options.keep_free_bytes,
          .reports_segments = options.reports_segments};
}

/// A VideoFile on a port of packets.
struct PacketFile {
  PacketFile(std::string path, const VideoFileOptions& wanted)
      : options(without_encoder(wanted)), files(std::move(path), options) {
    check_no_encoder(wanted, "a VideoFile downstream of packets");
    check_video_container(files.path());
    check_container_options(files.path(), options.options);
  }

  /// Creates the file once at the start, so that a path that cannot be written fails immediately, not when
  /// the camera connects at night.
  void check_file(const std::string& path, FileOpening opening = {}) const {
    std::error_code error;
    const auto status = std::filesystem::status(path, error);
    // pipes and devices are opened only for the recording itself
    if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) return;
    const VideoMuxer tried(path, opening);
  }

  [[nodiscard]] static std::string way_to_be_faster() { return "use a faster disk"; }

  void open(const Context& context) {
    recording.open(context.counters);
    files.open(context, [this](const std::string& name, FileOpening opening) { check_file(name, opening); });
    if (!files.segment()) check_file(files.path());
  }

  void write(const Sample<Packet>& sample, const Context& context) {
    throw_failure();
    recording.write(sample);
    written = context.clock.now();
  }

  [[nodiscard]] std::optional<TimePoint> idle_at() const {
    if (!written) return std::nullopt;
    return *written + to_duration(Seconds(kPause));
  }

  /// Flushes the file when the camera disconnects, so that nothing is lost if the process is killed then.
  void pause() {
    written.reset();
    try {
      recording.pause();
    } catch (const std::exception&) {
      failure = std::current_exception();
    }
  }

  /// Ends the recording.
  void close() {
    throw_failure();
    if (!recording.has_begun())
      log(LogLevel::Warning, "no packet was written: '" + files.path() + "' was not created");
    recording.close();
  }

  void throw_failure() {
    if (failure) std::rethrow_exception(std::exchange(failure, nullptr));
  }

  VideoFileOptions options;
  RecordingFiles files;  // must outlive recording
  PacketRecording recording{files, options};
  std::optional<TimePoint> written;  // when the last packet was written
  std::exception_ptr failure;        // failure of a flush while the source is disconnected
};

// ---- clips

/// A ClipRecorder on a port of packets.
struct PacketClips {
  explicit PacketClips(const ClipOptions& options) : clips(options), muxer_options(options.options) {
    check_no_encoder(options, "a ClipRecorder downstream of packets");
    check_packet_keep_names(options);
  }

  static void check_name(const std::string& path) { check_packet_clip_name(path); }
  [[nodiscard]] static std::string way_to_be_faster() { return "use a faster disk"; }

  void open(const Context& given) {
    context.emplace(given);
    clips.open();
  }

  void write(const Sample<Packet>& sample) {
    const auto& packet = sample.value;
    clips.note_arrival(context->clock.now());
    check_packet_times(packet, "write the clips");
    if (clips.has_stream()) end_what_cannot_go_on(packet, sample.stamp.source);
    if (sample.dropped > 0 && !waits_for_key) {
      waits_for_key = true;
      log(LogLevel::Warning, std::to_string(sample.dropped) +
                                 " packets did not reach the clips: they continue at the next keyframe");
    }
    if (waits_for_key && !packet.is_keyframe) {
      // packets before the first key packet do not count as lost
      if (stream) context->counters.drop(NodeDropCause::Lost);
      return;
    }
    static_cast<void>(clips.take_pause());
    if (!clips.has_stream()) begin_stream(packet);
    waits_for_key = false;
    clips.note(sample.stamp.source, packet.pts);
    clips.add(*ticks->next(packet));
    clips.take_orders();
    if (const auto lost = clips.limit(); lost > 0) context->counters.drop(NodeDropCause::Lost, lost);
    clips.throw_failure();
  }

  void end_what_cannot_go_on(const Packet& packet, int source) {
    auto why = clips.why_over(source, packet.pts);
    if (!is_same_stream(*packet.stream, *stream)) why = "the camera now sends with other parameters";
    if (why.empty()) return;
    log(LogLevel::Warning, why + ": clips start and end there");
    clips.end_stream();
    waits_for_key = true;
  }

  void begin_stream(const Packet& key) {
    CodecParametersPtr codec(avcodec_parameters_alloc());
    if (!codec || avcodec_parameters_copy(codec.get(), make_parameters(*key.stream).codec.get()) < 0)
      throw std::bad_alloc();
    stream = key.stream;
    ticks.emplace(key.pts);
    clips.begin_stream({.codec = std::move(codec),
                        .time_base = PacketTicks::kTimeBase,
                        .first_pts = key.pts,
                        .options = Dictionary(muxer_options),
                        .camera = stream});
  }

  void idle() {
    clips.idle(context->clock, [] {});
  }

  void finish() {
    clips.orders().end_orders();
    clips.end_stream();
    stream.reset();
    clips.finish();
  }

  // Used on the node's thread, except clips.orders().
  std::optional<Context> context;  // set by open(); outlives the node
  Clips clips;
  std::map<std::string, std::string> muxer_options;
  std::shared_ptr<const PacketStream> stream;
  std::optional<PacketTicks> ticks;  // ticks of the stream
  bool waits_for_key = true;
};

}  // namespace freshframe::media
