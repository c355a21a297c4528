// The sink that keeps the last seconds of encoded video and writes clips of them.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/log.hpp"
#include "freshframe/media.hpp"
#include "freshframe/mutex.hpp"

#include <algorithm>
#include <cmath>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/seconds_text.hpp"
#include "media/ffmpeg/frame_encoder.hpp"
#include "media/ffmpeg/log.hpp"
#include "media/ffmpeg/video_codec.hpp"
#include "media/file/clip.hpp"
#include "media/file/packet_ring.hpp"

extern "C" {
#include <libavutil/opt.h>
}

namespace freshframe {
namespace {

using media::Clip;
using media::Dictionary;
using media::FrameEncoder;
using media::PacketRing;

constexpr double kKeyInterval = 1.0;    // seconds between key frames: a clip begins at one
constexpr double kFallbackFps = 25;     // of a stream with a single frame
constexpr double kLongest = 24 * 3600;  // seconds before or after an event
constexpr const char* kWhat = "the clips";

/// The container whose rules all files of clips share: headers apart from the packets, and timestamps.
const AVOutputFormat& common_container() {
  return *av_guess_format("matroska", nullptr, nullptr);
}

VideoFileOptions encoding(const ClipOptions& options) {
  return {.codec = options.codec,
          .quality = options.quality,
          .threads = options.threads,
          .options = options.options};
}

/// The encoder makes a key frame that ends the use of all frames before it.
VideoFileOptions with_closed_groups(VideoFileOptions options) {
  constexpr const char* kOption = "forced-idr";
  const AVCodec* encoder = media::find_video_encoder(media::codec_name(common_container(), options));
  const AVClass* known = encoder != nullptr ? encoder->priv_class : nullptr;
  if (known != nullptr && av_opt_find(&known, kOption, nullptr, 0, AV_OPT_SEARCH_FAKE_OBJ) != nullptr)
    options.options.emplace(kOption, "1");
  return options;
}

void check_seconds(const char* name, double seconds) {
  if (seconds >= 0 && seconds <= kLongest) return;
  throw OptionError(std::string(name) + " of a clip must be 0 to 86400 seconds, got " +
                    core::seconds_text(seconds));
}

}  // namespace

struct ClipRecorder::Impl {
  /// The first frame waits for the second: their distance is the nominal rate.
  struct Pending {
    Frame frame;
    double pts = 0;
  };
  /// What save() asked for.
  struct Order {
    std::string path;
    std::optional<double> at;    // pts of the event
    std::unique_ptr<Clip> clip;  // nullptr: the clip of that path is being written
  };

  explicit Impl(ClipOptions wanted) : options(std::move(wanted)), ring(options.before, options.max_bytes) {
    media::install_ffmpeg_log();
    check_seconds("before", options.before);
    check_seconds("after", options.after);
    if (options.max_bytes == 0) throw OptionError("max_bytes of clips must be above 0, got 0");
    media::check_encoding(kWhat, common_container(), encoding(options));
  }

  // The node's thread.

  void write(const Frame& frame, double pts) {
    if (!frame) throw Error("cannot write the clips: the sample has no frame");
    if (encoder && encoder->started() && !encoder->fits(frame)) {
      log(LogLevel::Warning, "the size or the colours of the frames changed: clips begin and end there");
      end_stream();
    }
    if (!encoder) {
      encoder =
          std::make_unique<FrameEncoder>(kWhat, common_container(), with_closed_groups(encoding(options)));
    }
    if (!encoder->started()) {
      encoder->check_size(frame.picture_format());
      if (!pending) {
        pending = Pending{frame, pts};
        return;
      }
      const double step = pts - pending->pts;
      start(step > 0 ? 1 / step : kFallbackFps);
    }
    encode(frame, pts);
    take_orders();
  }

  void start(double fps) {
    const auto first = *std::exchange(pending, std::nullopt);
    muxer_options = encoder->start(first.frame, fps);
    ring.begin(encoder->codec().time_base);
    next_key = first.pts;
    encode(first.frame, first.pts);
  }

  void encode(const Frame& frame, double pts) {
    newest = pts;
    const bool key = pts >= next_key;
    if (key) next_key = pts + kKeyInterval;
    encoder->encode(frame, pts, [this](AVPacket& packet) { take(packet); }, key);
  }

  void take(const AVPacket& packet) {
    if (!ring.push(packet) && !std::exchange(short_told, true)) {
      log(LogLevel::Warning, "clips begin only " + core::seconds_text(ring.span()) +
                                 " before their event, not " + core::seconds_text(options.before) +
                                 ": max_bytes holds no more. Give more, or a worse quality");
    }
    each_clip([&](Clip& clip) { return clip.write(packet) || (made_longer(clip) && clip.write(packet)); });
  }

  /// Obeys the orders that wait for a clip that is about to end. False: there are none, and none can follow.
  bool made_longer(Clip& clip) {
    const Lock lock(mutex);
    bool longer = false;
    std::erase_if(orders, [&](const Order& order) {
      const bool meant = order.path == clip.path() && !order.clip;
      if (meant) clip.extend(tick(order.at.value_or(newest) + options.after));
      longer = longer || meant;
      return meant;
    });
    if (!longer) std::erase(writing, clip.path());
    return longer;
  }

  /// Calls `keeps` for each clip, closes those for which it is false, and throws the first failure at the end.
  template <class Keeps>
  void each_clip(const Keeps& keeps) {
    std::exception_ptr failure;
    std::erase_if(clips, [&](const std::unique_ptr<Clip>& clip) {
      try {
        if (keeps(*clip)) return false;
        end_clip(*clip);
      } catch (...) {
        if (!failure) failure = std::current_exception();
        forget(clip->path());
      }
      return true;
    });
    if (failure) std::rethrow_exception(failure);
  }

  void end_clip(Clip& clip) {
    forget(clip.path());
    clip.finish();
    log(LogLevel::Info, "clip '" + clip.path() + "' is written");
  }

  void forget(const std::string& path) {
    const Lock lock(mutex);
    std::erase(writing, path);
  }

  void take_orders() {
    std::vector<Order> taken;
    {
      const Lock lock(mutex);
      taken.swap(orders);
    }
    for (auto& order : taken) obey(order, order.at.value_or(newest));
  }

  void obey(Order& order, double event) {
    const auto end = tick(event + options.after);
    for (const auto& clip : clips) {
      if (clip->path() == order.path) return clip->extend(end);
    }
    if (!order.clip) {  // it ended because the size changed, or it failed
      log(LogLevel::Warning, "clip '" + order.path + "' had ended when it was to become longer");
      return;
    }
    try {
      order.clip->begin(encoder->codec(), muxer_options, ring, tick(event - options.before));
      order.clip->extend(end);
    } catch (...) {
      forget(order.path);
      throw;
    }
    clips.push_back(std::move(order.clip));
  }

  [[nodiscard]] std::int64_t tick(double pts) const {
    return std::llround((pts - encoder->first_pts()) / av_q2d(encoder->codec().time_base));
  }

  /// Writes what the encoder holds and ends all clips: no frame of this kind follows.
  void end_stream() {
    std::exception_ptr failure;
    try {
      take_orders();
      encoder->drain([this](AVPacket& packet) { take(packet); });
    } catch (...) {
      failure = std::current_exception();
    }
    each_clip([](Clip&) { return false; });
    encoder.reset();
    if (failure) std::rethrow_exception(failure);
  }

  void finish() {
    {
      const Lock lock(mutex);
      running = false;
    }
    if (pending) start(kFallbackFps);
    if (encoder && encoder->started()) end_stream();
    const Lock lock(mutex);
    for (const auto& order : orders)
      log(LogLevel::Warning, "no frame was written: clip '" + order.path + "' is empty");
    orders.clear();
    writing.clear();
  }

  // Any thread.

  void save(const std::string& path, std::optional<double> at) {
    if (at && !std::isfinite(*at))
      throw OptionError("at must be a pts in seconds, got " + std::to_string(*at));
    check_container(path);
    {
      const Lock lock(mutex);
      check_running(path);
      if (is_written(path)) {
        orders.push_back({path, at, nullptr});
        return;
      }
    }
    auto clip = std::make_unique<Clip>(path);  // opens a file: not under the lock
    const Lock lock(mutex);
    check_running(path);
    if (!is_written(path)) writing.push_back(path);
    orders.push_back({path, at, std::move(clip)});
  }

  void check_running(const std::string& path) const FRESHFRAME_REQUIRES(mutex) {
    if (!running) throw StateError("cannot write clip '" + path + "': its pipeline does not run");
  }

  [[nodiscard]] bool is_written(const std::string& path) const FRESHFRAME_REQUIRES(mutex) {
    return std::find(writing.begin(), writing.end(), path) != writing.end();
  }

  void check_container(const std::string& path) const {
    const AVOutputFormat* container = media::find_container(path);
    const auto name = media::codec_name(common_container(), encoding(options));
    const AVCodec* codec = media::find_video_encoder(name);
    const bool apart = container != nullptr && (container->flags & AVFMT_GLOBALHEADER) != 0 &&
                       (container->flags & AVFMT_NOFILE) == 0;
    if (apart && avformat_query_codec(container, codec->id, FF_COMPLIANCE_NORMAL) == 1) return;
    throw OptionError("cannot write clip '" + path + "': its name must end in .mp4, .mov or .mkv" +
                      (apart ? ", for " + std::string(container->name) + " cannot hold " + name : ""));
  }

  ClipOptions options;

  // The node's thread.
  std::unique_ptr<FrameEncoder> encoder;
  Dictionary muxer_options;
  std::optional<Pending> pending;
  PacketRing ring;
  std::vector<std::unique_ptr<Clip>> clips;
  double newest = 0;    // pts of the newest frame
  double next_key = 0;  // the first frame from this pts on is a key frame
  bool short_told = false;

  mutable Mutex mutex;
  std::vector<Order> orders FRESHFRAME_GUARDED_BY(mutex);
  std::vector<std::string> writing FRESHFRAME_GUARDED_BY(mutex);
  bool running FRESHFRAME_GUARDED_BY(mutex) = false;
};

ClipRecorder::ClipRecorder(ClipOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}

ClipRecorder::~ClipRecorder() = default;

void ClipRecorder::save(const std::string& path, std::optional<double> at) {
  impl_->save(path, at);
}

std::vector<std::string> ClipRecorder::writing() const {
  const Lock lock(impl_->mutex);
  return impl_->writing;
}

void ClipRecorder::open(const Context& /*context*/) {
  const Lock lock(impl_->mutex);
  impl_->running = true;
}

std::optional<Nothing> ClipRecorder::process(const Sample<Frame>& sample, const Context& /*context*/) {
  impl_->write(sample.value, sample.stamp.pts);
  return std::nullopt;
}

void ClipRecorder::close() {
  impl_->finish();
}

}  // namespace freshframe
