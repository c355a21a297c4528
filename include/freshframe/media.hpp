// Video sources and sinks: files, images and streams through FFmpeg, the demo scene, and MP4 and PNG output.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/demo_circle.hpp"
#include "freshframe/node.hpp"
#include "freshframe/packet.hpp"
#include "freshframe/segment.hpp"
#include "freshframe/video_info.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace freshframe {

/// The PixelOps of all frames from this library. Supports conversion between all formats. RGB to and from YUV
/// is accurate to one rounding, using the image's own matrix and range.
[[nodiscard]] const PixelOps& pixel_ops() noexcept;

/// What a network stream does with damaged frames (Frame::is_damaged()). Mark: delivers them, marked. Hold:
/// drops frames until the next one that can be decoded completely; meanwhile the state is WaitingKeyframe.
enum class Damaged : std::uint8_t { Mark, Hold };
[[nodiscard]] std::string_view to_string(Damaged damaged) noexcept;
/// The inverse of to_string(). Throws OptionError for an unknown name.
[[nodiscard]] Damaged parse_damaged(std::string_view name);

/// Which frames of a live network stream are decoded. Keyframes: only keyframes, without delay, and all
/// frames while wake() is in effect. Frames that are not decoded are counted as `not_decoded` and keep their
/// sequence numbers.
enum class Decode : std::uint8_t { All, Keyframes };
[[nodiscard]] std::string_view to_string(Decode decode) noexcept;
/// The inverse of to_string(). Throws OptionError for an unknown name.
[[nodiscard]] Decode parse_decode(std::string_view name);

/// How to deliver HLS, which arrives a whole segment at a time. Even: frames at their original intervals.
/// Burst: as soon as they arrive.
enum class Pace : std::uint8_t { Even, Burst };
[[nodiscard]] std::string_view to_string(Pace pace) noexcept;
/// The inverse of to_string(). Throws OptionError for an unknown name.
[[nodiscard]] Pace parse_pace(std::string_view name);

/// Options of open().
struct OpenOptions {
  std::optional<int> width = {};  // scale to width x height; set both or neither
  std::optional<int> height = {};
  /// Degrees clockwise: 0, 90, 180 or 270. Applied after the rotation that a file, stream or browser
  /// declares. Frames, VideoInfo, and `width` and `height` are those after rotation. Packets do not change.
  int rotate = 0;
  std::optional<double> fps = {};      // frame rate of an image sequence; default: 25
  std::optional<double> start = {};    // start at this pts, in seconds
  std::optional<double> end = {};      // end before this pts, in seconds
  double open_timeout = 5.0;           // seconds until open() gives up
  double read_timeout = 5.0;           // seconds without data until the connection counts as lost
  std::optional<bool> reconnect = {};  // live sources only; default: true
  Damaged damaged = Damaged::Mark;     // network streams only
  Decode decode = Decode::All;         // live network streams only
  Pace pace = Pace::Even;              // HLS only
  /// Added to Stamp::utc, in seconds, to correct a known delay of the camera: -0.02 if it captures an image
  /// 20 ms before the time it reports. Not applied to arrival times.
  double clock_offset = 0;
  /// How many seconds a live network stream or camera may show a frozen image before that is reported by
  /// NodeStats::source, findings and events, and before /healthz fails. nullopt: reported after 60 s without
  /// failing /healthz. 0: never. Ignored by other sources, which cannot freeze.
  std::optional<double> frozen_after = {};
  bool loop = false;      // restart a file at `start` when it ends; ignored by live sources
  bool realtime = false;  // play a file at its own speed, as a live source; live sources always do
  /// false: an http:// or https:// URL is finite and is read like a file. Default: detected.
  std::optional<bool> live = {};
  /// Which video of a network stream with several: "best", "worst", "720p" (the best with at most that many
  /// rows), or its index in VideoInfo::renditions.
  std::string rendition = "best";
  /// Index of the stream to read from a file, as in VideoInfo::streams. Default: the video with the largest
  /// images that is neither a still nor a cover.
  std::optional<int> stream = {};
  std::optional<int> decoder_threads = {};  // default: cores for a lossless file, 1 for a live source
  /// Where to decode: "cpu"; "auto" (on an NVIDIA GPU if possible, otherwise on the CPU); or "cuda" or
  /// "cuda:1", which must work. SourceStats::decoder and decoder_reason show the result.
  std::string decoder = "cpu";
  /// Leaves frames decoded on a GPU in GPU memory (Frame::on_device()) until their pixels are read on the
  /// host.
  bool on_device = false;
  /// Camera settings: an integer or "auto" for any of kCameraSettings (camera.hpp).
  std::map<std::string, std::string> settings = {};
  std::map<std::string, std::string> options = {};  // passed to FFmpeg; unknown options are an error
};

/// A source of decoded frames; see open().
class VideoSource : public Source<Frame> {
 public:
  [[nodiscard]] std::string default_name() const override { return "VideoSource"; }
  [[nodiscard]] bool has_source_stats() const noexcept final { return true; }
  /// The URL with its password masked.
  [[nodiscard]] virtual std::string url() const = 0;
  /// Valid after open() has returned; Pipeline::start() waits for that. Only `ends_by` changes later.
  [[nodiscard]] virtual VideoInfo info() const = 0;
};

/// Creates a source for a file, an image, an image sequence ("frames/%05d.png", "frames/", "frames/*.png"),
/// "demo:circles?..." or a network stream (rtsp, rtsps, http, https, tcp, udp). Checks only the syntax of
/// `url` and the options, and throws OptionError; the source's open() opens it.
///
/// Files: frames keep the decoder's memory alive. pts starts at 0 and never decreases. Frames that cannot be
/// decoded are counted as `decode`. open() throws SourceError, also for unknown entries of `options`, or
/// SourceTimeoutError.
///
/// Network streams are live. open() tries once; after that the source retries forever, with 0.5 to 10 s
/// back-off, which NodeStats::source shows. info() is empty until the first connection, and with RTSP the
/// size is known only from the first frame on. With `reconnect` false, open() throws SourceError or
/// SourceTimeoutError instead, and the end of the stream is a SourceError as well.
[[nodiscard]] std::unique_ptr<VideoSource> open(const std::string& url, const OpenOptions& options = {});

/// Emits the same image `fps` times per second, like a camera. Frames that it cannot emit in time are counted
/// as `device`. With several images, emits each one once at that rate, and waits for slow consumers.
class MockCamera final : public Source<Frame> {
 public:
  /// `fps` must be in (0, 1000].
  explicit MockCamera(const Frame& picture, double fps = 14.0);
  /// Reads the image file in open().
  explicit MockCamera(std::string path, double fps = 14.0);
  /// Throws OptionError if `frames` is empty.
  explicit MockCamera(const std::vector<Frame>& frames, double fps = 14.0);
  ~MockCamera() override;

  [[nodiscard]] std::string default_name() const override { return "MockCamera"; }
  [[nodiscard]] bool live() const noexcept override;
  [[nodiscard]] std::optional<std::int64_t> total() const override;
  void open(const Context& context) override;
  std::optional<SourceItem<Frame>> read(const Context& context) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// CPU time that an encoder spends per frame; slower means smaller files. Ignored by encoders without such a
/// setting (mpeg4, mpeg2, mjpeg, OpenH264).
enum class EncoderPreset : std::uint8_t { Slow, Medium, Fast, Fastest };
[[nodiscard]] std::string_view to_string(EncoderPreset preset) noexcept;
/// The inverse of to_string(). Throws OptionError for an unknown name.
[[nodiscard]] EncoderPreset parse_encoder_preset(std::string_view name);

/// Options of VideoFile.
struct VideoFileOptions {
  std::string codec = {};  // "h264", "h265", "vp9", "av1" ..., or FFmpeg's name of an encoder; "auto", the
                           // default: the first of h264, vp9, mpeg4 that is available and fits the container
  std::optional<double> fps = {};  // nominal frame rate; default: from the pts of the first two samples
  /// A time lapse: writes one frame per this many seconds of pts, each shown for 1 / fps (default: 25 fps).
  std::optional<double> every = {};
  int crf = 23;  // constant quality on x264's scale: 0 (lossless) to 51 (worst)
  EncoderPreset preset = EncoderPreset::Fast;
  int threads = 2;
  /// Passed to encoder and muxer; unknown options are an error.
  std::map<std::string, std::string> options = {};
  std::optional<double> segment_every =
      {};  // seconds per file; the name then needs a number, "out_%05d.mp4", or a
           // time, "{time:%Y-%m-%d}/{time:%H-%M-%S}.mp4" (UTC)
  // When a limit would be exceeded, the oldest finished segments are deleted, one at a time. Default: all are
  // kept.
  std::optional<double> keep_days = {};  // maximum age relative to the newest segment, above 0
  /// Maximum size on disk of all segments, including the open one.
  std::optional<std::uint64_t> keep_bytes = {};
  std::optional<std::uint64_t> keep_free_bytes = {};  // minimum free space on the disk
  bool reports_segments = false;                      // enables next_segment()
};

/// Writes frames to a video file; the file extension determines the container. Each frame keeps its pts
/// relative to the first frame, so dropped frames leave gaps without shifting later ones. All frames must
/// have the same, even size. The first frame replaces an existing file. Each frame reaches the file within a
/// second of being encoded, and the file stays playable if the process is killed or the disk is full.
///
/// After 10 s without a frame the encoder starts a new GOP, and downstream of a live source everything so far
/// is flushed to the file. If a pause is too long for the container (MP4, MOV, TS: 6 hours, AVI: 60000
/// frames), the recording continues in the next segment, or in "out_2.mp4". At stop the encoder has up to 3 s
/// to return its remaining frames; the rest is counted as `stop`.
///
/// With `every`, frames have the times n / fps in the file. Segments keep the times of the source.
///
/// With `segment_every` a file ends before the first frame that is `segment_every` seconds after the start of
/// the file, and that frame starts the next file. Numbering continues after the highest existing number; if a
/// name without a number is taken, "..._2.mp4" is used. No existing file is replaced. The first file is
/// created with the first frame.
///
/// With make_packet_source() upstream it writes the camera's own packets unchanged and encodes nothing;
/// set_input() rejects encoder options (codec, fps, every, crf, preset). A file starts with a keyframe, and a
/// segment with the first keyframe that is `segment_every` seconds after the start of the previous one. After
/// dropped packets the recording continues at the next keyframe. If parameters such as the size change, the
/// next segment or "out_2.mp4" starts.
///
/// The constructor throws OptionError for an unsupported codec or container. open() throws Error if the file
/// cannot be written; process() for a frame that does not fit, and for packets of a codec that players would
/// not accept in this container; close() if the file cannot be finished.
class VideoFile final : public EitherNode<Frame, Packet, Nothing> {
 public:
  explicit VideoFile(const std::string& path, const VideoFileOptions& options = {});
  ~VideoFile() override;
  /// Waits for the next finished segment; needs reports_segments. Returns nullopt when the recorder is closed
  /// and all segments have been returned. Call it on any thread except the pipeline's own, once open() has
  /// been called.
  [[nodiscard]] std::optional<Segment> next_segment();
  [[nodiscard]] std::string default_name() const override { return "VideoFile"; }
  [[nodiscard]] NodeContract contract() const override;
  [[nodiscard]] std::vector<const TypeInfo*> input_types() const override;
  void set_input(const TypeInfo* type) override;
  void open(const Context& context) override;
  std::optional<Nothing> process(const Sample<Frame>& sample, const Context& context) override;
  std::optional<Nothing> process(const Sample<Packet>& sample, const Context& context) override;
  [[nodiscard]] std::optional<TimePoint> idle_at() const override;
  void idle(const Context& context) override;
  void close() override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Options of ClipRecorder.
struct ClipOptions {
  double before = 5;       // seconds of video before the event, 0 to 86400
  double after = 5;        // seconds of video after the event, 0 to 86400
  std::string codec = {};  // see VideoFileOptions
  int crf = 23;            // see VideoFileOptions
  EncoderPreset preset = EncoderPreset::Fast;
  int threads = 2;
  std::size_t max_bytes = 256U << 20U;  // memory limit for the encoded video before an event
  /// Passed to encoder and muxer; unknown options are an error.
  std::map<std::string, std::string> options = {};
  /// Maximum size on disk of all clips that match `keep_names`, including open ones and those of earlier
  /// runs. Before it would be exceeded, the oldest finished clips are deleted. Default: all are kept.
  std::optional<std::uint64_t> keep_bytes = {};
  /// The names of clips, such as "clips/event_%d.mp4", required by keep_bytes, with a suffix that save()
  /// accepts.
  std::string keep_names = {};
};

/// Keeps the last seconds of a stream encoded in memory, and writes clips of events to files, from some
/// seconds before an event to some seconds after it. Frames are encoded continuously, once for all clips,
/// with a keyframe every second; a clip starts at the last keyframe before its `before` seconds. If the size
/// or colours of the frames change, or no frame arrives for 6 hours, all clips end and the buffer is cleared.
/// If a live source has sent no frame for 10 s, a clip ends on time without waiting for the next frame.
///
/// With make_packet_source() upstream it buffers and writes the camera's own packets and encodes nothing;
/// set_input() rejects encoder options (codec, crf, preset). Clips start at a keyframe of the camera, so they
/// are longer by up to its keyframe interval, which is logged. After dropped packets, clips continue at the
/// next keyframe. If parameters such as the size change, all clips end.
///
/// The constructor and set_input() throw OptionError. process() throws Error for a frame that does not fit,
/// and if a clip cannot be written; other clips continue.
class ClipRecorder final : public EitherNode<Frame, Packet, Nothing> {
 public:
  explicit ClipRecorder(const ClipOptions& options = {});
  ~ClipRecorder() override;

  /// Starts a clip of an event that happens now, or at `pts` (seconds). Thread-safe; never waits for the
  /// encoder. Calling it again for a file being written extends that clip. Replaces an existing file. After
  /// the end of the stream it only logs a warning. Throws OptionError if the name does not end in .mp4, .mov
  /// or .mkv (for packets also .webm) or does not match `keep_names`, StateError before the pipeline runs,
  /// and Error if the file cannot be created, cannot hold the codec of the packets, or is being written by
  /// another recorder of this process.
  void save(const std::string& path, std::optional<double> pts = {});
  /// Paths of the clips being written. Thread-safe.
  [[nodiscard]] std::vector<std::string> writing() const;

  [[nodiscard]] std::string default_name() const override { return "ClipRecorder"; }
  [[nodiscard]] NodeContract contract() const override;
  [[nodiscard]] std::vector<const TypeInfo*> input_types() const override;
  void set_input(const TypeInfo* type) override;
  void open(const Context& context) override;
  std::optional<Nothing> process(const Sample<Frame>& sample, const Context& context) override;
  std::optional<Nothing> process(const Sample<Packet>& sample, const Context& context) override;
  [[nodiscard]] std::optional<TimePoint> idle_at() const override;
  void idle(const Context& context) override;
  void close() override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Decodes an image file (the first image if there are several), or the frame of a video at `pts` seconds.
/// Throws SourceError, or OptionError for a negative `pts`.
[[nodiscard]] Frame read_frame(const std::string& path, std::optional<double> pts = {});
/// Writes a PNG or JPEG file, depending on the extension. Replaces an existing file only once the new one is
/// complete. Throws std::filesystem::filesystem_error if the location is not writable, and Error if the frame
/// is empty, the path is a URL or a sink of this process is writing that file.
void write_frame(const Frame& frame, const std::string& path);

/// Versions of the FFmpeg libraries in use.
struct MediaVersions {
  std::string avformat;
  std::string avcodec;
  std::string avutil;
  std::string license;        // licence of this FFmpeg build
  std::string configuration;  // FFmpeg's build flags
};
[[nodiscard]] MediaVersions media_versions();

}  // namespace freshframe
