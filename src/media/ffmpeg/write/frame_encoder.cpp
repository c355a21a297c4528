// Encodes frames into packets.
// SPDX-License-Identifier: Apache-2.0
#include "media/ffmpeg/write/frame_encoder.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <memory>
#include <new>
#include <string_view>
#include <utility>
#include <vector>

#include "media/colour/jfif_colours.hpp"
#include "media/colour/pixel_conversions.hpp"
#include "media/ffmpeg/error.hpp"
#include "media/ffmpeg/log.hpp"
#include "media/ffmpeg/write/video_codec.hpp"
#include "platform/decimal_point.hpp"

// Converts frames for FFmpeg's encoders.

extern "C" {
#include <libavutil/buffer.h>
#include <libavutil/opt.h>
}

namespace freshframe::media {

namespace {

void drop_frame(void* opaque, std::uint8_t* /*data*/) noexcept {
  const std::unique_ptr<Frame> last(static_cast<Frame*>(opaque));
}

AVPixelFormat encoder_format(const PictureFormat& format) {
  const bool full = format.range == ColorRange::Full;
  switch (format.format) {
    case PixelFormat::Gray:
      return AV_PIX_FMT_GRAY8;
    case PixelFormat::Nv12:
      return AV_PIX_FMT_NV12;
    case PixelFormat::I420:
      return full ? AV_PIX_FMT_YUVJ420P : AV_PIX_FMT_YUV420P;
    case PixelFormat::I422:
      return full ? AV_PIX_FMT_YUVJ422P : AV_PIX_FMT_YUV422P;
    case PixelFormat::I444:
      return full ? AV_PIX_FMT_YUVJ444P : AV_PIX_FMT_YUV444P;
    case PixelFormat::Bgr:
      return AV_PIX_FMT_BGR24;
    case PixelFormat::Rgb:
      return AV_PIX_FMT_RGB24;
  }
  return AV_PIX_FMT_NONE;
}

AVColorSpace encoder_space(const PictureFormat& format) {
  if (is_packed_rgb(format.format)) return AVCOL_SPC_RGB;
  switch (format.space) {
    case ColorSpace::Bt601:
      return AVCOL_SPC_SMPTE170M;
    case ColorSpace::Bt709:
      return AVCOL_SPC_BT709;
    case ColorSpace::Bt2020:
      return AVCOL_SPC_BT2020_NCL;
    case ColorSpace::Unspecified:
      break;
  }
  return AVCOL_SPC_UNSPECIFIED;
}

void convert(const Picture& from, const MutablePicture& to) {
  if (!pixel_ops().convert(from, to)) {
    throw Error("cannot convert a " + std::string(to_string(from.format.format)) + " frame to " +
                std::string(to_string(to.format.format)));
  }
}

Frame converted(const Frame& frame, const PictureFormat& to) {
  FrameBuilder builder(to);
  convert(frame.picture(), builder.picture());
  return std::move(builder).publish(pixel_ops());
}

}  // namespace

AvFramePtr to_av_frame(const Frame& frame) {
  const auto picture = frame.picture();
  auto result = make_av_frame();
  Frame* const handle = std::make_unique<Frame>(frame).release();  // freed by drop_frame()
  result->buf[0] = av_buffer_create(const_cast<std::uint8_t*>(picture.planes[0].data), frame.size_bytes(),
                                    drop_frame, handle, AV_BUFFER_FLAG_READONLY);
  if (result->buf[0] == nullptr) {
    drop_frame(handle, nullptr);
    throw std::bad_alloc();
  }
  result->width = picture.format.width;
  result->height = picture.format.height;
  result->format = encoder_format(picture.format);
  result->color_range = picture.format.range == ColorRange::Full ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
  result->colorspace = encoder_space(picture.format);
  for (int i = 0; i < picture.format.plane_count(); ++i) {
    const auto& plane = picture.planes[static_cast<std::size_t>(i)];
    result->data[i] = const_cast<std::uint8_t*>(plane.data);
    result->linesize[i] = static_cast<int>(plane.stride);
  }
  return result;
}

PictureFormat video_format(const PictureFormat& format) {
  auto result = format;
  if (is_packed_rgb(format.format)) result.range = ColorRange::Limited;
  result.space = core::choose_matrix(result);
  result.format = PixelFormat::I420;
  return result;
}

Frame as_video(const Frame& frame) {
  if (frame.format() == PixelFormat::I420) return frame;
  return converted(frame, video_format(frame.picture_format()));
}

Frame as_jpeg(const Frame& frame) {
  const PictureFormat to{frame.width(), frame.height(), PixelFormat::I420, ColorRange::Full,
                         ColorSpace::Bt601};
  if (is_packed_rgb(frame.format())) return converted(frame, to);
  const auto own = frame.picture_format();
  if (own.format == PixelFormat::I420 && has_jfif_colours(own)) return frame;
  FrameBuilder builder(to);
  auto picture = builder.picture();
  picture.format.range = own.range;
  picture.format.space = core::choose_matrix(own);
  convert(frame.picture(), picture);
  if (!has_jfif_colours(picture.format)) {
    std::vector<int> scratch;
    to_jfif_colours(picture, scratch);
  }
  return std::move(builder).publish(pixel_ops());
}

namespace {

/// Ticks per second: a multiple of the usual frame rates, as in MPEG.
constexpr int kTicks = 90000;
/// MPEG-4 part 2 stores it in 16 bits.
constexpr int kTicksMpeg4 = 60000;
constexpr int kMostEncoderThreads = 64;
constexpr double kHighestEncodedFps = 1000;

bool is_avi(const AVOutputFormat& container) {
  return std::string_view(container.name) == "avi";
}

bool is_mpeg2(const AVCodec& encoder) {
  return encoder.id == AV_CODEC_ID_MPEG1VIDEO || encoder.id == AV_CODEC_ID_MPEG2VIDEO;
}

/// Returns the lowest frame rate of MPEG-1 and MPEG-2 (ISO/IEC 13818-2, table 6-4) that is at least `fps`.
/// Above the highest, returns `fps`, which the encoder rejects.
AVRational mpeg2_rate(double fps) {
  constexpr std::array<AVRational, 8> kRates = {
      {{24000, 1001}, {24, 1}, {25, 1}, {30000, 1001}, {30, 1}, {50, 1}, {60000, 1001}, {60, 1}}};
  constexpr double kTolerance = 0.0005;  // less than the step from 29.97 to 30
  const auto* found = std::find_if(kRates.begin(), kRates.end(), [&](const AVRational& rate) {
    return av_q2d(rate) >= fps * (1 - kTolerance);
  });
  return found != kRates.end() ? *found : av_d2q(fps, kTicks);
}

/// AVI has no timestamps, and MPEG-1 and MPEG-2 count frames, so a tick is 1 / fps. In AVI, gaps are written
/// as empty frames.
AVRational time_base(const AVOutputFormat& container, const AVCodec& encoder, AVRational fps) {
  if (is_avi(container) || is_mpeg2(encoder)) return av_inv_q(fps);
  return {1, encoder.id == AV_CODEC_ID_MPEG4 ? kTicksMpeg4 : kTicks};
}

AVPixelFormat choose_pixel_format(const AVCodec& encoder) {
  return encoder.id == AV_CODEC_ID_MJPEG ? AV_PIX_FMT_YUVJ420P : AV_PIX_FMT_YUV420P;
}

/// Returns advice if the user set the speed option of another encoder.
std::string speed_advice(const std::string& name, const AVOutputFormat& container, bool chosen) {
  constexpr std::array<std::string_view, 5> kSpeeds = {"preset", "deadline", "cpu-used", "speed", "usage"};
  if (std::find(kSpeeds.begin(), kSpeeds.end(), name) == kSpeeds.end()) return {};
  const auto reason = chosen ? why_not_h264(container) : std::string();
  return "; preset= (slow, medium, fast, fastest) sets the speed of any encoder" +
         (reason.empty() ? "" : ", and " + reason);
}

void check_options(const std::string& what, const AVOutputFormat& container, const AVCodec& encoder,
                   const VideoFileOptions& wanted) {
  const AVClass* const common[] = {avcodec_get_class(), avformat_get_class()};
  const AVClass* const known[] = {common[0], common[1], encoder.priv_class, container.priv_class};
  for (const auto& [name, value] : wanted.options) {
    const bool found =
        std::any_of(std::begin(known), std::end(known), [key = name.c_str()](const AVClass* options_of) {
          return options_of != nullptr && av_opt_find(static_cast<void*>(&options_of), key, nullptr, 0,
                                                      AV_OPT_SEARCH_FAKE_OBJ) != nullptr;
        });
    if (found) continue;
    throw OptionError("cannot write " + what + ": FFmpeg's encoder " + encoder.name + " and its " +
                      container.name + " muxer have no option '" + name + "'" +
                      speed_advice(name, container, is_auto(wanted.codec)));
  }
}

}  // namespace

std::string codec_name(const AVOutputFormat& container, const VideoFileOptions& options) {
  return is_auto(options.codec) ? default_codec(container) : options.codec;
}

void check_encoding(const std::string& what, const AVOutputFormat& container,
                    const VideoFileOptions& options) {
  const auto name = codec_name(container, options);
  const AVCodec* encoder = find_video_encoder(name);
  if (encoder == nullptr || encoder->type != AVMEDIA_TYPE_VIDEO) {
    throw OptionError("cannot write " + what + ": the installed FFmpeg has no encoder for codec '" + name +
                      "'; for this container it has " + encodable_codecs(container));
  }
  if (!can_hold(container, encoder->id)) {
    throw OptionError("cannot write " + what + ": the container " + container.name + " cannot hold " + name +
                      "; it can hold " + encodable_codecs(container));
  }
  // FFmpeg does not expose what a GIF can hold, but its own encoder lists what it accepts.
  const AVCodec* own = avcodec_find_encoder(container.video_codec);
  for (const AVCodec* checked : {encoder, own}) {
    if (checked == nullptr || takes(*checked, choose_pixel_format(*checked))) continue;
    throw OptionError(
        "cannot write " + what + ": FFmpeg's encoder " + checked->name +
        " does not accept 4:2:0 video, to which all frames are converted: use another codec, or a name that "
        "ends in .mp4, .mkv or .webm");
  }
  check_options(what, container, *encoder, options);
  if (options.fps && !(*options.fps > 0 && *options.fps <= kHighestEncodedFps)) {
    throw OptionError("fps must be above 0 and at most 1000, got " + std::to_string(*options.fps));
  }
  if (options.crf < 0 || options.crf > kWorstQuality) {
    throw OptionError("crf must be 0 to 51, got " + std::to_string(options.crf));
  }
  if (options.threads < 1 || options.threads > kMostEncoderThreads) {
    throw OptionError("threads must be 1 to 64, got " + std::to_string(options.threads));
  }
}

FrameEncoder::FrameEncoder(std::string what, const AVOutputFormat& container, VideoFileOptions options)
    : what_(std::move(what)), container_(container), options_(std::move(options)), packet_(make_av_packet()) {
  install_ffmpeg_log();
}

void FrameEncoder::check_size(const PictureFormat& format) const {
  if (format.width % 2 != 0 || format.height % 2 != 0) {
    fail("width and height must be even for 4:2:0 video, got " + std::to_string(format.width) + "x" +
         std::to_string(format.height) + "; give the source an even size");
  }
}

Frame FrameEncoder::prepare_frame(const Frame& frame) const {
  return jpeg_ ? as_jpeg(frame) : as_video(frame);
}

CodecPtr FrameEncoder::set_up_codec(const AVCodec& encoder, const Frame& first, AVRational rate) const {
  auto codec = make_codec(&encoder);
  codec->width = first.width();
  codec->height = first.height();
  codec->framerate = rate;
  codec->time_base = time_base(container_, encoder, rate);
  const auto picture = to_av_frame(first);
  codec->pix_fmt = choose_pixel_format(encoder);
  codec->color_range = picture->color_range;
  codec->colorspace = picture->colorspace;
  codec->thread_count = options_.threads;
  if ((container_.flags & AVFMT_GLOBALHEADER) != 0) codec->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
  if (is_avi(container_)) codec->max_b_frames = 0;  // AVI has no timestamps, so B-frames would be read late
  set_up_quality(*codec, options_.crf, options_.preset);
  return codec;
}

Dictionary FrameEncoder::start(const Frame& first, double fps) {
  check_size(first.picture_format());
  const AVCodec* encoder = find_video_encoder(codec_name(container_, options_));
  jpeg_ = encoder->id == AV_CODEC_ID_MJPEG;
  const auto sample = prepare_frame(first);
  format_ = sample.picture_format();
  fps = std::clamp(fps, 1.0, kHighestEncodedFps);
  const bool guessed = !options_.fps;
  codec_ =
      set_up_codec(*encoder, sample, guessed && is_mpeg2(*encoder) ? mpeg2_rate(fps) : av_d2q(fps, kTicks));
  const FfmpegErrorCapture errors;
  Dictionary options(options_.options);
  const platform::DecimalPoint numbers;
  const int result = avcodec_open2(codec_.get(), encoder, options.out());
  if (result < 0) refuse(result, errors.in_brackets());
  return options;
}

void FrameEncoder::begin_again(const Frame& first) {
  const AVCodec& encoder = *codec_->codec;
  auto again = set_up_codec(encoder, first, codec_->framerate);
  const FfmpegErrorCapture errors;
  Dictionary options(options_.options);
  const platform::DecimalPoint numbers;
  const int result = avcodec_open2(again.get(), &encoder, options.out());
  if (result < 0) {
    failed_ = true;
    fail("the encoder " + std::string(encoder.name) + " could not start again: " + ffmpeg_text(result) +
         errors.in_brackets());
  }
  codec_ = std::move(again);
  held_ = 0;  // an aborted drain leaves the previous encoder's frames
  drained_ = failed_ = false;
}

void FrameEncoder::refuse(int result, const std::string& reason) {
  codec_.reset();
  const std::string name = find_video_encoder(codec_name(container_, options_))->name;
  fail("the encoder " + name + " could not start: " + ffmpeg_text(result) + reason);
}

bool FrameEncoder::fits(const Frame& frame) const {
  const auto format = video_format(frame.picture_format());
  if (format.width != format_.width || format.height != format_.height) return false;
  if (jpeg_) return true;  // as_jpeg() converts all frames to the same colours
  return format.range == format_.range && core::choose_matrix(format) == core::choose_matrix(format_);
}

void FrameEncoder::check_format(const PictureFormat& format) const {
  if (format.width != format_.width || format.height != format_.height) {
    fail("the size changed from " + std::to_string(format_.width) + "x" + std::to_string(format_.height) +
         " to " + std::to_string(format.width) + "x" + std::to_string(format.height) +
         "; all frames of a file must have the same size");
  }
  if (format.range != format_.range || core::choose_matrix(format) != core::choose_matrix(format_)) {
    fail("the colours changed from " + std::string(to_string(core::choose_matrix(format_))) + " " +
         std::string(to_string(format_.range)) + " range to " +
         std::string(to_string(core::choose_matrix(format))) + " " + std::string(to_string(format.range)) +
         " range; all frames of a file must have the same colours");
  }
}

std::int64_t FrameEncoder::ticks(double pts) {
  if (!std::isfinite(pts)) fail("a frame's pts is not a number");
  if (!first_pts_) {
    first_pts_ = last_pts_ = pts;
    return last_tick_ = 0;
  }
  if (pts < last_pts_) {
    fail("pts went back from " + std::to_string(last_pts_) + " to " + std::to_string(pts) +
         " s; all frames of a file must come from one source");
  }
  last_pts_ = pts;
  const auto exact = std::llround((pts - *first_pts_) / av_q2d(codec_->time_base));
  last_tick_ = std::max<std::int64_t>(last_tick_ + 1, exact);  // two frames cannot share a tick
  return last_tick_;
}

void FrameEncoder::encode(const Frame& frame, double pts, const PacketSink& sink, bool key) {
  check_size(frame.picture_format());
  const auto ready = prepare_frame(frame);
  check_format(ready.picture_format());
  if (first_pts_ && pts - last_pts_ > kPause) drain(sink);
  if (drained_) begin_again(ready);
  const auto picture = to_av_frame(ready);
  picture->format = codec_->pix_fmt;
  picture->pts = ticks(pts);
  if (key) picture->pict_type = AV_PICTURE_TYPE_I;
  if ((codec_->flags & AV_CODEC_FLAG_QSCALE) != 0) picture->quality = codec_->global_quality;
  check(avcodec_send_frame(codec_.get(), picture.get()));
  ++held_;
  receive(sink);
}

void FrameEncoder::drain(const PacketSink& sink, const std::function<bool()>& enough) {
  if (!has_started() || std::exchange(drained_, true)) return;
  check(avcodec_send_frame(codec_.get(), nullptr));
  receive(sink, enough);
}

void FrameEncoder::receive(const PacketSink& sink, const std::function<bool()>& enough) {
  while (!enough || !enough()) {
    const int result = avcodec_receive_packet(codec_.get(), packet_.get());
    if (result == AVERROR_EOF) held_ = 0;  // nothing is left, even if a frame produced no packet, or two
    if (result == AVERROR(EAGAIN) || result == AVERROR_EOF) return;
    check(result);
    held_ = std::max<std::int64_t>(0, held_ - 1);
    // A restarted encoder's dts starts before its first frame, so it may go backwards.
    if (packet_->dts != AV_NOPTS_VALUE) last_dts_ = packet_->dts = std::max(packet_->dts, last_dts_ + 1);
    sink(*packet_);
  }
}

void FrameEncoder::fail(const std::string& why) const {
  throw Error("cannot write " + what_ + ": " + why);
}

void FrameEncoder::check(int result) {
  if (result >= 0) return;
  failed_ = true;
  throw Error("cannot encode a frame of " + what_ + ": " + ffmpeg_text(result));
}

}  // namespace freshframe::media
