// Opens a network stream with FFmpeg and reads its packets.
// SPDX-License-Identifier: Apache-2.0
#include "sources/network/input/input.hpp"

#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstring>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/real_deadline.hpp"
#include "media/ffmpeg/error.hpp"
#include "media/ffmpeg/options.hpp"
#include "media/ffmpeg/read/frame_maker.hpp"
#include "media/ffmpeg/read/probing.hpp"
#include "media/ffmpeg/read/read_packet.hpp"
#include "media/stream/reconnect.hpp"
#include "media/stream/stream_errors.hpp"
#include "platform/decimal_point.hpp"
#include "sources/network/input/video_choice.hpp"

extern "C" {
#include <libavutil/pixdesc.h>
}

namespace freshframe::media {

// Hooks every input that FFmpeg's demuxer opens: the stream itself gets a filter, and playlists are fetched
// again only when they have changed.

void OpenedInputs::install(AVFormatContext& input, bool waits) {
  waits_ = waits;
  open_ = input.io_open;
  input.opaque = this;
  input.io_open = &OpenedInputs::open;
}

int OpenedInputs::open(AVFormatContext* input, AVIOContext** io, const char* url, int flags,
                       AVDictionary** options) noexcept {
  auto& self = *static_cast<OpenedInputs*>(input->opaque);
  try {
    return self.open(*input, *io, url, flags, options);
  } catch (const std::exception&) {
    avio_closep(io);  // null is allowed
    return AVERROR(ENOMEM);
  }
}

int OpenedInputs::open(AVFormatContext& input, AVIOContext*& io, const std::string& given, int flags,
                       AVDictionary** options) {
  const auto url = access_.enter(given);
  if (is_open_ && playlists_.knows(url)) {
    const auto* wanted = options != nullptr ? *options : nullptr;
    const auto again = [&](AVIOContext*& made) { return open_again(input, made, url, wanted); };
    ++reloads_;
    return playlists_.reload(url, again, io);
  }
  playlists_.note_opened(url);
  const auto asked = std::chrono::steady_clock::now();
  const bool is_first = !is_open_ || options == nullptr;
  const int result =
      is_first ? ask(input, io, url, flags, options) : open_segment(input, io, url, flags, *options);
  uses_tls_ = uses_tls_ || (result >= 0 && protocol_text(*io, "location").starts_with("https:"));
  if (result < 0) return result;
  // FFmpeg aborts the process if the input of a persistent connection is not its own.
  if (waits_ && !opened_.empty()) tails_.watch(*io);
  const int looked = look_at(input, io, url, asked);
  if (looked < 0) avio_closep(&io);
  return looked < 0 ? looked : result;
}

namespace {

/// Returns true if repeating the request would give the same answer.
bool is_refusal(int result) {
  return result == AVERROR_HTTP_BAD_REQUEST || result == AVERROR_HTTP_UNAUTHORIZED ||
         result == AVERROR_HTTP_FORBIDDEN || result == AVERROR_HTTP_NOT_FOUND ||
         result == AVERROR_HTTP_OTHER_4XX || result == AVERROR_EXIT;
}

}  // namespace

int OpenedInputs::ask(AVFormatContext& input, AVIOContext*& io, const std::string& url, int flags,
                      AVDictionary** options) const {
  const int result =
      access_.open(io, url, options, [&](AVIOContext*& made, const std::string& asked, AVDictionary** left) {
        return open_(&input, &made, asked.c_str(), flags, left);
      });
  if (!access_.fault().empty()) interrupt_.end_call();
  return result;
}

/// Retries, because FFmpeg's HLS demuxer skips a segment after one failed request. Also opens init sections
/// and keys.
int OpenedInputs::open_segment(AVFormatContext& input, AVIOContext*& io, const std::string& url, int flags,
                               const AVDictionary* options) const {
  constexpr int kMostTries = 3;
  constexpr double kPause = 0.2;  // seconds
  for (int tries = 1;; ++tries) {
    Dictionary same;
    if (av_dict_copy(same.out(), options, 0) < 0) throw std::bad_alloc();
    const int result = ask(input, io, url, flags, same.out());
    if (result >= 0 || is_refusal(result) || tries == kMostTries) return result;
    if (!interrupt_.wait_until(core::real_deadline(Seconds(kPause)))) return AVERROR_EXIT;
  }
}

/// Fetches a playlist again.
int OpenedInputs::open_again(AVFormatContext& input, AVIOContext*& io, const std::string& url,
                             const AVDictionary* options) const {
  constexpr const char* kLimit = "rw_timeout";  // microseconds per read or write
  Dictionary same;
  if (options != nullptr && av_dict_copy(same.out(), options, 0) < 0) throw std::bad_alloc();
  const auto* given =
      av_dict_get(options, kLimit, nullptr, 0);  // "0" from FFmpeg's demuxer, if the user has not set it
  if (given == nullptr || std::string_view(given->value) == "0")
    same.set(kLimit, std::to_string(std::llround(patience_ * 1e6)));
  return ask(input, io, url, AVIO_FLAG_READ, same.out());
}

/// Inspects an input that was opened. The first call is for the stream itself; for a playlist, later calls
/// must leave FFmpeg's own `io` in place.
int OpenedInputs::look_at(AVFormatContext& input, AVIOContext*& io, const std::string& url, TimePoint asked) {
  if (const int result = playlists_.check_map(url, *io, !is_open_); result < 0) return result;
  const bool is_stream_itself = opened_.empty();
  if (!is_stream_itself) {
    std::optional<TsVideo> video;
    if (const int result = playlists_.check_video(*io, !is_open_, video); result < 0) return result;
    if (!is_open_) ends_.prepare_playlist(input, video);
  }
  if (opened_.size() >= kMostOpened) return 0;
  opened_.push_back(url);
  if (opened_.size() == 1 && ends_.put_filter(input, io)) return 0;
  return playlists_.add(url, *io, asked, waits_);
}

namespace {

constexpr double kSignOffTime = 0.1;  // time limit in seconds for RTSP's TEARDOWN

/// HLS option: FFmpeg's default starts three segments before the newest one.
constexpr const char* kStartOption = "live_start_index";

/// HLS option: whether FFmpeg refetches a playlist on the same connection. Then freshframe cannot choose the
/// moment.
constexpr const char* kPersistentOption = "http_persistent";

/// HLS option: whether FFmpeg opens a segment before it has read the previous one.
constexpr const char* kMultipleOption = "http_multiple";

/// Avoids unnecessary probing. The user's options take precedence.
Dictionary with_defaults(const std::map<std::string, std::string>& given, const core::LiveUrl& url) {
  Dictionary result(given);
  const auto set_default = [&](const char* key, const char* value) {
    if (!given.contains(key)) result.set(key, value);
  };
  set_default("protocol_whitelist", core::followed_protocols().c_str());
  set_default("fpsprobesize", "0");
  if (url.scheme == "rtsp") {
    set_default("rtsp_flags", "prefer_tcp");
    set_default("allowed_media_types",
                "video");  // with audio, FFmpeg shifts the timestamps at the first sender report
  }
  if (url.scheme == "http" || url.scheme == "https") {
    set_default(kStartOption, "-1");
    set_default(kPersistentOption, "0");
    set_default(kMultipleOption, "0");
  }
  return result;
}

std::string list_kinds(const AVFormatContext& input) {
  std::string text;
  for (unsigned i = 0; i < input.nb_streams; ++i) {
    const char* kind = av_get_media_type_string(input.streams[i]->codecpar->codec_type);
    text += (text.empty() ? "" : ", ") + std::string(kind != nullptr ? kind : "data");
  }
  return text.empty() ? "nothing" : text;
}

/// Formats a list as "0: 320x180 h264, 1: 640x360 h264".
std::string numbered(const std::vector<std::string>& videos) {
  std::string text;
  for (std::size_t i = 0; i < videos.size(); ++i) {
    text += (i == 0 ? "" : ", ") + std::to_string(i) + ": " + videos[i];
  }
  return text;
}

}  // namespace

LiveInput::LiveInput(SourceUrl url, OpenOptions options, std::stop_token stop, const LiveShared& shared)
    : url_(std::move(url)),
      secrets_(url_.live.text),
      options_(std::move(options)),
      interrupt_(std::move(stop)),
      learned_(shared.learned),
      kept_(shared.kept),
      access_(Dictionary(options_.options), [this] { interrupt_.end_call(); }),
      ends_(std::shared_ptr<std::atomic<bool>>(learned_, &learned_->believes_stuffing)),
      opened_(ends_, access_, interrupt_, learned_->grows, options_.read_timeout / 2),
      packet_(make_av_packet()) {}

LiveInput::~LiveInput() {
  const FfmpegErrorCapture errors;
  interrupt_.arm_closing(kSignOffTime);
  decoder_.reset();
  input_.reset();
}

void LiveInput::open(const std::string& target, TimePoint deadline) {
  const platform::DecimalPoint numbers;
  FfmpegErrorCapture errors(FfmpegErrorCapture::Purpose::Opening);
  errors.limit_redirects(kMostRedirects, [this] {
    redirects_again_ = true;
    interrupt_.abandon();
  });
  interrupt_.arm_at(deadline);
  const SegmentTails::Use reading(opened_.tails());
  const auto listening = access_.listen();
  try {
    Dictionary options = with_defaults(options_.options, url_.live);
    open_container(target, options, errors);
    if (!is_described() && !header_tells_all(*input_)) find_streams();
    choose_stream();
    make_decoder(options);
    describe();
    if (is_bursty()) program_time_.begin_times(opened_.first_time());
  } catch (const SourceTimeoutError& late) {
    throw SourceTimeoutError(access_.with_cause(late.what(), errors), late.url(), late.code());
  } catch (const SourceRefused&) {
    throw;
  } catch (const SourceError& error) {
    if (find_fault()) throw;
    throw SourceError(error.what() + access_.cause(errors), error.url(), error.code());
  } catch (const Error& error) {
    throw SourceError("cannot open '" + url_.masked + "': " + error.what() + access_.cause(errors),
                      url_.masked);
  }
}

void LiveInput::open_container(const std::string& target, Dictionary& options,
                               const FfmpegErrorCapture& errors) {
  AVFormatContext* input = avformat_alloc_context();
  if (input == nullptr) throw std::bad_alloc();
  input->interrupt_callback = interrupt_.callback();
  opened_.install(*input, !options_.options.contains(kPersistentOption));
  const int opened = avformat_open_input(&input, target.c_str(), nullptr, options.out());
  input_.reset(input);  // null after a failure, because FFmpeg has freed it
  for (const char* key : {kStartOption, kPersistentOption, kMultipleOption}) {
    if (!options_.options.contains(key)) options.remove(key);  // only HLS uses it up
  }
  // FFmpeg caches permanent redirects and follows a loop of them without a log message. If there is a message
  // (the name cannot be resolved, or the next address was connected to), the failure has another cause.
  redirects_again_ =
      redirects_again_ || (opened == AVERROR(EIO) && errors.ends_with_redirect() && errors.cause().empty());
  check_open();
  if (opened < 0) fail(ffmpeg_text(opened), opened);
  has_whole_pictures_ = ends_.begin_input(*input_);
  opened_.begin_input();
}

/// Returns true if the codec is known without probing, from the SDP (RTSP), the tables of a transport stream
/// or the packets read ahead. Probing would wait for a keyframe and seven more frames; the decoder gets the
/// size from the first frame.
bool LiveInput::is_described() const {
  const bool is_rtsp = std::string_view(input_->iformat->name) == "rtsp";
  if (!is_rtsp && !has_whole_pictures_ && first_packets_.empty()) return false;
  for (unsigned i = 0; i < input_->nb_streams; ++i) {
    const auto& parameters = *input_->streams[i]->codecpar;
    if (parameters.codec_type == AVMEDIA_TYPE_VIDEO && parameters.codec_id != AV_CODEC_ID_NONE) return true;
  }
  return false;
}

void LiveInput::find_streams() {
  const int found = must_read_ahead(*input_)
                        ? read_ahead(*input_, first_packets_)
                        : find_streams_within(*input_, Decoder::most_pixels(options_.options));
  check_open();
  if (found < 0) fail("no stream information found: " + ffmpeg_text(found), found);
}

void LiveInput::choose_stream() {
  const auto videos = describe_videos(*input_);
  if (videos.size() > 1) info_.renditions = videos;
  stream_ = chosen_video(*input_, parse_rendition(options_.rendition).value_or(Rendition{}));
  if (stream_ == nullptr) {
    if (videos.empty()) fail("it has no video; it contains " + list_kinds(*input_));
    if (chosen_video(*input_, {}) == nullptr) fail("this build of FFmpeg has no decoder for its video");
    fail("rendition=" + options_.rendition + " is not there or cannot be decoded; its videos are " +
         numbered(videos));
  }
  if (std::strcmp(input_->iformat->name, "tty") == 0) fail("it is text, not a video");
  time_base_ = stream_->time_base;
  const auto& parameters = *stream_->codecpar;
  if (!is_described() && (parameters.width <= 0 || parameters.height <= 0)) {
    fail("no frame of its video (" + std::string(avcodec_get_name(parameters.codec_id)) + ") can be decoded");
  }
  tell_choice();
  for (unsigned i = 0; i < input_->nb_streams; ++i) {
    if (input_->streams[i] != stream_) input_->streams[i]->discard = AVDISCARD_ALL;
  }
}

void LiveInput::tell_choice() const {
  if (info_.renditions.empty()) return;
  const auto& parameters = *stream_->codecpar;
  log(LogLevel::Info, "'" + url_.masked + "' has several videos (" + numbered(info_.renditions) + "); " +
                          std::to_string(parameters.width) + "x" + std::to_string(parameters.height) +
                          " is read, as rendition=\"" + options_.rendition + "\" says");
}

void LiveInput::make_decoder(Dictionary& options) {
  decoder_ = kept_->take_or_make({*stream_->codecpar, stream_->time_base, input_->iformat->name}, url_.masked,
                                 options_, options);
}

void LiveInput::describe() {
  const auto& parameters = *stream_->codecpar;
  const char* pixel_format = av_get_pix_fmt_name(static_cast<AVPixelFormat>(parameters.format));
  const AVRational rate = av_guess_frame_rate(input_.get(), stream_, nullptr);
  info_.codec = avcodec_get_name(parameters.codec_id);
  const FrameSize stored{parameters.width, parameters.height};
  const auto size = wanted_size(options_).value_or(turned(stored, turn().then(wanted_quarters(options_))));
  info_.width = size.width;
  info_.height = size.height;
  if (rate.num > 0 && rate.den > 0 && !is_timeless()) {
    info_.fps = av_q2d(rate);
  }
  info_.pixel_format = pixel_format != nullptr ? pixel_format : "";
  info_.container = input_->iformat->name;
  if (url_.live.scheme == "rtsp" || url_.live.scheme == "rtsps") info_.client = "ffmpeg";
}

std::optional<double> LiveInput::program_time(const AVPacket& packet) {
  const auto time = seconds(packet.dts != AV_NOPTS_VALUE ? packet.dts : packet.pts);
  const auto shown = seconds(packet.pts);
  if (!time || !shown) return std::nullopt;
  const auto unix_time = program_time_.at(*time);
  return unix_time ? std::optional(*unix_time + *shown - *time) : std::nullopt;
}

int LiveInput::read() {
  av_packet_unref(packet_.get());
  // Joining in the middle of a frame is not an error, although FFmpeg's parser logs one.
  const FfmpegErrorCapture errors(joined_ ? FfmpegErrorCapture::Purpose::Reader
                                          : FfmpegErrorCapture::Purpose::Opening);
  const auto listening = access_.listen();
  const SegmentTails::Use reading(opened_.tails());
  const platform::DecimalPoint numbers;
  const int result = read_next();
  const bool ours = result >= 0 && is_video(*packet_);
  if (!ours) interrupt_.look();
  joined_ = joined_ || (ours && (packet_->flags & AV_PKT_FLAG_KEY) != 0);
  return result;
}

/// Reads into packet_, and inspects it.
int LiveInput::read_next() {
  const auto take = [&](std::deque<AvPacketPtr>& packets) {
    packet_ = std::move(packets.front());
    packets.pop_front();
    return 0;
  };
  for (;;) {
    if (!pictures_.empty()) return take(pictures_);
    const int result = first_packets_.empty() ? read_packet(*input_, *packet_) : take(first_packets_);
    if (result == AVERROR_EOF && parser_) {
      parser_->finish(stream_->index, pictures_);
      if (!pictures_.empty()) return take(pictures_);  // at the next call, FFmpeg reports the end again
    }
    if (result < 0 || !is_video(*packet_)) return result;
    if (!parser_) ends_.look_at(*packet_, *input_);
    if (!ends_.takes_parts()) return result;
    if (!parser_) parser_.emplace(*stream_->codecpar);
    parser_->add(*packet_, pictures_);
    av_packet_unref(packet_.get());
  }
}

std::string LiveInput::other_beginning() const {
  if (opened_.playlists().has_other_map() || ends_.has_other_parameters())
    return "it continues with other parameters, such as another size, which requires a new connection";
  if (opened_.playlists().has_other_video())
    return "it continues with another codec or another stream, which requires a new connection";
  if (auto fault = find_fault()) return std::move(fault->why);
  if (opened_.playlists().begin_again())
    return "its playlist started again before all of its segments were read";
  return {};
}

std::optional<double> LiveInput::seconds(std::int64_t ticks) const {
  if (ticks == AV_NOPTS_VALUE || is_timeless()) return std::nullopt;
  return static_cast<double>(ticks) * av_q2d(time_base_);
}

bool LiveInput::is_bursty() const {
  return std::string_view(input_->iformat->name) == "hls";
}

bool LiveInput::is_over_tls() const {
  return url_.live.is_over_tls() || opened_.uses_tls() || std::string_view(input_->url).starts_with("rtsps:");
}

/// Returns true at the end of an HTTP file or of a complete playlist, including one completed after it was
/// opened.
bool LiveInput::is_over() const {
  if (is_bursty()) return input_->duration > 0 || opened_.playlists().are_over();
  AVIOContext* file = input_->pb;
  if (file == nullptr || file->error < 0) return false;
  const std::int64_t size = avio_size(file);
  const bool cut_off = file->eof_reached != 0 && avio_tell(file) < size;
  return size > 0 && !cut_off;
}

bool LiveInput::connects_again() const {
  if (!url_.is_over_http()) return false;
  const std::string_view name = input_->iformat->name;
  const bool seeks = input_->pb != nullptr && (input_->pb->seekable & AVIO_SEEKABLE_NORMAL) != 0;
  const bool told = std::any_of(options_.options.begin(), options_.options.end(),
                                [](const auto& option) { return option.first.rfind("reconnect", 0) == 0; });
  return name == "hls" || name == "dash" || seeks || told;
}

std::string LiveInput::trouble() const {
  const int code = opened_.playlists().trouble();
  return code < 0 ? "its playlist does not arrive: " + ffmpeg_text(code) : std::string();
}

std::optional<LiveInput::Fault> LiveInput::find_fault() const {
  if (redirects_again_) return Fault{kRedirectLoop, ELOOP};
  if (opened_.names_itself()) return Fault{kPlaylistLoop, ELOOP};
  if (const auto fault = opened_.playlists().fault(); !fault.empty()) return Fault{fault, ENOTSUP};
  if (!access_.fault().empty()) return Fault{access_.fault(), EPROTO};
  return std::nullopt;
}

void LiveInput::check_open() const {
  if (interrupt_.is_stopped()) fail("stopped", AVERROR(ECANCELED));
  if (const auto fault = find_fault()) fail(fault->why, AVERROR(fault->code));
  if (interrupt_.timed_out()) throw_not_opened(url_.masked, options_.open_timeout);
}

std::string LiveInput::reason(int error) const {
  return access_.reason(error, ffmpeg_text(error));
}

void LiveInput::fail(const std::string& why, int error) const {
  const auto known = failure();
  throw SourceError(
      "cannot open '" + url_.masked + "': " + (known.empty() ? access_.reason(error, why) : known),
      url_.masked, known.empty() ? ffmpeg_errno(error) : EMSGSIZE);
}

}  // namespace freshframe::media
