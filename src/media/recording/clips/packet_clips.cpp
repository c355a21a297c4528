// The sink that keeps the last seconds of a camera's own packets and writes clips of them.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/log.hpp"
#include "freshframe/packet_nodes.hpp"

#include <cmath>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "media/packets/no_encoder.hpp"
#include "media/packets/packet_ticks.hpp"
#include "media/packets/parameters.hpp"
#include "media/recording/clips/clips.hpp"
#include "media/recording/encoding.hpp"

namespace freshframe {

struct PacketClips::Impl {
  explicit Impl(const ClipOptions& options) : clips(options), muxer_options(options.options) {
    media::check_no_encoder(options, "a ClipRecorder below packets");
  }

  void write(const Sample<Packet>& sample) {
    const auto& packet = sample.value;
    clips.note_arrival(context->clock.now());
    if (!std::isfinite(packet.pts)) throw Error("cannot write the clips: a packet's pts is not a number");
    if (clips.has_stream()) end_what_cannot_go_on(packet, sample.stamp.source);
    if (sample.dropped > 0 && !waits_for_key) {
      waits_for_key = true;
      log(LogLevel::Warning, std::to_string(sample.dropped) +
                                 " packets did not reach the clips: they go on at the next keyframe");
    }
    if (waits_for_key && !packet.is_keyframe) {
      if (stream) context->counters.drop(NodeDropCause::Lost);  // else it belongs to the start
      return;
    }
    static_cast<void>(clips.was_paused());
    if (!clips.has_stream()) begin(packet);
    waits_for_key = false;
    clips.note(sample.stamp.source, packet.pts);
    clips.add(*ticks->next(packet));
    clips.take_orders();
    if (const auto lost = clips.limit(); lost > 0) context->counters.drop(NodeDropCause::Lost, lost);
    clips.throw_failure();
  }

  void end_what_cannot_go_on(const Packet& packet, int source) {
    auto why = clips.why_over(source, packet.pts);
    if (!media::is_same_stream(*packet.stream, *stream)) why = "the camera sends with other parameters";
    if (why.empty()) return;
    log(LogLevel::Warning, why + ": clips begin and end there");
    clips.end_stream();
    waits_for_key = true;
  }

  void begin(const Packet& key) {
    media::CodecParametersPtr codec(avcodec_parameters_alloc());
    if (!codec || avcodec_parameters_copy(codec.get(), media::parameters_of(*key.stream).codec.get()) < 0)
      throw std::bad_alloc();
    stream = key.stream;
    ticks.emplace(key.pts);
    clips.begin({.codec = std::move(codec),
                 .time_base = media::PacketTicks::kTimeBase,
                 .first_pts = key.pts,
                 .options = media::Dictionary(muxer_options),
                 .camera = stream});
  }

  void finish() {
    clips.orders().end();
    clips.end_stream();
    stream.reset();
    clips.finish();
  }

  // The node's thread, except clips.orders().
  std::optional<Context> context;  // from open() on; it lives longer than the node
  media::Clips clips;
  std::map<std::string, std::string> muxer_options;
  std::shared_ptr<const PacketStream> stream;
  std::optional<media::PacketTicks> ticks;  // of the stream
  bool waits_for_key = true;
};

PacketClips::PacketClips(const ClipOptions& options) : impl_(std::make_unique<Impl>(options)) {}

PacketClips::~PacketClips() = default;

void PacketClips::save(const std::string& path, std::optional<double> pts) {
  media::check_packet_clip_name(path);
  impl_->clips.orders().save(path, pts);
}

std::vector<std::string> PacketClips::writing() const {
  return impl_->clips.orders().paths();
}

void PacketClips::open(const Context& context) {
  impl_->context.emplace(context);
  impl_->clips.orders().begin();
}

std::optional<Nothing> PacketClips::process(const Sample<Packet>& sample, const Context& /*context*/) {
  impl_->write(sample);
  return std::nullopt;
}

std::optional<TimePoint> PacketClips::idle_at() const {
  return impl_->clips.idle_at();
}

void PacketClips::idle(const Context& context) {
  impl_->clips.idle(context.clock, [] {});
}

void PacketClips::close() {
  impl_->finish();
}

}  // namespace freshframe
