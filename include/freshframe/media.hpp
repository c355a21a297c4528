// Sources and sinks of video: files and pictures through FFmpeg, the moving scene, MP4 and PNG output.
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

/// The PixelOps of every frame that media makes. Converts between all formats. RGB from and to YUV is exact
/// to one rounding, in the picture's own matrix and range.
[[nodiscard]] const PixelOps& pixel_ops() noexcept;

/// The use of damaged frames (Frame::is_damaged()) by a network stream. Mark: it delivers them with
/// the mark. Hold: it drops them, up to the next frame that can be decoded whole, and waits visibly
/// (WaitingKeyframe).
enum class Damaged : std::uint8_t { Mark, Hold };
/// "mark" or "hold".
[[nodiscard]] std::string_view to_string(Damaged damaged) noexcept;
/// The inverse of to_string(). Throws OptionError for another name.
[[nodiscard]] Damaged parse_damaged(std::string_view name);

/// The frames that a live network stream decodes. Keyframes: its keyframes only, each at once, and everything
/// while wake() lasts. The others are counted as `not_decoded`, and have their numbers.
enum class Decode : std::uint8_t { All, Keyframes };
/// "all" or "keyframes".
[[nodiscard]] std::string_view to_string(Decode decode) noexcept;
/// The inverse of to_string(). Throws OptionError for another name.
[[nodiscard]] Decode parse_decode(std::string_view name);

/// How a playlist (HLS), which brings a whole segment at once, is shown. Even: each frame at its own distance from the one
/// before. Burst: as soon as it has come.
enum class Pace : std::uint8_t { Even, Burst };
/// "even" or "burst".
[[nodiscard]] std::string_view to_string(Pace pace) noexcept;
/// The inverse of to_string(). Throws OptionError for another name.
[[nodiscard]] Pace parse_pace(std::string_view name);

/// Options of the sources that open() makes.
struct OpenOptions {
  std::optional<int> width = {};  // scaled to width x height, both or none
  std::optional<int> height = {};
  std::optional<double> fps = {};      // rate of a sequence of pictures; default 25
  std::optional<double> start = {};    // seconds: frames with a pts from here on
  std::optional<double> end = {};      // seconds: frames with a pts before this
  double open_timeout = 5.0;           // seconds
  double read_timeout = 5.0;           // seconds
  std::optional<bool> reconnect = {};  // for a live source; default: true
  Damaged damaged = Damaged::Mark;     // for a network stream
  Decode decode = Decode::All;         // for a live network stream
  Pace pace = Pace::Even;              // for HLS
  /// Seconds that are added to Stamp::utc, unless that is the time of the arrival: a known delay of the camera
  /// (-0.02: it takes a picture 20 ms before the time that it reports).
  double clock_offset = 0;
  /// Seconds after which a live network stream or a camera that is frozen is reported: by NodeStats::source, findings
  /// and events, and a server's /healthz fails. nullopt means after 60, and /healthz does not mind. 0: never.
  std::optional<double> frozen_after = {};
  /// A folder in which the source keeps the digests of its newest 1,024 keyframes, in the file NODE.frozen: then a
  /// picture from before a restart is known. Empty means none. It needs `frozen_after`, but not 0.
  std::string remember = {};
  bool loop = false;      // a file starts again after its end, from `start`; a live source has no end
  bool realtime = false;  // a file plays at its own speed and is live; a live source always is
  /// false: what an http:// or https:// URL names is finite and is read like a file. Default: whether it is a file.
  std::optional<bool> live = {};
  /// The video of a network stream with several: "best", "worst", "720p" (the best of at most that number of
  /// rows), or its number in VideoInfo::renditions.
  std::string rendition = "best";
  std::optional<int> decoder_threads = {};  // default: cores for a lossless file, 1 for a live source
  /// Where a video is decoded: "cpu", "auto" (on an NVIDIA card if it can, else on the CPU), or a card, which must:
  /// "cuda" or "cuda:1". SourceStats::decoder and decoder_reason show it.
  std::string decoder = "cpu";
  /// Pictures that a card has decoded stay there (Frame::on_device()) until somebody reads their pixels in the host's
  /// memory.
  bool on_device = false;
  /// For a camera: a whole number or "auto" for each of kCameraSettings (camera.hpp).
  std::map<std::string, std::string> settings = {};
  std::map<std::string, std::string> options = {};  // passed to FFmpeg; an unknown one is an error
};

/// A source of decoded frames.
class VideoSource : public Source<Frame> {
 public:
  [[nodiscard]] std::string default_name() const override { return "VideoSource"; }
  [[nodiscard]] bool has_source_stats() const noexcept final { return true; }
  /// The URL with its password masked.
  [[nodiscard]] virtual std::string url() const = 0;
  /// Known once open() has returned (Pipeline::start() waits for that). Only `ends_by` changes afterwards.
  [[nodiscard]] virtual VideoInfo info() const = 0;
};

/// Makes a source for a file, a picture, pictures in sequence ("frames/%05d.png", "frames/", "frames/*.png"),
/// "demo:circles?..." or a network stream (rtsp, rtsps, http, https, tcp, udp). Checks the form of `url` and
/// the options only; the source's open() opens it. Throws OptionError.
///
/// A file's frames keep the decoder's memory. pts counts from the start of the file and never decreases.
/// Frames that cannot be decoded are counted as `decode`. open() throws SourceError, also for unknown entries
/// of `options`, or SourceTimeoutError.
///
/// A network stream is live. open() tries once. Unless `reconnect` is false, the source then retries forever
/// with 0.5 to 10 s back-off, as NodeStats::source shows. With `reconnect` false open() throws SourceError or
/// SourceTimeoutError, and the end of the stream is a SourceError too. info() is empty until the first connection.
/// With RTSP the size is known from the first frame on.
[[nodiscard]] std::unique_ptr<VideoSource> open(const std::string& url, const OpenOptions& options = {});

/// Emits one picture again and again, `fps` times a second, as a camera would. Frames that it cannot make in
/// time are counted as `device`.
class MockCamera final : public Source<Frame> {
 public:
  /// `fps` in (0, 1000].
  explicit MockCamera(const Frame& picture, double fps = 14.0);
  /// Reads the picture when it opens.
  explicit MockCamera(std::string path, double fps = 14.0);
  ~MockCamera() override;

  [[nodiscard]] std::string default_name() const override { return "MockCamera"; }
  [[nodiscard]] bool live() const noexcept override { return true; }
  void open(const Context& context) override;
  std::optional<SourceItem<Frame>> read(const Context& context) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// How much processor time an encoder takes for a frame. A slower one makes smaller files. Encoders without
/// such a choice (mpeg4, mpeg2, mjpeg, OpenH264) ignore it.
enum class EncoderPreset : std::uint8_t { Slow, Medium, Fast, Fastest };
/// "slow", "medium", "fast" or "fastest".
[[nodiscard]] std::string_view to_string(EncoderPreset preset) noexcept;
/// The inverse of to_string(). Throws OptionError for another name.
[[nodiscard]] EncoderPreset parse_encoder_preset(std::string_view name);

/// Options of VideoFile.
struct VideoFileOptions {
  std::string codec = {};  // "h264", "h265", "vp9", "av1" ..., or FFmpeg's name of an encoder; "auto", the
                           // default: the first of h264, vp9, mpeg4 that is available and fits the container
  std::optional<double> fps = {};  // nominal; default: from the first two samples' pts
  int crf = 23;                    // constant quality on x264's scale: 0 lossless .. 51 worst
  EncoderPreset preset = EncoderPreset::Fast;
  int threads = 2;                                  // threads of the encoder
  std::map<std::string, std::string> options = {};  // passed to encoder and muxer; an unknown one is an error
  std::optional<double> segment_every =
      {};  // seconds per file; the name then needs a number, "out_%05d.mp4", or a
           // time, "{time:%Y-%m-%d}/{time:%H-%M-%S}.mp4" (UTC)
  // Before one of these limits is passed, the oldest finished segment is deleted, one at a time. Default: all stay.
  std::optional<double> keep_days = {};               // age against the newest segment, above 0
  std::optional<std::uint64_t> keep_bytes = {};       // size of all segments, with the open one, on the disk
  std::optional<std::uint64_t> keep_free_bytes = {};  // bytes that the disk should have left
  bool reports_segments = false;                      // next_segment() gives them
};

/// Writes frames to a video file. The file's name determines the container. Each frame has its pts, counted
/// from the first frame, so dropped frames leave gaps without shifting the later ones. All frames must have
/// the same, even size. The first frame replaces the file's old content. A frame is in the file a second
/// after it was encoded, and the file can be played even when the process is killed or the disk is full.
///
/// After 10 s without a frame the encoder begins a new group of pictures, and below a live source the frames
/// so far are in the file then. A pause that the container has no room for (MP4, MOV, TS: 6 hours, AVI: 60000
/// frames) ends the file: the recording continues in the next segment, or in "out_2.mp4". After a stop the
/// encoder has up to 3 s to give its last frames; frames that it does not give are counted as `stop`.
///
/// With `segment_every` a file ends before the frame that is `segment_every` seconds after its first one, and the next
/// file begins with that frame. Numbering continues after the highest existing number, and a name without a
/// number that is taken becomes "..._2.mp4", so no file is replaced. The first file is made with the first frame.
///
/// Below make_packet_source() a camera it writes the camera's own packets, bit for bit, and encodes nothing: set_input() refuses
/// the options of an encoder (codec, fps, crf, preset). A file begins at a keyframe, and a segment at the
/// first keyframe that is `segment` seconds after the start of the last. Where packets were dropped, the
/// recording goes on at the next keyframe. New parameters, such as another size, begin the next segment, or
/// "out_2.mp4".
///
/// The constructor throws OptionError for an unsupported codec or container. open() throws Error when the
/// file cannot be written, process() for a frame that does not fit and for packets of a codec that the container cannot
/// hold as players know it, close() when the end cannot be written.
class VideoFile final : public EitherNode<Frame, Packet, Nothing> {
 public:
  explicit VideoFile(const std::string& path, const VideoFileOptions& options = {});
  ~VideoFile() override;
  /// With reports_segments: waits for the next finished segment. nullopt means the recorder is closed, and
  /// all were given. Any thread but the pipeline's own; only while the node is open or later.
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

/// Options of a ClipRecorder.
struct ClipOptions {
  double before = 5;       // seconds of a clip before its event, 0 to 86400
  double after = 5;        // seconds of a clip after its event, 0 to 86400
  std::string codec = {};  // as of VideoFileOptions
  int crf = 23;            // as of VideoFileOptions
  EncoderPreset preset = EncoderPreset::Fast;
  int threads = 2;                                  // threads of the encoder
  std::size_t max_bytes = 256U << 20U;              // size of the encoded seconds in memory
  std::map<std::string, std::string> options = {};  // passed to encoder and muxer; an unknown one is an error
};

/// Keeps the last seconds of a stream encoded in memory, and writes clips to files: the seconds before and
/// after an event. Frames are encoded all the time, once for all clips. A keyframe is made each second, and
/// a clip begins with the last one before its `before` seconds. When the size or the colours of the frames
/// change, or no frame arrives for 6 hours, the clips end and the kept seconds are dropped. Below a live
/// source that has given no frame for 10 s, a clip ends at its time, without waiting for the next frame.
///
/// Below make_packet_source() a camera it keeps and writes the camera's own packets, and encodes nothing: set_input() refuses the
/// options of an encoder (codec, crf, preset). A clip begins with the camera's last keyframe before its `before`
/// seconds, so it is longer by up to the camera's interval of keyframes. The log lists the difference. Where packets were
/// dropped, clips go on at the next keyframe. New parameters, such as another size, end the clips.
///
/// The constructor throws OptionError. process() throws Error for a frame that does not fit and for a clip
/// that cannot be written. Other clips continue.
class ClipRecorder final : public EitherNode<Frame, Packet, Nothing> {
 public:
  explicit ClipRecorder(const ClipOptions& options = {});
  ~ClipRecorder() override;

  /// Writes the clip of an event: now, or at `pts` in seconds. Any thread; never waits for the
  /// encoder. A second call for a file that is being written makes that clip longer. An existing file is
  /// replaced. After the end of the stream nothing is written, and a warning is logged. Throws OptionError for a
  /// name that does not end in .mp4, .mov or .mkv (.webm too, of packets), StateError before the pipeline runs, Error
  /// when the file cannot be created, cannot hold the packets' codec, or is written by another recorder of this process.
  void save(const std::string& path, std::optional<double> pts = {});
  /// The paths of the clips that are being written. Any thread.
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

/// Decodes a picture file (the first picture of several), or the frame that a video shows at `pts`, in seconds.
/// Throws SourceError, or OptionError for `pts` below 0.
[[nodiscard]] Frame read_frame(const std::string& path, std::optional<double> pts = {});
/// Writes a picture file, PNG or JPEG by its name. Throws std::filesystem::filesystem_error if its place cannot be
/// written, and Error.
void write_frame(const Frame& frame, const std::string& path);

/// Versions of the media libraries.
struct MediaVersions {
  std::string avformat;
  std::string avcodec;
  std::string avutil;
  std::string license;        // FFmpeg's name for the licence of this build
  std::string configuration;  // its build flags
};
[[nodiscard]] MediaVersions media_versions();

}  // namespace freshframe
