// The thread that connects to a media server and sends packets.
// SPDX-License-Identifier: Apache-2.0
#include "sinks/publish/publish_sender.hpp"

#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <cmath>
#include <new>
#include <utility>

#include "core/real_deadline.hpp"
#include "core/unit_text.hpp"
#include "media/ffmpeg/error.hpp"
#include "media/ffmpeg/log.hpp"
#include "media/packets/parameters.hpp"
#include "platform/socket.hpp"
#include "platform/thread.hpp"

namespace freshframe::media {

// One connection to a media server.

namespace {

constexpr double kPublishSignOff = 0.1;  // seconds
constexpr int kSmallestBuffer = 32768;   // bytes

Dictionary muxer_options(const PublishTarget& target) {
  Dictionary options;
  const std::string_view format = target.format();
  if (format == "rtsp") options.set("rtsp_transport", "tcp");
  if (format == "flv") options.set("flvflags", "no_duration_filesize");
  if (format == "mpegts") {
    // Without its length in the PES header, a receiver does not know that a frame is complete until the next
    // packet arrives.
    options.set("omit_video_pes_length", "0");
    options.set("muxdelay", "0");
    options.set("muxpreload", "0");
  }
  return options;
}

}  // namespace

PublishConnection::PublishConnection(PublishTarget target, std::stop_token stop)
    : target_(std::move(target)),
      secrets_(target_.url().text, target_.stream_key()),
      interrupt_(std::move(stop)) {}

PublishConnection::~PublishConnection() {
  if (!output_) return;
  const FfmpegErrorCapture errors;
  interrupt_.arm_closing(kPublishSignOff);
  if (begun_ && !failed_) av_write_trailer(output_.get());
  if ((output_->oformat->flags & AVFMT_NOFILE) == 0) avio_closep(&output_->pb);
}

int PublishConnection::poll(void* opaque) noexcept {
  auto& self = *static_cast<PublishConnection*>(opaque);
  if (self.socket_ < 0) self.look_for_socket();
  const auto ends = self.interrupt_.callback();
  return ends.callback(ends.opaque);
}

/// If another thread connects to the same server at the same moment, its socket may be mistaken for this one.
/// That is harmless, because both need small buffers.
void PublishConnection::look_for_socket() noexcept {
  try {
    for (const auto socket : platform::sockets_to(target_.port())) {
      if (others_.contains(socket)) continue;
      socket_ = socket;
      set_buffer(kSmallestBuffer);
      return;
    }
  } catch (const std::exception&) {
    return;  // retried at the next poll
  }
}

void PublishConnection::set_buffer(int bytes) noexcept {
  const int wanted = std::max(bytes, kSmallestBuffer);
  if (socket_ >= 0) platform::ask_for_sending_room(socket_, wanted);
}

void PublishConnection::add_stream() {
  auto* const stream = avformat_new_stream(output_.get(), nullptr);
  if (stream == nullptr) throw std::bad_alloc();
  if (avcodec_parameters_copy(stream->codecpar, make_parameters(*stream_).codec.get()) < 0)
    throw std::bad_alloc();
  stream->codecpar->codec_tag = 0;
  stream->time_base = PacketTicks::kTimeBase;
}

void PublishConnection::open(std::shared_ptr<const PacketStream> stream, TimePoint deadline) {
  const FfmpegErrorCapture errors(FfmpegErrorCapture::Purpose::Opening);
  stream_ = std::move(stream);
  const auto others = platform::sockets_to(target_.port());
  others_.insert(others.begin(), others.end());
  interrupt_.arm_at(deadline);
  AVFormatContext* raw = nullptr;
  const auto& url = target_.url().text;
  int result = avformat_alloc_output_context2(&raw, nullptr, target_.format(), url.c_str());
  output_.reset(raw);
  if (result < 0) fail("publish to", result);
  output_->interrupt_callback = {&PublishConnection::poll, this};
  output_->flags |= AVFMT_FLAG_FLUSH_PACKETS;
  add_stream();
  auto options = muxer_options(target_);
  if ((output_->oformat->flags & AVFMT_NOFILE) == 0) {
    Dictionary protocol;
    if (target_.url().scheme == "udp")
      protocol.set("pkt_size", "1316");  // seven packets of a transport stream
    result =
        avio_open2(&output_->pb, url.c_str(), AVIO_FLAG_WRITE, &output_->interrupt_callback, protocol.out());
  }
  if (result >= 0) result = avformat_write_header(output_.get(), options.out());
  if (result < 0) {
    failed_ = true;
    throw Error(
        "cannot publish to '" + target_.masked_url() + "': " +
        (interrupt_.timed_out() ? std::string("the server did not answer in time") : ffmpeg_text(result)) +
        errors.in_brackets());
  }
  begun_ = true;
  if (socket_ < 0) look_for_socket();
  filter_.emplace(*output_->oformat, *make_parameters(*stream_).codec);
}

void PublishConnection::write(const Packet& packet, double timeout) {
  const FfmpegErrorCapture errors;
  if (!ticks_) ticks_.emplace(std::min(packet.pts, packet.dts));
  const auto own = ticks_->next(packet);
  filter_->apply(*own);
  own->stream_index = 0;
  av_packet_rescale_ts(own.get(), PacketTicks::kTimeBase, output_->streams[0]->time_base);
  interrupt_.arm(timeout);
  int result = av_write_frame(output_.get(), own.get());
  if (result >= 0 && output_->pb != nullptr) {
    avio_flush(output_->pb);
    result = output_->pb->error;
  }
  if (result < 0) {
    failed_ = true;
    fail("continue publishing to", result);
  }
  // FFmpeg's RTP packetizer for JPEG only logs an error for what RTP cannot carry, such as custom Huffman
  // tables, and sends nothing.
  const bool is_jpeg = make_parameters(*stream_).codec->codec_id == AV_CODEC_ID_MJPEG;
  if (is_jpeg && !errors.cause().empty()) {
    failed_ = true;
    throw Error("cannot publish the JPEG packets to '" + target_.masked_url() + "': " + errors.cause() +
                "; publish frames instead, which are encoded again");
  }
}

void PublishConnection::fail(const std::string& doing, int result) const {
  throw Error(
      "cannot " + doing + " '" + target_.masked_url() + "': " +
      (interrupt_.timed_out() ? std::string("the server did not accept it in time") : ffmpeg_text(result)));
}

}  // namespace freshframe::media

namespace freshframe::media {

namespace {

void check_publish_seconds(const char* name, double seconds) {
  if (seconds >= 0.1 && seconds <= 60) return;
  throw OptionError(std::string(name) + " of Publish must be 0.1 to 60 seconds, got " +
                    core::seconds_text(seconds));
}

}  // namespace

PublishSender::PublishSender(const std::string& url, const PublishOptions& options)
    : target_(url), options_(options), back_off_(random_seed()) {
  install_ffmpeg_log();
  check_publish_seconds("max_wait", options.max_wait);
  check_publish_seconds("timeout", options.timeout);
  check_publish_seconds("keyframe_every", options.keyframe_every);
}

void PublishSender::start(const Context& context) {
  {
    const Lock lock(mutex_);
    queue_ = std::make_shared<PublishQueue>(context.clock, to_duration(Seconds(options_.max_wait)));
    stats_.state = PublishState::WaitingKeyframe;
  }
  thread_ = std::jthread([this](const std::stop_token& stop) {
    platform::name_thread("ff publish");
    run(stop);
  });
}

void PublishSender::count_drops(NodeCounters& counters) {
  const auto [away, slow] = queue_->count_drops();
  if (away + slow > counted_) counters.drop(NodeDropCause::Lost, away + slow - counted_);
  counted_ = away + slow;
}

void PublishSender::stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
  enter(PublishState::Closed);
}

PublishStats PublishSender::stats() const {
  const Lock lock(mutex_);
  auto result = stats_;
  const auto dropped = queue_ ? queue_->count_drops() : PublishQueue::Dropped{};
  result.dropped_away = dropped.away;
  result.dropped_slow = dropped.slow;
  return result;
}

void PublishSender::enter(PublishState state) {
  const Lock lock(mutex_);
  stats_.state = state;
}

void PublishSender::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    try {
      if (publish(stop)) continue;
    } catch (const std::exception& error) {
      if (!stop.stop_requested()) lose(error.what());
    }
    if (stop.stop_requested()) break;
    queue_->end_stream();
    const auto pause = core::real_deadline(Seconds(back_off_.next()));
    static_cast<void>(Clock::real()->sleep_until(pause, stop));
  }
  queue_->end_stream();  // also counts the frames of a sender that is stopped before its thread runs
  aside_.reset();
}

/// One connection, from the first keyframe until it is lost, the stream changes, or a stop. Returns true if a
/// stream with other parameters needs a new connection.
bool PublishSender::publish(const std::stop_token& stop) {
  enter(PublishState::WaitingKeyframe);
  queue_->begin_stream();
  const auto connection = connect(stop);
  if (!connection) return false;
  {
    const Lock lock(mutex_);
    stats_.state = PublishState::Publishing;
    ++stats_.connections;
  }
  if (std::exchange(told_, false)) {
    log(LogLevel::Warning, "'" + target_.masked_url() + "' accepts the stream again");
  } else {
    log(LogLevel::Info, "publishing to '" + target_.masked_url() + "'");
  }
  slow_before_ = queue_->count_drops().slow;
  told_slow_ = false;
  rate_bytes_ = 0;
  queue_->note_connection();
  return send(*connection, stop);
}

/// Returns null if stopped.
std::shared_ptr<PublishConnection> PublishSender::connect(const std::stop_token& stop) {
  const auto stream = queue_->stream(stop);
  if (!stream) return nullptr;
  enter(PublishState::Connecting);
  const auto deadline = core::real_deadline(Seconds(options_.timeout));
  const auto late = [&] {
    return Error("cannot publish to '" + target_.masked_url() + "' within " +
                 core::seconds_text(options_.timeout) + ": the server, or the name server, does not answer");
  };
  if (aside_ && !aside_->wait(deadline, stop)) {  // an earlier attempt may still be blocked in a DNS lookup
    if (stop.stop_requested()) return nullptr;
    throw late();
  }
  auto connection = std::make_shared<PublishConnection>(target_, stop);
  begin_call(aside_, [connection, stream, deadline] { connection->open(stream, deadline); });
  // FFmpeg polls its interrupt callback every 100 ms
  if (!aside_->wait(deadline + std::chrono::milliseconds(300), stop)) {
    if (stop.stop_requested()) return nullptr;
    throw late();
  }
  aside_->check();
  if (!target_.url().is_over_tls())
    aside_.reset();  // otherwise its thread waits for the next connection: see begin_call()
  return connection;
}

bool PublishSender::send(PublishConnection& connection, const std::stop_token& stop) {
  std::optional<std::uint64_t> run;  // run number of this connection, within which times only increase
  while (auto item = queue_->take(stop)) {
    const bool is_other_run = run && *run != item->run;
    if (is_other_run || !is_same_stream(*item->packet.stream, connection.stream())) {
      log(LogLevel::Info, "the stream for '" + target_.masked_url() + "' has " +
                              (is_other_run ? "another source, or its time went back" : "other parameters") +
                              ": it is published again");
      queue_->put_back(std::move(*item));
      return true;
    }
    run = item->run;
    try {
      connection.write(item->packet, options_.timeout);
    } catch (const std::exception&) {
      queue_->count_unsent();
      throw;
    }
    back_off_.reset();
    note_rate(connection, item->packet);
    note_slow();
    const Lock lock(mutex_);
    ++stats_.sent;
  }
  return false;
}

/// Limits the kernel's buffer to an eighth of the data that the stream has in max_wait.
void PublishSender::note_rate(PublishConnection& connection, const Packet& packet) {
  if (rate_bytes_ == 0) rate_from_ = packet.dts;
  rate_bytes_ += packet.data.size();
  const double seconds = packet.dts - rate_from_;
  if (seconds < 1) return;
  const double bytes = static_cast<double>(rate_bytes_) / seconds * options_.max_wait / 8;
  connection.set_buffer(static_cast<int>(std::min(bytes, 4e6)));
  rate_bytes_ = 0;
}

void PublishSender::note_slow() {
  if (told_slow_ || queue_->count_drops().slow == slow_before_) return;
  told_slow_ = true;
  log(LogLevel::Warning,
      "the link to '" + target_.masked_url() +
          "' is too slow for this stream: frames that have waited longer than max_wait are skipped");
}

void PublishSender::lose(const std::string& why) {
  {
    const Lock lock(mutex_);
    stats_.last_error = why;
    stats_.state = PublishState::BackingOff;
  }
  log(std::exchange(told_, true) ? LogLevel::Info : LogLevel::Warning, why + "; trying again");
}

}  // namespace freshframe::media
