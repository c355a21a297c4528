// The node that publishes frames or packets.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/publish.hpp"

#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "media/ffmpeg/write/frame_encoder.hpp"
#include "media/packets/parameters.hpp"
#include "media/packets/two_forms.hpp"
#include "sinks/publish/publish_sender.hpp"
#include "sinks/recording/encoding.hpp"

namespace freshframe::media {
namespace {

/// Adds encoder options that prevent delay: no frame waits for a later one.
std::map<std::string, std::string> without_delay(const std::string& codec,
                                                 std::map<std::string, std::string> options) {
  if (codec == "h264" || codec == "h265" || codec == "libx264" || codec == "libx265") {
    options.emplace("tune", "zerolatency");
  } else {
    options.emplace("bf", "0");
  }
  return options;
}

std::shared_ptr<const PacketStream> make_encoder_stream(const AVCodecContext& encoder) {
  CodecParametersPtr codec(avcodec_parameters_alloc());
  if (!codec || avcodec_parameters_from_context(codec.get(), &encoder) < 0) throw std::bad_alloc();
  auto stream = std::make_shared<PacketStream>();
  stream->codec = avcodec_get_name(codec->codec_id);
  stream->width = codec->width;
  stream->height = codec->height;
  stream->native = std::make_shared<const StreamParameters>(StreamParameters{std::move(codec)});
  return stream;
}

/// A Publish on a port of frames.
struct FramePublish {
  FramePublish(const std::string& url, const PublishOptions& wanted) : options(wanted), sender(url, wanted) {
    options.codec = sender.target().encoder(wanted.codec);
    encoding = closed_groups({.codec = options.codec,
                              .crf = options.crf,
                              .preset = options.preset,
                              .threads = options.threads,
                              .options = without_delay(options.codec, options.options)});
    check_encoding(what(), container(), encoding);
  }

  /// The muxer whose rules for encoders apply to all formats except a transport stream.
  [[nodiscard]] const AVOutputFormat& container() const {
    return *av_guess_format(std::string_view(sender.target().format()) == "mpegts" ? "mpegts" : "matroska",
                            nullptr, nullptr);
  }
  [[nodiscard]] std::string what() const { return "the stream for '" + sender.target().masked_url() + "'"; }

  void open(const Context& context) {
    counters = &context.counters;
    sender.start(context);
  }

  void write(const Sample<Frame>& sample) {
    put(sample.value, sample.stamp);
    sender.count_drops(*counters);
  }

  void put(const Frame& frame, const Stamp& stamp) {
    if (!frame) throw Error("cannot publish: the sample has no frame");
    if (!std::isfinite(stamp.pts))
      throw Error("cannot publish: the pts of a frame must be a finite number of seconds, got " +
                  std::to_string(stamp.pts));
    auto& queue = *sender.queue();
    // after a failure, encode nothing until the next attempt to connect
    if (queue.drops_unconnected()) return;
    note_run(stamp);
    if (encoder && (!encoder->fits(frame) || stamp.pts <= encoder->last_pts())) encoder.reset();
    if (!encoder) begin_stream(frame, stamp.pts);
    const bool key = queue.wants_key() || stamp.pts >= next_key;
    if (key) next_key = stamp.pts + options.keyframe_every;
    const auto held = encoder->held();
    try {
      encoder->encode(frame, stamp.pts, [this](AVPacket& packet) { put(packet); }, key);
    } catch (...) {
      if (encoder->has_failed()) give_up(std::min(held, encoder->held()));
      throw;
    }
  }

  /// Drops the encoder; the next frame creates another. `held`: frames lost inside the failed one.
  void give_up(std::int64_t held) {
    if (held > 0) counters->drop(NodeDropCause::Lost, static_cast<std::uint64_t>(held));
    encoder.reset();
  }

  /// Requests a new connection for a new source, and after a step back in time.
  void note_run(const Stamp& stamp) {
    constexpr double kShortestStepBack = 1;  // seconds; a connection tolerates shorter steps
    const bool goes_back = encoder && stamp.pts < encoder->last_pts() - kShortestStepBack;
    if (stamp.source == source && !goes_back) return;
    source = stamp.source;
    ++run;
    encoder.reset();
  }

  void begin_stream(const Frame& first, double pts) {
    auto next = std::make_unique<FrameEncoder>(what(), container(), encoding);
    static_cast<void>(next->start(first, kFallbackFps));
    encoder = std::move(next);
    stream = make_encoder_stream(encoder->codec());
    next_key = pts;
    first_pts = pts;
  }

  /// Passes a packet to the sender, with times in seconds.
  void put(const AVPacket& encoded) {
    AvPacketPtr own(av_packet_clone(&encoded));
    if (!own) throw std::bad_alloc();
    const double tick = av_q2d(encoder->codec().time_base);
    Packet packet;
    packet.data = {own->data, static_cast<std::size_t>(own->size)};
    packet.pts = first_pts + static_cast<double>(own->pts) * tick;
    packet.dts = first_pts + static_cast<double>(own->dts) * tick;
    packet.is_keyframe = (own->flags & AV_PKT_FLAG_KEY) != 0;
    packet.stream = stream;
    packet.owner = std::shared_ptr<const AVPacket>(std::move(own));
    sender.queue()->put(std::move(packet), run);
  }

  void close() {
    sender.stop();
    if (counters != nullptr) sender.count_drops(*counters);
    encoder.reset();
  }

  PublishOptions options;
  VideoFileOptions encoding;
  PublishSender sender;
  NodeCounters* counters = nullptr;       // set by open()
  std::unique_ptr<FrameEncoder> encoder;  // open
  std::shared_ptr<const PacketStream> stream;
  double first_pts = 0;
  double next_key = 0;
  int source = -1;        // see Stamp::source
  std::uint64_t run = 0;  // see PublishQueue::put()
};

/// A Publish on a port of packets.
struct PacketPublish {
  PacketPublish(const std::string& url, const PublishOptions& options) : sender(url, options) {
    check_no_encoder(options, "a Publish downstream of packets");
  }

  void open(const Context& context) {
    counters = &context.counters;
    sender.start(context);
  }

  void write(const Sample<Packet>& sample) {
    put(sample);
    sender.count_drops(*counters);
  }

  void put(const Sample<Packet>& sample) {
    const auto& packet = sample.value;
    check_packet_times(packet, "publish");
    if (sample.dropped > 0) waits_for_key = true;
    if (sample.stamp.source != source) {
      source = sample.stamp.source;
      ++run;
      waits_for_key = true;
    }
    check(packet.stream);
    if (waits_for_key && !packet.is_keyframe) {
      // before that, packets up to the first keyframe are not counted
      if (began) counters->drop(NodeDropCause::Lost);
      return;
    }
    waits_for_key = false;
    began = true;
    sender.queue()->put(packet, run);
  }

  void check(const std::shared_ptr<const PacketStream>& stream) {
    if (stream == checked) return;
    const auto& target = sender.target();
    if (!target.takes(make_parameters(*stream).codec->codec_id)) {
      throw Error("cannot publish to '" + target.masked_url() + "': " + target.url().scheme +
                  " servers do not support the camera's " + stream->codec + "; they support " +
                  target.codecs());
    }
    if (!checked && !make_parameters(*stream).orientation.total().none()) {
      log(LogLevel::Warning, "'" + target.masked_url() +
                                 "' receives the images as the camera sends them, not rotated, because "
                                 "packets are published unchanged; publish frames instead");
    }
    checked = stream;
  }

  void close() {
    sender.stop();
    if (counters != nullptr) sender.count_drops(*counters);
  }

  PublishSender sender;
  NodeCounters* counters = nullptr;             // set by open()
  std::shared_ptr<const PacketStream> checked;  // kept alive, so that no other stream can have its address
  int source = -1;                              // see Stamp::source
  std::uint64_t run = 0;                        // see PublishQueue::put()
  bool waits_for_key = true;
  bool began = false;
};

}  // namespace
}  // namespace freshframe::media

namespace freshframe {

struct Publish::Impl : media::TwoForms<media::FramePublish, media::PacketPublish> {
  using TwoForms::TwoForms;
};

Publish::Publish(const std::string& url, const PublishOptions& options)
    : impl_(std::make_unique<Impl>(url, options)) {}

Publish::~Publish() = default;

const std::string& Publish::url() const noexcept {
  return impl_->with([](auto& form) -> const std::string& { return form.sender.target().masked_url(); });
}

NodeReport Publish::report(Span /*span*/) const {
  return {.publish = impl_->with([](auto& form) { return form.sender.stats(); })};
}

std::vector<const TypeInfo*> Publish::input_types() const {
  return impl_->input_types();
}

void Publish::set_input(const TypeInfo* type) {
  impl_->set_input(type);
}

void Publish::open(const Context& context) {
  impl_->with([&](auto& form) { form.open(context); });
}

std::optional<Nothing> Publish::process(const Sample<Frame>& sample, const Context& /*context*/) {
  impl_->get_frames().write(sample);
  return std::nullopt;
}

std::optional<Nothing> Publish::process(const Sample<Packet>& sample, const Context& /*context*/) {
  impl_->get_packets().write(sample);
  return std::nullopt;
}

void Publish::close() {
  impl_->with([](auto& form) { form.close(); });
}

}  // namespace freshframe
