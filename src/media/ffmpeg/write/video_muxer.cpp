// Writes encoded packets into a container so that the file is playable at any time.
// SPDX-License-Identifier: Apache-2.0
#include "media/ffmpeg/write/video_muxer.hpp"

#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <limits>
#include <new>
#include <string_view>
#include <utility>

#include "media/ffmpeg/error.hpp"
#include "media/url/source_url.hpp"
#include "platform/decimal_point.hpp"

namespace freshframe::media {

namespace {

constexpr std::chrono::seconds kFlushInterval{1};

bool is_mp4(const AVOutputFormat& container) {
  constexpr std::array<std::string_view, 6> kNames{"mp4", "mov", "ipod", "3gp", "3g2", "f4v"};
  return std::find(kNames.begin(), kNames.end(), container.name) != kNames.end();
}

bool is_matroska(const AVOutputFormat& container) {
  const std::string_view name = container.name;
  return name == "matroska" || name == "webm";
}

}  // namespace

const AVOutputFormat* find_container(const std::string& path) {
  check_is_no_url(path);
  return av_guess_format(nullptr, path.c_str(), nullptr);
}

bool stores_turn(const AVOutputFormat& container) {
  constexpr unsigned kMatroskaStores = AV_VERSION_INT(60, 16, 100);  // FFmpeg 6.1
  return is_mp4(container) || (is_matroska(container) && avformat_version() >= kMatroskaStores);
}

double longest_pause(const AVOutputFormat& container, AVRational time_base) {
  // MP4 stores 31 bits for the ticks between two packets: 6.6 hours at 90 kHz. In a transport stream, a jump
  // of 13 hours looks like a wrap of its clock.
  constexpr double kOfTicks = 6.0 * 3600;
  constexpr double kAviSlots = 60000;  // empty frames that FFmpeg inserts
  const std::string_view name = container.name;
  if (name == "avi") return std::min(kOfTicks, (kAviSlots - 1) * av_q2d(time_base));
  if (is_matroska(container)) return std::numeric_limits<double>::infinity();
  return kOfTicks;
}

VideoMuxer::VideoMuxer(std::string path, FileOpening opening)
    : path_(std::move(path)), room_(opening.room), file_(path_, opening) {
  AVFormatContext* output = nullptr;
  check(avformat_alloc_output_context2(&output, find_container(path_), nullptr, path_.c_str()), "create");
  output_.reset(output);
  output_->pb = file_.io();
}

int VideoMuxer::start(const AVCodecContext& codec, Dictionary& options) {
  const CodecParametersPtr parameters(avcodec_parameters_alloc());
  if (!parameters) return AVERROR(ENOMEM);
  const int result = avcodec_parameters_from_context(parameters.get(), &codec);
  return result < 0 ? result : start(*parameters, codec.time_base, codec.framerate, options);
}

int VideoMuxer::start(const AVCodecParameters& codec, AVRational time_base, AVRational rate,
                      Dictionary& options, Turn turn) {
  AVStream* stream = avformat_new_stream(output_.get(), nullptr);
  if (stream == nullptr) return AVERROR(ENOMEM);
  stream->time_base = time_base;
  stream->avg_frame_rate = rate;
  stream->sample_aspect_ratio = codec.sample_aspect_ratio;  // Matroska's muxer reads it only here
  int result = avcodec_parameters_copy(stream->codecpar, &codec);
  if (result < 0) return result;
  store_turn(*stream, turn);
  fragmented_ = is_mp4(container()) && av_dict_get(*options.out(), "movflags", nullptr, 0) == nullptr;
  // delay_moov: the edit list depends on the timestamps in the first fragment.
  const bool indexed = fragmented_ && file_.can_read_back();
  // skip_trailer: FFmpeg would keep a list of all fragments, which our index already has.
  const std::string flags = "frag_custom+delay_moov+default_base_moof";
  if (fragmented_) options.set("movflags", flags + (indexed ? "+skip_trailer" : ""));
  if (indexed) index_ = std::make_unique<Mp4Index>(container(), *stream, path_);
  file_.begin_file();
  const platform::DecimalPoint numbers;
  result = avformat_write_header(output_.get(), options.out());
  started_ = result >= 0;
  if (!started_) give_up();
  flushed_ = Real::now();
  return result;
}

void VideoMuxer::give_up() noexcept {
  if (std::exchange(failed_, true)) return;
  if (safe_ > 0) {
    file_.cut(safe_);
  } else {
    file_.abandon();  // the file may contain part of a header
  }
}

void VideoMuxer::check_sound() const {
  if (failed_) throw Error("cannot continue writing '" + path_ + "': an earlier write to it has failed");
}

void VideoMuxer::write(AVPacket& packet, AVRational time_base) {
  check_sound();
  if (!started_) throw Error("cannot write '" + path_ + "': its stream has not started");
  packet.stream_index = 0;
  const auto& stream = *output_->streams[0];
  av_packet_rescale_ts(&packet, time_base, stream.time_base);
  AvPacketPtr next(av_packet_clone(&packet));
  if (!next) throw std::bad_alloc();
  if (last_) {
    if (put_ == 0) shift_ = shift_before(*next);
    last_step_ = last_->duration = next->dts - last_->dts;
    put(*last_);
  } else {
    const bool known = stream.avg_frame_rate.num > 0;
    last_step_ = known ? av_rescale_q(1, av_inv_q(stream.avg_frame_rate), stream.time_base)
                       : std::max<std::int64_t>(1, next->duration);
    flushed_dts_ = next->dts;
  }
  last_ = std::move(next);
  if (is_flush_due(last_->dts)) flush();
}

bool VideoMuxer::is_flush_due(std::int64_t dts) const {
  const auto seconds = av_rescale_q(dts - flushed_dts_, output_->streams[0]->time_base, {1, 1});
  return seconds >= kFlushInterval.count() || Real::now() - flushed_ >= kFlushInterval;
}

/// Returns by how much to shift timestamps so that none is negative: FFmpeg writes negative ones to Matroska
/// as missing. They occur if a recording starts in the middle of a camera's stream, where frames decoded
/// after the first keyframe are shown before it.
std::int64_t VideoMuxer::shift_before(const AVPacket& second) const {
  if (!is_matroska(container()) || second.pts >= last_->pts) return 0;
  return std::max<std::int64_t>({0, -last_->dts, -second.pts});
}

void VideoMuxer::put(AVPacket& packet) {
  if (index_) {
    in_fragment_.emplace_back(av_packet_clone(&packet));
    if (!in_fragment_.back()) throw std::bad_alloc();
  }
  packet.pts += shift_;
  packet.dts += shift_;
  check(av_interleaved_write_frame(output_.get(), &packet), "write");
  ++put_;
}

/// The last packet gets the duration of the previous one, but at most a second.
void VideoMuxer::put_last() {
  if (!last_) return;
  const auto& stream = *output_->streams[0];
  const auto longest = av_rescale_q(1, {1, 1}, stream.time_base);
  last_->duration = std::clamp<std::int64_t>(last_step_, 1, std::max<std::int64_t>(1, longest));
  put(*last_);
  last_.reset();
}

/// Does nothing before the first packet: there is only a header, and MP4's needs the first packet's
/// timestamp.
void VideoMuxer::flush() {
  check_sound();
  if (!started_ || put_ == 0) return;
  put_through();
  check_place(file_.place());
}

void VideoMuxer::put_through() {
  if (room_ != nullptr) room_->before_flush();
  flushed_ = Real::now();
  if (last_) flushed_dts_ = last_->dts;
  if (fragmented_) {
    flush_fragment();
  } else {
    check(av_write_frame(output_.get(), nullptr), "write");  // ends the Matroska cluster
    avio_flush(file_.io());
  }
  check(file_.io()->error, "write");
  safe_ = avio_tell(file_.io());
  kept_ = put_;
}

/// See Note [Files that are moved or deleted].
void VideoMuxer::check_place(platform::FilePlace place) {
  if (place == platform::FilePlace::Same) return;
  place_ = place;
  const bool is_gone = place == platform::FilePlace::Gone;
  if (is_gone) {
    kept_ = 0;
    safe_ = 0;
  }
  give_up();
  throw Error("cannot continue writing '" + path_ + "': the file was " +
              (is_gone ? "deleted or replaced" : "renamed or moved") +
              " while it was recorded; do that only after the recording has ended");
}

void VideoMuxer::flush_fragment() {
  const bool first = safe_ == 0;
  // Writes only the header, see delay_moov.
  if (first) check(av_write_frame(output_.get(), nullptr), "write");
  const auto begin = avio_tell(file_.io());
  check(av_write_frame(output_.get(), nullptr), "write");
  avio_flush(file_.io());
  check(file_.io()->error, "write");
  if (!index_ || in_fragment_.empty()) return;
  constexpr int kBoxHeader = 8;  // header size in bytes of the `mdat` box, which follows the `moof` box
  note_fragment(begin + file_.number_at(begin) + kBoxHeader);
  in_fragment_.clear();
}

void VideoMuxer::note_fragment(std::int64_t position) {
  try {
    index_->add(in_fragment_, position, output_->streams[0]->time_base);
  } catch (const Error& error) {
    lose_index(error.what());
  }
}

void VideoMuxer::lose_index(const std::string& why) {
  index_.reset();
  log(LogLevel::Warning,
      why + "; '" + path_ + "' remains a fragmented file, which players can read, but some editors cannot");
}

void VideoMuxer::finish() {
  check_sound();
  if (started_) end_file();
  output_->pb = nullptr;
  output_.reset();
  const auto place = file_.place();
  const int closed = file_.close();
  if (closed < 0) fail(closed, "write the end of");
  safe_ = file_.size();
  if (started_) check_place(place);
}

void VideoMuxer::end_file() {
  put_last();
  if (put_ > 0) put_through();
  check(av_write_trailer(output_.get()), "write the end of");
  avio_flush(file_.io());
  check(file_.io()->error, "write the end of");
  if (index_ && safe_ > 0) add_index();
}

void VideoMuxer::add_index() {
  auto* const io = file_.io();
  const auto end = avio_tell(io);
  try {
    index_->finish(*io);
  } catch (const Error& error) {
    file_.cut(end);
    lose_index(error.what());
    return;
  }
  avio_flush(io);
  check(io->error, "write the end of");
  // Turns the initial moov box, after `ftyp`, into an `mdat` box with a 64-bit size.
  const std::int64_t header = file_.number_at(0);
  std::array<std::uint8_t, 16> mdat{0, 0, 0, 1, 'm', 'd', 'a', 't'};
  const auto size = static_cast<std::uint64_t>(end - header);
  for (std::size_t i = 0; i < 8; ++i) mdat[15 - i] = static_cast<std::uint8_t>(size >> (8 * i));
  file_.overwrite(header, mdat);
}

void VideoMuxer::fail(int result, const char* doing) {
  give_up();
  throw Error("cannot " + std::string(doing) + " '" + path_ + "': " + ffmpeg_text(result));
}

void VideoMuxer::check(int result, const char* doing) {
  if (result < 0) fail(result, doing);
}

}  // namespace freshframe::media
