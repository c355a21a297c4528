// One connection to a network source: from its name to the packets of its video stream.
// SPDX-License-Identifier: Apache-2.0
#include "media/live_connection.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sstream>
#include <string_view>
#include <vector>

#include "media/ffmpeg_error.hpp"
#include "media/ffmpeg_log.hpp"
#include "media/quiet.hpp"
#include "media/resolver.hpp"
#include "media/url.hpp"

extern "C" {
#include <libavutil/pixdesc.h>
}

namespace freshframe {
namespace {

constexpr double kGoodbye = 0.1;  // seconds for RTSP's TEARDOWN
constexpr int kMostDamagedInRow = 100;
constexpr double kNap = 0.002;  // seconds, when FFmpeg has nothing and does not wait

/// What a server may make FFmpeg open beside what was asked for: the network, never a local file.
constexpr const char* kProtocols = "http,https,httpproxy,tcp,tls,udp,rtp,rtsp,crypto";

/// No probing beyond what is needed; a user's own options win.
Dictionary with_defaults(const std::map<std::string, std::string>& given, const LiveUrl& url) {
  Dictionary result(given);
  const auto set_default = [&](const char* key, const char* value) {
    if (given.find(key) == given.end()) result.set(key, value);
  };
  set_default("protocol_whitelist", kProtocols);
  set_default("fpsprobesize", "0");
  if (url.scheme == "rtsp") set_default("rtsp_flags", "prefer_tcp");
  return result;
}

SourceBook& entered(SourceBook& book, SourceState state) {
  book.enter(state);
  return book;
}

std::string streams_text(const AVFormatContext& input) {
  std::string text;
  for (unsigned i = 0; i < input.nb_streams; ++i) {
    const char* kind = av_get_media_type_string(input.streams[i]->codecpar->codec_type);
    text += (text.empty() ? "" : ", ") + std::string(kind != nullptr ? kind : "data");
  }
  return text.empty() ? "nothing" : text;
}

}  // namespace

LiveConnection::LiveConnection(const LiveUrl& url, const OpenOptions& options, const Context& context,
                               unsigned attempt)
    : url_(mask_passwords(url.text)),
      options_(options),
      book_(entered(context.counters.source(), SourceState::Connecting)),
      deadline_(std::chrono::steady_clock::now() + to_duration(Seconds(options.open_timeout))),
      stop_(context.stop),
      interrupt_(book_, context.stop) {
  const FfmpegErrorCapture errors(FfmpegErrorCapture::Purpose::Opening);
  try {
    connect(url, context, attempt);
  } catch (const SourceTimeout&) {
    throw;
  } catch (const SourceError& error) {
    throw SourceError(error.what() + errors.in_brackets(), error.url(), error.code());
  } catch (const Error& error) {
    throw SourceError("cannot open '" + url_ + "': " + error.what(), url_);
  }
}

LiveConnection::~LiveConnection() {
  const FfmpegErrorCapture errors;
  interrupt_.arm_closing(kGoodbye);
  decoder_.reset();
  input_.reset();
}

void LiveConnection::connect(const LiveUrl& url, const Context& context, unsigned attempt) {
  const auto places = targets(url, attempt);
  book_.enter(SourceState::Connecting);
  interrupt_.arm_at(deadline_);
  for (const auto& place : places) {
    Dictionary options = with_defaults(options_.options, url);
    try {
      open_container(place, options);
    } catch (const SourceTimeout&) {
      throw;
    } catch (const SourceError&) {
      if (&place == &places.back() || interrupt_.stopped()) throw;
      continue;  // one name, several addresses: refused by this one
    }
    if (!is_described()) find_streams();
    choose_stream();
    make_decoder(options);
    break;
  }
  describe();
  last_packet_ = context.clock.now();
}

/// The URLs to try: with the numeric addresses of its host, so that FFmpeg has nothing to look up.
std::vector<std::string> LiveConnection::targets(const LiveUrl& url, unsigned attempt) {
  if (url.host.empty() || is_address(url.host)) return {url.text};
  book_.enter(SourceState::Resolving);
  const auto answer = resolve_host(url.host, deadline_, stop_);
  if (interrupt_.stopped()) fail("stopped", ECANCELED);
  if (!answer) {
    std::ostringstream text;
    text << "the address of '" << url.host << "' was not found within " << options_.open_timeout << " s: '"
         << url_ << "'";
    throw SourceTimeout(text.str(), url_, ETIMEDOUT);
  }
  if (!url.may_use_address()) return {url.text};  // a proxy may know a name that this machine does not
  if (answer->addresses.empty()) {
    fail("the address of '" + url.host + "' was not found: " + answer->error, EHOSTUNREACH);
  }
  std::vector<std::string> result;
  for (const auto& address : answer->addresses) result.push_back(url.at(address));
  std::rotate(result.begin(), result.begin() + attempt % result.size(), result.end());
  return result;
}

void LiveConnection::open_container(const std::string& target, Dictionary& options) {
  AVFormatContext* input = avformat_alloc_context();
  if (input == nullptr) throw std::bad_alloc();
  input->interrupt_callback = interrupt_.callback();
  const int opened = avformat_open_input(&input, target.c_str(), nullptr, options.out());
  input_.reset(input);  // null after a failure: FFmpeg has freed it
  check_open();
  if (opened < 0) fail(ffmpeg_text(opened), ffmpeg_errno(opened));
}

/// RTSP says in words what will come. To look at packets as well would take FFmpeg a key frame and seven
/// frames more; the decoder finds the size out with the first.
bool LiveConnection::is_described() const {
  if (std::string_view(input_->iformat->name) != "rtsp") return false;
  for (unsigned i = 0; i < input_->nb_streams; ++i) {
    const auto& parameters = *input_->streams[i]->codecpar;
    if (parameters.codec_type == AVMEDIA_TYPE_VIDEO && parameters.codec_id != AV_CODEC_ID_NONE) return true;
  }
  return false;
}

void LiveConnection::find_streams() {
  std::vector<AVDictionary*> codec_options(std::max(1U, input_->nb_streams), nullptr);
  const auto given = options_.options.find("max_pixels");
  const auto most =
      given != options_.options.end() ? given->second : std::to_string(Decoder::kMostLivePixels);
  for (auto*& entry : codec_options) av_dict_set(&entry, "max_pixels", most.c_str(), 0);
  const int found = avformat_find_stream_info(input_.get(), codec_options.data());
  for (auto*& entry : codec_options) av_dict_free(&entry);
  check_open();
  if (found < 0) fail("its streams cannot be understood: " + ffmpeg_text(found), ffmpeg_errno(found));
}

void LiveConnection::choose_stream() {
  const int index = av_find_best_stream(input_.get(), AVMEDIA_TYPE_VIDEO, -1, -1, nullptr, 0);
  if (index == AVERROR_DECODER_NOT_FOUND) fail("this build of FFmpeg has no decoder for its video");
  if (index < 0) fail("it has no video; it contains " + streams_text(*input_));
  if (std::strcmp(input_->iformat->name, "tty") == 0) fail("it is text, not a video");
  stream_ = input_->streams[index];
  const auto& parameters = *stream_->codecpar;
  if (!is_described() && (parameters.width <= 0 || parameters.height <= 0)) {
    fail("nothing of its video (" + std::string(avcodec_get_name(parameters.codec_id)) + ") can be decoded");
  }
  for (unsigned i = 0; i < input_->nb_streams; ++i) {
    if (static_cast<int>(i) != index) input_->streams[i]->discard = AVDISCARD_ALL;
  }
}

void LiveConnection::make_decoder(Dictionary& options) {
  decoder_.emplace(*stream_,
                   DecoderSettings{.threads = options_.decoder_threads.value_or(1),
                                   .low_delay = true,
                                   .most_pixels = Decoder::kMostLivePixels},
                   options);
  if (const auto unknown = options.leftovers(); !unknown.empty()) {
    throw UnknownOption("cannot open '" + url_ + "': FFmpeg's " + input_->iformat->name + " reader and " +
                        decoder_->context().codec->name + " decoder know no option " + unknown);
  }
}

void LiveConnection::describe() {
  const auto& parameters = *stream_->codecpar;
  const char* pixel_format = av_get_pix_fmt_name(static_cast<AVPixelFormat>(parameters.format));
  const AVRational rate = av_guess_frame_rate(input_.get(), stream_, nullptr);
  info_.codec = avcodec_get_name(parameters.codec_id);
  info_.width = options_.width.value_or(parameters.width);
  info_.height = options_.height.value_or(parameters.height);
  if (rate.num > 0 && rate.den > 0 && !is_timeless()) {
    info_.fps = av_q2d(rate);
  }
  info_.pixel_format = pixel_format != nullptr ? pixel_format : "";
  info_.container = input_->iformat->name;
}

bool LiveConnection::next(AVPacket& packet, const Context& context) {
  interrupt_.arm_reading(options_.read_timeout, quiet_limit(interval_, options_.read_timeout));
  for (;;) {
    av_packet_unref(&packet);
    // Joining in the middle of a picture is no error, though FFmpeg's parser calls it one.
    const FfmpegErrorCapture errors(joined_ ? FfmpegErrorCapture::Purpose::Reader
                                            : FfmpegErrorCapture::Purpose::Opening);
    const int result = av_read_frame(input_.get(), &packet);
    if (result < 0 || packet.stream_index != stream_->index) interrupt_.look();
    if (interrupt_.stopped()) return false;
    if (interrupt_.timed_out()) {
      std::ostringstream text;
      text << "'" << url_ << "' sent nothing for " << options_.read_timeout << " s";
      throw SourceTimeout(text.str(), url_, ETIMEDOUT);
    }
    if (result == AVERROR(EAGAIN)) {
      if (!context.clock.sleep_until(context.clock.now() + to_duration(Seconds(kNap)), stop_)) return false;
    } else if (result == AVERROR_INVALIDDATA) {
      context.counters.drop(NodeDropCause::Decode);
      if (++damaged_in_row_ > kMostDamagedInRow) lose("it sends nothing but damaged packets", EBADMSG);
    } else if (result == AVERROR_EOF) {
      lose("the server ended the stream or closed the connection", ECONNRESET);
    } else if (result < 0) {
      lose(ffmpeg_text(result), ffmpeg_errno(result));
    } else if (packet.stream_index == stream_->index) {
      learn_interval(context);
      joined_ = joined_ || (packet.flags & AV_PKT_FLAG_KEY) != 0;
      return true;
    }
  }
}

void LiveConnection::learn_interval(const Context& context) {
  constexpr double kWeight = 0.1;
  const auto now = context.clock.now();
  const double interval = Seconds(now - last_packet_).count();
  interval_ = interval_ == 0 ? interval : interval_ + kWeight * (interval - interval_);
  last_packet_ = now;
  damaged_in_row_ = 0;
  book_.flow();
}

std::optional<double> LiveConnection::seconds(std::int64_t ticks) const {
  if (ticks == AV_NOPTS_VALUE || is_timeless()) return std::nullopt;
  return static_cast<double>(ticks) * av_q2d(stream_->time_base);
}

std::optional<double> LiveConnection::wall_clock(const AVPacket& packet) {
#if LIBAVCODEC_VERSION_MAJOR >= 60
  std::size_t size = 0;
#else
  size_t size = 0;
#endif
  const auto* data = av_packet_get_side_data(&packet, AV_PKT_DATA_PRFT, &size);
  if (data == nullptr || size < sizeof(AVProducerReferenceTime)) return std::nullopt;
  AVProducerReferenceTime time{};
  std::memcpy(&time, data, sizeof time);
  return static_cast<double>(time.wallclock) / 1e6;
}

bool LiveConnection::is_bursty() const {
  return std::string_view(input_->iformat->name) == "hls";
}

void LiveConnection::check_open() const {
  if (interrupt_.stopped()) fail("stopped", ECANCELED);
  if (!interrupt_.timed_out()) return;
  std::ostringstream text;
  text << "'" << url_ << "' was not opened within " << options_.open_timeout << " s";
  throw SourceTimeout(text.str(), url_, ETIMEDOUT);
}

void LiveConnection::fail(const std::string& why, int code) const {
  throw SourceError("cannot open '" + url_ + "': " + why, url_, code);
}

void LiveConnection::lose(const std::string& why, int code) const {
  throw SourceError("lost '" + url_ + "': " + why, url_, code);
}

}  // namespace freshframe
