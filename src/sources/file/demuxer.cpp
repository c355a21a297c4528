// Reads the packets of one video stream from a local file or over HTTP.
// SPDX-License-Identifier: Apache-2.0
#include "sources/file/demuxer.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <deque>
#include <iterator>
#include <limits>
#include <span>
#include <sstream>
#include <string_view>
#include <utility>
#include <vector>

#include "core/ascii.hpp"
#include "media/ffmpeg/error.hpp"
#include "media/ffmpeg/log.hpp"
#include "media/ffmpeg/read/io_text.hpp"
#include "media/ffmpeg/read/probing.hpp"
#include "media/ffmpeg/read/read_packet.hpp"
#include "media/stream/playlist.hpp"
#include "platform/decimal_point.hpp"
#include "sources/file/path_fault.hpp"

namespace freshframe::media {

namespace {

/// More damaged packets in a row than this mean a failing disk or a file that is not a video.
constexpr int kMostDamagedInRow = 1000;

/// Describes the streams other than video: "audio (mp3), subtitle (subrip)".
std::string streams_text(const AVFormatContext& input) {
  std::string text;
  for (unsigned i = 0; i < input.nb_streams; ++i) {
    if (!text.empty()) text += ", ";
    text += describe_kind(*input.streams[i]);
  }
  return text.empty() ? "no streams at all" : text;
}

/// Returns true for formats that hold a single image, so that whatever was appended to the file can be
/// ignored (a thumbnail, a video, remains of an older file). Not for Netpbm, whose files may contain several
/// images.
bool is_one_picture(const AVInputFormat& format) {
  const std::string_view name = format.name;
  constexpr std::array<std::string_view, 4> kSeveral{"pbm_pipe", "pgm_pipe", "ppm_pipe", "pam_pipe"};
  return name.ends_with("_pipe") && std::find(kSeveral.begin(), kSeveral.end(), name) == kSeveral.end();
}

bool is_matroska(const AVFormatContext& input) {
  return std::string_view(input.iformat->name).starts_with("matroska,");
}

std::string find_suffix(const std::string& name) {
  const auto path = name.substr(0, name.find('?'));  // path of a URL
  const auto dot = path.rfind('.');
  const bool in_name = dot != std::string::npos && path.find('/', dot) == std::string::npos;
  return in_name ? core::lower_case(path.substr(dot)) : std::string();
}

/// Duration of the encoder's priming samples at the start of the packet, in ticks. Players skip these
/// samples, and FFmpeg leaves them out of the stream's start time.
std::int64_t silent_ticks(const AVPacket& packet, const AVStream& stream) {
  std::size_t size = 0;
  const auto* data = av_packet_get_side_data(&packet, AV_PKT_DATA_SKIP_SAMPLES, &size);
  const int rate = stream.codecpar->sample_rate;
  if (data == nullptr || size < sizeof(std::uint32_t) || rate <= 0) return 0;
  std::uint32_t samples = 0;  // little-endian
  for (std::size_t i = sizeof samples; i > 0; --i) samples = samples << 8U | data[i - 1];
  return av_rescale_q(samples, {1, rate}, stream.time_base);
}

/// FFmpeg would render a text file as the screen of an ANSI terminal.
bool is_text(const AVFormatContext& input) {
  return std::strcmp(input.iformat->name, "tty") == 0;
}

/// Returns true if the GIF trailer byte follows the last packet, which ends at offset `packet_end`. Data may
/// follow it.
bool is_after_trailer(const AVFormatContext& input, std::int64_t packet_end) {
  constexpr int kTrailer = ';';
  if (std::strcmp(input.iformat->name, "gif") != 0 || packet_end <= 0) return false;
  return avio_seek(input.pb, packet_end, SEEK_SET) >= 0 && avio_r8(input.pb) == kTrailer;
}

/// Returns true for video or audio in the same program as `video`. Other programs have their own clock.
bool has_pictures_or_sound(AVFormatContext& input, const AVStream& video, const AVStream& stream) {
  const bool sound = stream.codecpar->codec_type == AVMEDIA_TYPE_AUDIO;
  if (!sound && !is_whole_video(stream)) return false;
  const AVProgram* program = av_find_program_from_stream(&input, nullptr, video.index);
  if (program == nullptr) return true;
  const auto members = std::span(program->stream_index, program->nb_stream_indexes);
  return std::find(members.begin(), members.end(), static_cast<unsigned>(stream.index)) != members.end();
}

/// FFmpeg's index of an MP4 stops where a table is damaged. Damage shortens only the index; an edit list
/// shortens the duration as well.
std::int64_t count_missing_entries(const AVFormatContext& input, AVStream& stream) {
  const bool mov = std::string_view(input.iformat->name).rfind("mov,", 0) == 0;
  const int entries = avformat_index_get_entries_count(&stream);
  if (!mov || entries < 2 || stream.nb_frames <= entries || stream.duration <= 0) return 0;
  // Doubles, because the difference of two timestamps of a damaged file can overflow 64 bits.
  const auto first = static_cast<double>(avformat_index_get_entry(&stream, 0)->timestamp);
  const auto last = static_cast<double>(avformat_index_get_entry(&stream, entries - 1)->timestamp);
  const double step = (last - first) / (entries - 1);
  const double rest = static_cast<double>(stream.duration) - (last - first) - step;
  return rest > 1.5 * step ? stream.nb_frames - entries : 0;
}

}  // namespace

Demuxer::Demuxer(DemuxerSettings settings, Dictionary& options)
    : settings_(std::move(settings)),
      secrets_(settings_.remote ? settings_.path : std::string()),
      interrupt_(settings_.stop),
      access_(options.copy(), [this] { interrupt_.end_call(); }) {
  install_ffmpeg_log();
  if (const auto fault = settings_.remote ? std::nullopt : path_fault(settings_.path, settings_.url)) {
    fail(fault->why, AVERROR(fault->code));
  }
  const FfmpegErrorCapture errors;
  const auto listening = access_.listen();
  interrupt_.arm(settings_.open_timeout);
  Dictionary again = options.copy();
  open_file(options, errors);
  try {
    open_container(options);
    if (errors.met_stream_limit()) {  // the tables are damaged or change: take the streams from the packets
      all_streams_ = true;
      input_.reset();
      open_file(again, errors);
      open_container(again);
    }
    choose_stream();
    damaged_times_ = errors.met_damaged_times();
    find_origin();
    second_index_ = second_index_ || errors.met_second_index();
  } catch (const SourceTimeoutError&) {
    throw;
  } catch (const SourceError& error) {
    if (!access_.fault().empty()) throw;
    throw SourceError(error.what() + access_.cause(errors), error.url(), error.code());
  }
  interrupt_.disarm();
}

/// Without the prefix, FFmpeg would take a file name such as "http:x" or "concat:a" for a protocol.
std::string Demuxer::address() const {
  return settings_.remote ? settings_.path : "file:" + settings_.path;
}

void Demuxer::look_at_begin() {
  std::array<char, 12> bytes{};
  const int read =
      avio_read(&io(), reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  check_interrupt("opened", settings_.open_timeout);
  avio_seek(&io(), 0, SEEK_SET);
  const std::string_view begin(bytes.data(), static_cast<std::size_t>(std::max(read, 0)));
  constexpr std::string_view kJpegLs = "\xFF\xD8\xFF\xF7";  // JPEG-LS has its own demuxer
  jpeg_ = begin.starts_with("\xFF\xD8\xFF") && !begin.starts_with(kJpegLs);
  heif_ = begin.size() == bytes.size() && begin.substr(4, 4) == "ftyp" && is_heif_brand(begin.substr(8));
}

/// Chooses the demuxer by content, then by the file name's suffix.
/// A JPEG is read as a photo, even with data after it, unless its suffix is one of Motion JPEG, or FFmpeg
/// detects Motion JPEG and the file has no list of embedded images. (The metadata of a photo can push the
/// markers that FFmpeg looks for out of the probed bytes.)
/// FFmpeg prefers image2 for most images, which ignores the open file and treats the name as a pattern. So
/// image2 is the last choice, with patterns off; before it, low scores are rejected, because the pixels of a
/// TGA may look like audio.
const AVInputFormat* Demuxer::choose_format(Dictionary& options) {
  look_at_begin();
  const auto suffix = find_suffix(settings_.path);
  constexpr std::array<std::string_view, 5> kPhotos{".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"};
  if (jpeg_ && (suffix == ".mjpeg" || suffix == ".mjpg")) return av_find_input_format("mjpeg");
  if (jpeg_ && std::find(kPhotos.begin(), kPhotos.end(), suffix) != kPhotos.end()) {
    return av_find_input_format("jpeg_pipe");
  }
  constexpr int kLeastOfPictures = AVPROBE_SCORE_EXTENSION / 8;  // the score of FFmpeg's jpeg_pipe
  for (const std::string& name : {settings_.path, std::string()}) {
    const AVInputFormat* format = nullptr;
    const int result = av_probe_input_buffer2(&io(), &format, name.c_str(), nullptr, 0, 0);
    check_interrupt("opened", settings_.open_timeout);
    const bool film = result >= 0 && std::strcmp(format->name, "mjpeg") == 0;
    if (jpeg_ && (!film || lists_pictures(io()))) return av_find_input_format("jpeg_pipe");
    const bool sure = name == settings_.path || result >= kLeastOfPictures;
    if (result >= 0 && sure && std::strcmp(format->name, "image2") != 0) return format;
    if (result < 0 && name == settings_.path) {
      fail("it is damaged, cut off or not a video: " + ffmpeg_text(result), result);
    }
  }
  options.set("pattern_type", "none");
  return av_find_input_format("image2");
}

void Demuxer::open_container(Dictionary& options) {
  const AVInputFormat* format = choose_format(options);
  AVFormatContext* input = avformat_alloc_context();
  if (input == nullptr) throw std::bad_alloc();
  if ((format->flags & AVFMT_NOFILE) == 0) input->pb = &io();
  input->interrupt_callback = interrupt_.callback();
  open_part_ = input->io_open;
  input->opaque = this;
  input->io_open = &Demuxer::open_part;
  if (is_one_picture(*format) && avio_size(&io()) > 0) input->flags |= AVFMT_FLAG_NOPARSE;
  const platform::DecimalPoint numbers;
  const int opened = avformat_open_input(&input, address().c_str(), format, options.out());
  input_.reset(input);  // null after a failure, because FFmpeg has freed it
  check_interrupt("opened", settings_.open_timeout);
  if (!playlist_fault_.empty()) fail(playlist_fault_, AVERROR(ENOTSUP));
  if (opened < 0 && heif_) {
    fail("this build of FFmpeg cannot read a HEIC or AVIF image like this one; convert it to JPEG or PNG",
         opened);
  }
  if (opened < 0) fail("it is damaged, cut off or not a video: " + ffmpeg_text(opened), opened);
  if (is_text(*input_)) fail("it is text, not a video");
  if (!settings_.probe && !settings_.video && header_tells_all(*input_)) return;
  // if false, a parser must join the pieces of frames
  const bool is_whole = is_picture() && avio_size(&io()) > 0;
  if (!is_whole) find_streams();
}

/// If the header lists no streams, FFmpeg discovers them while probing, and would decode images of any size.
/// So the first packets are read once to find the streams, and then again.
void Demuxer::find_streams() {
  const std::int64_t start = avio_tell(input_->pb);
  if (all_streams_) {
    read_all_ahead();
    read_again_from(start);
  } else if (must_read_ahead(*input_)) {
    std::deque<AvPacketPtr> packets;
    static_cast<void>(read_ahead(*input_, packets));  // the error occurs again on the second read
    check_interrupt("opened", settings_.open_timeout);
    if (!packets.empty()) read_again_from(start);
  }
  const int found = find_streams_within(*input_, settings_.most_pixels);
  check_interrupt("opened", settings_.open_timeout);
  if (found < 0) fail("no stream information found: " + ffmpeg_text(found), found);
}

void Demuxer::read_all_ahead() {
  const auto packet = make_av_packet();
  for (std::int64_t bytes = 0; bytes < input_->probesize;) {
    if (av_read_frame(input_.get(), packet.get()) < 0) break;
    bytes += packet->size + 1;
    av_packet_unref(packet.get());
  }
  check_interrupt("opened", settings_.open_timeout);
}

void Demuxer::read_again_from(std::int64_t start) {
  if (avio_size(&io()) < 0) {  // FFmpeg cannot seek by bytes in an input of unknown size
    if (avio_seek(&io(), start, SEEK_SET) < 0) fail("its beginning cannot be read again");
    avformat_flush(input_.get());
    return;
  }
  const int back = avformat_seek_file(input_.get(), -1, 0, start, start, AVSEEK_FLAG_BYTE);
  if (back < 0) fail("its beginning cannot be read again: " + ffmpeg_text(back), back);
}

/// Reads until each video has two packets. A still image has only one.
std::map<int, std::int64_t> Demuxer::count_first_packets() {
  std::map<int, std::int64_t> counts;
  const auto streams = std::span(input_->streams, input_->nb_streams);
  const auto is_counted = [&](const AVStream* stream) {
    return !is_whole_video(*stream) || counts[stream->index] > 1;
  };
  for (std::int64_t bytes = 0; bytes < input_->probesize && !std::ranges::all_of(streams, is_counted);) {
    Ahead ahead{.packet = make_av_packet()};
    ahead.result = read_any(*ahead.packet);
    ahead.complained = std::exchange(complained_, false);
    const bool is_packet = ahead.result == Result::Packet;
    if (is_packet) {
      bytes += ahead.packet->size + 1;
      ++counts[ahead.packet->stream_index];
    }
    ahead_.push_back(std::move(ahead));
    if (!is_packet) break;
  }
  return counts;
}

void Demuxer::choose_stream() {
  const bool counted = !is_picture() && must_count_packets(*input_);
  videos_ = list_videos(*input_, counted ? count_first_packets() : std::map<int, std::int64_t>());
  if (videos_.empty()) fail("it has no video; it contains " + streams_text(*input_));
  if (settings_.video) {
    if (const auto fault = stream_fault(*input_, videos_, *settings_.video)) fail(*fault, AVERROR(EINVAL));
    stream_ = input_->streams[*settings_.video];
  } else {
    stream_ = is_picture() ? choose_image(*input_) : choose_video(videos_);
    if (stream_ == nullptr) {
      fail("this build of FFmpeg has no decoder for its video; it contains " + streams_text(*input_));
    }
  }
  check_stream();
  for (AVStream* other : std::span(input_->streams, input_->nb_streams)) {
    const bool may_go_on = skips_new_streams(*input_) && other->codecpar->codec_type == AVMEDIA_TYPE_VIDEO;
    if (other != stream_ && !may_go_on) other->discard = AVDISCARD_ALL;
  }
}

void Demuxer::check_stream() const {
  const auto tiles = std::ranges::count_if(videos_, [](const FileVideo& video) {
    return (video.stream->disposition & AV_DISPOSITION_DEPENDENT) != 0;
  });
  if (tiles > 0 && (heif_ || !is_whole_video(*stream_))) {
    fail("its image consists of " + std::to_string(tiles) +
         " tiles, which freshframe does not join; convert it to JPEG or PNG");
  }
  if (!settings_.video && !is_whole_video(*stream_)) {
    fail("its only video is a cover image; it contains " + streams_text(*input_));
  }
  if (!is_picture() && (stream_->codecpar->width <= 0 || stream_->codecpar->height <= 0)) {
    fail("no frame of its video (" + std::string(avcodec_get_name(stream_->codecpar->codec_id)) +
         ") can be decoded; it is damaged or cut off");
  }
}

std::int64_t Demuxer::unread_packets() const {
  const bool may_continue = skips_new_streams(*input_) && !settings_.video;
  return may_continue ? spans_.packets_apart_from(stream_->index) : 0;
}

bool Demuxer::lacks_times() const {
  const std::string_view name = input_->iformat->name;
  return (input_->iformat->flags & AVFMT_NOTIMESTAMPS) != 0 || name == "avi" || name == "mpegvideo";
}

/// Players start a file at its first video or audio, so the video's first timestamp is not always 0. Audio
/// before time 0 is the encoder's priming, which players skip.
void Demuxer::find_origin() {
  std::map<int, std::int64_t> starts;
  for (const AVStream* stream : std::span(input_->streams, input_->nb_streams)) {
    if (stream->start_time != AV_NOPTS_VALUE) starts[stream->index] = stream->start_time;
  }
  const bool timed = !is_picture() && !lacks_times();
  if (timed && !starts.contains(stream_->index)) starts = read_starts(std::move(starts));
  if (!starts.contains(stream_->index)) return;
  origin_ = starts[stream_->index];
  for (const auto& [index, ticks] : starts) {
    const AVStream& stream = *input_->streams[index];
    if (!has_pictures_or_sound(*input_, *stream_, stream)) continue;
    const auto start = av_rescale_q_rnd(ticks, stream.time_base, stream_->time_base, AV_ROUND_DOWN);
    origin_ = std::min(origin_, std::max<std::int64_t>(start, 0));
  }
}

/// Adds the timestamps of the first packets of streams whose start the header does not contain.
std::map<int, std::int64_t> Demuxer::read_starts(std::map<int, std::int64_t> starts) {
  const auto streams = std::span(input_->streams, input_->nb_streams);
  const auto is_known = [&](const AVStream* stream) {
    return starts.contains(stream->index) || !has_pictures_or_sound(*input_, *stream_, *stream);
  };
  std::vector<AVStream*> watched;
  std::copy_if(streams.begin(), streams.end(), std::back_inserter(watched),
               [&](const AVStream* stream) { return !is_known(stream) && stream->discard == AVDISCARD_ALL; });
  for (AVStream* stream : watched) stream->discard = AVDISCARD_DEFAULT;
  const auto note_start = [&](const AVPacket& packet) {
    const auto time = packet.pts != AV_NOPTS_VALUE ? packet.pts : packet.dts;
    if (time == AV_NOPTS_VALUE) return;
    const auto silent = silent_ticks(packet, *input_->streams[packet.stream_index]);
    starts.try_emplace(packet.stream_index, av_sat_add64(time, silent));
  };
  for (const auto& ahead : ahead_) {
    if (ahead.result == Result::Packet) note_start(*ahead.packet);
  }
  for (std::int64_t bytes = 0; bytes < input_->probesize;) {
    if (std::all_of(streams.begin(), streams.end(), is_known)) break;
    Ahead ahead{.packet = make_av_packet()};
    ahead.result = read_any(*ahead.packet);
    ahead.complained = std::exchange(complained_, false);
    if (ahead.result != Result::Packet) {
      ahead_.push_back(std::move(ahead));
      break;
    }
    const auto& packet = *ahead.packet;
    note_start(packet);
    bytes += packet.size + 1;
    if (packet.stream_index == stream_->index) ahead_.push_back(std::move(ahead));
  }
  for (AVStream* stream : watched) stream->discard = AVDISCARD_ALL;
  return starts;
}

Demuxer::Result Demuxer::next(AVPacket& packet) {
  complained_ = false;
  while (!ahead_.empty()) {
    const auto ahead = std::move(ahead_.front());
    ahead_.pop_front();
    if (ahead.result == Result::Packet && ahead.packet->stream_index != stream_->index) continue;
    complained_ = ahead.complained;
    av_packet_move_ref(&packet, ahead.packet.get());
    return ahead.result;
  }
  for (;;) {
    const auto result = read_any(packet);
    if (result != Result::Packet || packet.stream_index == stream_->index) return result;
    av_packet_unref(&packet);
  }
}

/// Fills `packet` with the next packet of any stream.
Demuxer::Result Demuxer::read_any(AVPacket& packet) {
  interrupt_.arm(settings_.read_timeout);
  const FfmpegErrorCapture errors(FfmpegErrorCapture::Purpose::Reader);
  const auto listening = access_.listen();
  const int result = read_packet(*input_, packet);
  complained_ = complained_ || !errors.cause().empty();
  second_index_ = second_index_ || errors.met_second_index();
  if (interrupt_.is_stopped()) return Result::Stopped;
  check_interrupt("read", settings_.read_timeout);
  interrupt_.disarm();
  if (ends_with_error_ && io().error == AVERROR(EIO) && result == AVERROR(EIO)) return Result::End;
  if ((result < 0 || complained_) && is_after_trailer(*input_, packet_end_)) {
    complained_ = false;
    return Result::End;
  }
  if (result == AVERROR_EOF) {
    if (io().error < 0) lose(io().error);  // some demuxers treat a failing disk as the end
    return Result::End;
  }
  if (result < 0) {
    if (++damaged_in_row_ > kMostDamagedInRow) lose(result);
    return Result::Damaged;
  }
  damaged_in_row_ = 0;
  packet_end_ = packet.pos + packet.size;
  const auto& parameters = *input_->streams[packet.stream_index]->codecpar;
  if (parameters.codec_type == AVMEDIA_TYPE_VIDEO) spans_.add(packet.stream_index, packet.pos);
  return Result::Packet;
}

bool Demuxer::rewind() {
  // These demuxers estimate byte positions from timestamps, and may seek past the first frame.
  constexpr int kInexact = AVFMT_TS_DISCONT | AVFMT_NOTIMESTAMPS | AVFMT_GENERIC_INDEX;
  if ((input_->iformat->flags & kInexact) != 0) return false;
  const auto start = stream_->start_time != AV_NOPTS_VALUE ? stream_->start_time : 0;
  interrupt_.arm(settings_.read_timeout);
  const FfmpegErrorCapture errors;
  const auto listening = access_.listen();
  const int result = av_seek_frame(input_.get(), stream_->index, start, AVSEEK_FLAG_BACKWARD);
  interrupt_.disarm();
  if (result >= 0) ahead_.clear();
  return result >= 0;
}

bool Demuxer::jump(std::int64_t ticks) {
  const bool indexed = std::string_view(input_->iformat->name).rfind("mov,", 0) == 0;
  if (!indexed || stream_->nb_frames <= 0) return false;
  interrupt_.arm(settings_.read_timeout);
  const FfmpegErrorCapture errors;
  const auto listening = access_.listen();
  const int result = av_seek_frame(input_.get(), stream_->index, ticks, AVSEEK_FLAG_BACKWARD);
  interrupt_.disarm();
  if (result >= 0) ahead_.clear();
  return result >= 0;
}

std::optional<std::int64_t> Demuxer::frames_before(const AVPacket& packet) const {
  std::int64_t frames = 0;
  const int entries = avformat_index_get_entries_count(stream_);
  for (int i = 0; i < entries; ++i) {
    const AVIndexEntry& entry = *avformat_index_get_entry(stream_, i);
    if (entry.pos == packet.pos && entry.timestamp == packet.dts) return frames;
    if ((entry.flags & AVINDEX_DISCARD_FRAME) == 0 && entry.size > 0) ++frames;
  }
  return std::nullopt;
}

void Demuxer::throw_stopped() const {
  throw SourceError("'" + settings_.url + "' was stopped before it was opened", settings_.url, ECANCELED);
}

bool Demuxer::is_picture() const {
  const std::string_view name = input_->iformat->name;
  return name == "image2" || name.ends_with("_pipe") || heif_;
}

std::optional<double> Demuxer::fps() const {
#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(60, 11, 100)
  // For raw streams, av_guess_frame_rate() also weighs the demuxer's default of 25, and would report a 12.5
  // fps stream as 25 fps.
  const AVRational own = stream_->codecpar->framerate;
  if ((input_->iformat->flags & AVFMT_NOTIMESTAMPS) != 0 && own.num > 0 && own.den > 0) return av_q2d(own);
#endif
  const AVRational rate = av_guess_frame_rate(input_.get(), stream_, nullptr);
  if (rate.num <= 0 || rate.den <= 0) return std::nullopt;
  return av_q2d(rate);
}

double Demuxer::largest_leap() const noexcept {
  constexpr double kHalfAWrap = 0.5 * 8589934592.0 / 90000;  // seconds: half the range of 33 bits at 90 kHz
  const bool wraps = (input_->iformat->flags & AVFMT_TS_DISCONT) != 0;
  return wraps ? kHalfAWrap : std::numeric_limits<double>::infinity();
}

bool Demuxer::has_durations() const {
  const std::string_view name = input_->iformat->name;
  constexpr std::array<std::string_view, 3> kKnown{"gif", "apng", "ogg"};
  return name.starts_with("mov,") || is_matroska(*input_) || std::ranges::find(kKnown, name) != kKnown.end();
}

std::optional<std::int64_t> Demuxer::end() const {
  const auto start = stream_->start_time != AV_NOPTS_VALUE ? stream_->start_time : 0;
  if (is_matroska(*input_)) return matroska_end(*input_, *stream_, start);
  const bool is_mov = std::string_view(input_->iformat->name).starts_with("mov,");
  if (!is_mov || stream_->duration <= 0) return std::nullopt;
  return av_sat_add64(start, stream_->duration);
}

std::optional<double> Demuxer::duration() const {
  if (stream_->duration != AV_NOPTS_VALUE && stream_->duration > 0) {
    return static_cast<double>(stream_->duration) * av_q2d(stream_->time_base);
  }
  if (input_->duration == AV_NOPTS_VALUE || input_->duration <= 0) return std::nullopt;
  // The duration of a Matroska file is the end time if FFmpeg wrote it, and the length if other programs did.
  const auto origin = is_matroska(*input_) ? av_rescale_q(origin_, stream_->time_base, AV_TIME_BASE_Q) : 0;
  const auto length = input_->duration > origin ? input_->duration - origin : input_->duration;
  return static_cast<double>(length) / AV_TIME_BASE;
}

std::optional<double> Demuxer::creation_time() const {
  for (const AVDictionary* metadata : {input_->metadata, stream_->metadata}) {
    const auto* entry = av_dict_get(metadata, "creation_time", nullptr, 0);
    const auto time = entry != nullptr ? parse_date_time(entry->value) : std::nullopt;
    if (time && *time > 0) return time;  // MP4 writes 0 (the year 1904) for unknown
  }
  return std::nullopt;
}

std::optional<std::int64_t> Demuxer::frame_count() const {
  const auto counted = stream_->nb_frames;
  if (counted <= 0) return std::nullopt;
  // Some files count fields. A frame count may differ from duration times rate, but not by this factor.
  constexpr double kTolerance = 1.5;
  const auto seconds = duration();
  const auto rate = fps();
  const bool fields = seconds && rate && static_cast<double>(counted) > kTolerance * *seconds * *rate + 1;
  return fields ? std::nullopt : std::optional(counted);
}

bool Demuxer::has_whole_frames() const {
  return frame_count() || is_matroska(*input_);
}

std::int64_t Demuxer::missing_packets() const {
  // Only a full index reveals packets beyond the end of the file.
  const std::int64_t size = stream_->nb_frames > 0 ? avio_size(&io()) : 0;
  std::int64_t missing = 0;
  for (int i = avformat_index_get_entries_count(stream_) - 1; i >= 0 && size > 0; --i) {
    const AVIndexEntry* entry = avformat_index_get_entry(stream_, i);
    if (entry->pos > size - entry->size) ++missing;
  }
  // In an FLV, FFmpeg skips unknown tags by the length that it reads from them, which may lead past the end
  // of the file.
  const auto whole = avio_size(&io());
  const bool skipped =
      std::strcmp(input_->iformat->name, "flv") == 0 && whole > 0 && avio_tell(&io()) > whole;
  return std::max<std::int64_t>(missing + count_missing_entries(*input_, *stream_),
                                complained_ || skipped ? 1 : 0);
}

void Demuxer::fail(const std::string& why, int error) const {
  throw SourceError("cannot open '" + settings_.url + "': " + access_.reason(error, why), settings_.url,
                    ffmpeg_errno(error));
}

void Demuxer::lose(int error) const {
  throw SourceError(
      "cannot continue to read '" + settings_.url + "': " + access_.reason(error, ffmpeg_text(error)),
      settings_.url, ffmpeg_errno(error));
}

void Demuxer::check_interrupt(const char* doing, double limit) const {
  if (interrupt_.is_stopped()) {
    throw SourceError("'" + settings_.url + "' was stopped before it was " + doing, settings_.url, ECANCELED);
  }
  if (const auto& fault = access_.fault(); !fault.empty())
    throw SourceError("cannot read '" + settings_.url + "': " + fault, settings_.url, EPROTO);
  if (interrupt_.timed_out()) {
    std::ostringstream text;
    text << "'" << settings_.url << "' was not " << doing << " within " << limit << " s";
    throw SourceTimeoutError(text.str(), settings_.url, ETIMEDOUT);
  }
}

}  // namespace freshframe::media
