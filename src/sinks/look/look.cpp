// The node that keeps the last seconds: packets as sent by the camera, or frames as JPEG. Packets are decoded
// only when asked for, on the thread that asks.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/look.hpp"

#include "freshframe/error.hpp"
#include "freshframe/forks.hpp"
#include "freshframe/log.hpp"
#include "freshframe/mutex.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <condition_variable>
#include <cstddef>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <new>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "core/unit_text.hpp"
#include "media/colour/jpeg_encoder.hpp"
#include "media/ffmpeg/read/decoder.hpp"
#include "media/ffmpeg/read/frame_maker.hpp"
#include "media/packets/packet_ticks.hpp"
#include "media/packets/parameters.hpp"
#include "media/packets/two_forms.hpp"

namespace freshframe {
namespace {

constexpr double kSame = 1e-6;    // seconds
constexpr double kLeastHole = 1;  // seconds; shorter pauses are not gaps

double checked_seconds(double seconds) {
  constexpr double kMost = 3600;
  if (seconds > 0 && seconds <= kMost) return seconds;
  throw OptionError("seconds of a Look must be above 0 and at most 3600, got " + core::seconds_text(seconds));
}

/// Limits how many look() calls decode at the same time: at most three, and calls of the program never wait
/// for calls from the network.
class LookTurns {
 public:
  /// Waits for a turn. Returns false if stopped first.
  bool take(LookAsker asker, const std::stop_token& stop) {
    std::unique_lock lock(taking_mutex_);
    auto& taken = taken_[place(asker)];
    if (!changed_.wait(lock, stop, [&] { return taken < kAtOnce[place(asker)]; })) return false;
    ++taken;
    return true;
  }
  void give_back(LookAsker asker) {
    {
      const std::lock_guard lock(taking_mutex_);
      --taken_[place(asker)];
    }
    changed_.notify_all();
  }

 private:
  using PerAsker = std::array<int, 2>;
  static constexpr PerAsker kAtOnce = {2, 1};
  static std::size_t place(LookAsker asker) { return static_cast<std::size_t>(asker); }

  std::mutex taking_mutex_;
  std::condition_variable_any changed_;
  PerAsker taken_{};  // guarded by taking_mutex_
};

class LookTurn {
 public:
  LookTurn(LookAsker asker, const std::stop_token& stop) : asker_(asker), taken_(turns().take(asker, stop)) {}
  LookTurn(const LookTurn&) = delete;
  LookTurn& operator=(const LookTurn&) = delete;
  ~LookTurn() {
    if (taken_) turns().give_back(asker_);
  }
  [[nodiscard]] bool is_taken() const noexcept { return taken_; }

 private:
  static LookTurns& turns() { return forks::PerProcess<LookTurns>::get(); }
  const LookAsker asker_;
  const bool taken_;
};

/// The usual interval between frames of one source: the median of the newest intervals, which a single pause
/// does not change.
class PictureDistances {
 public:
  void add(double seconds) noexcept { newest_[added_++ % newest_.size()] = seconds; }
  /// Returns the median in seconds, or 0 until there are two frames.
  [[nodiscard]] double usual() const {
    auto sorted = newest_;
    const auto count = std::min(added_, sorted.size());
    if (count == 0) return 0;
    const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>((count - 1) / 2);
    std::nth_element(sorted.begin(), middle, sorted.begin() + static_cast<std::ptrdiff_t>(count));
    return *middle;
  }
  /// Returns usual(), or 0 while there are so few intervals that a pause at the start could dominate.
  [[nodiscard]] double settled_usual() const { return added_ < kFew ? 0 : usual(); }

 private:
  static constexpr std::size_t kFew = 5;
  std::array<double, 15> newest_{};
  std::size_t added_ = 0;
};

/// The encoded frames of the last seconds. Written by the node's thread, read by any thread. Packets are kept
/// and dropped in groups from one keyframe to the next, because the others depend on the keyframe.
/// Note [The clock of a look] A look compares capture times only. Its frames may come from several sources,
/// one after the other, and pts starts again with each source and each start.
class LookRing {
 public:
  /// Throws OptionError.
  explicit LookRing(const LookOptions& options)
      : seconds_(checked_seconds(options.seconds)), max_bytes_(options.max_bytes) {
    if (max_bytes_ == 0) throw OptionError("max_bytes of a Look must be at least 1, got 0");
  }

  /// Skips a packet that is not a keyframe if its group is not in the ring. Returns false if max_bytes was
  /// too small for a single group, which is then dropped.
  [[nodiscard]] bool add(const Packet& packet, const Stamp& stamp) {
    const Lock lock(mutex_);
    if (newest_ && stamp.source != newest_->source) waits_ = true;
    if (waits_ && !packet.is_keyframe) return true;
    waits_ = true;  // if allocation fails for this packet, the rest of its group cannot be decoded
    if (packet.is_keyframe) {
      Group begun;
      begun.packets.push_back({packet, stamp});
      groups_.push_back(std::move(begun));
    } else {
      groups_.back().packets.push_back({packet, stamp});
    }
    waits_ = false;
    auto& group = groups_.back();
    const auto bytes = held_bytes(packet);
    group.bytes += bytes;
    bytes_ += bytes;
    note_newest(stamp);
    while (holds_too_much()) {
      bytes_ -= groups_.front().bytes;
      groups_.pop_front();
    }
    if (bytes_ <= max_bytes_) return true;
    groups_.clear();
    bytes_ = 0;
    waits_ = true;
    return false;
  }

  /// Packets were lost: skip packets up to the next keyframe.
  void wait_for_key() {
    const Lock lock(mutex_);
    waits_ = true;
  }

  /// Implements LookBack::look().
  void look(const LookQuestion& question, const LookBack::Take& take) const {
    for (const double age : question.ages) {
      if (!(age >= 0)) throw OptionError("an age must be at least 0 s, got " + core::seconds_text(age));
    }
    const LookTurn turn(question.asker, question.stop);
    if (!turn.is_taken()) return;
    const auto now = question.clock->now();
    std::optional<Snapshot> last;  // held back until the next snapshot determines its gap
    const auto give = [&](TimePoint until) {
      if (!last || question.stop.stop_requested()) return;
      last->gap = gap_between(last->stamp.captured, until, now);
      take(*std::exchange(last, std::nullopt));
    };
    for (const auto& piece : pieces(question, now)) {
      decode(piece, question.stop, [&](Snapshot snapshot) {
        give(snapshot.stamp.captured);
        last = std::move(snapshot);
      });
    }
    give(now);
  }

 private:
  struct StampedPacket {
    Packet packet;
    Stamp stamp;
  };
  /// Upper bound of the memory that a packet uses: its buffer, which may be larger than its data, and the
  /// structures of FFmpeg, `StampedPacket` and the allocator.
  [[nodiscard]] static std::size_t held_bytes(const Packet& packet) {
    constexpr std::size_t kStructures = 512;
    const auto& native = media::native_packet(packet);
    const std::size_t buffer = native.buf != nullptr ? native.buf->size : packet.data.size();
    // twice, because a vector's capacity may be double its size
    return kStructures + 2 * sizeof(StampedPacket) + buffer;
  }

  struct Group {
    std::vector<StampedPacket> packets;
    std::size_t bytes = 0;
  };
  /// Packets to decode for a set of requested times.
  struct Piece {
    TimePoint base;                      // reference time of the wishes
    std::vector<StampedPacket> packets;  // starting with a keyframe
    std::vector<double> wishes;          // capture times in seconds since `base`, ascending

    [[nodiscard]] double find_time(const StampedPacket& kept) const { return seconds_from(base, kept); }
  };
  [[nodiscard]] static double seconds_from(TimePoint base, const StampedPacket& kept) {
    return Seconds(kept.stamp.captured - base).count();
  }
  /// A second or more without frames. It is a gap only if the source's frames are usually closer together.
  struct Pause {
    TimePoint from;
    TimePoint to;
    double usual = 0;  // usual seconds between frames before it; 0 if unknown
  };

  [[nodiscard]] std::vector<Piece> pieces(const LookQuestion& question, TimePoint now) const {
    const Lock lock(mutex_);
    std::map<std::size_t, Piece> found;  // by index of the group
    const auto base = newest_ ? std::max(now, newest_->captured) : now;
    for (const double age : question.ages) {
      const double wish = kSame - age;
      std::optional<std::size_t> begun;
      double newest = 0;  // capture time
      for (std::size_t i = 0; i < groups_.size(); ++i) {
        const double begin = seconds_from(base, groups_[i].packets.front());
        if (begin > wish || (begun && begin < newest)) continue;
        begun = i;
        newest = begin;
      }
      if (!begun) continue;
      found[*begun].base = base;
      found[*begun].wishes.push_back(wish);
    }
    std::vector<Piece> out;
    for (auto& [index, piece] : found) {
      std::ranges::sort(piece.wishes);
      const auto& packets = groups_[index].packets;
      auto end = packets.begin() + 1;
      if (question.exact) {  // up to the last packet captured before the last wish
        end = packets.end();
        while (end != packets.begin() + 1 && piece.find_time(*std::prev(end)) > piece.wishes.back()) --end;
      }
      piece.packets.assign(packets.begin(), end);
      out.push_back(std::move(piece));
    }
    return out;
  }

  /// Passes the frame of each wish to `show`. Stops early if requested.
  static void decode(const Piece& piece, const std::stop_token& stop, const LookBack::Take& show) {
    if (stop.stop_requested()) return;
    const auto& first = piece.packets.front().packet;
    media::Dictionary none;
    media::Decoder decoder(*media::make_parameters(*first.stream).codec, media::PacketTicks::kTimeBase, {},
                           none);
    media::PacketTicks ticks(first.pts);
    const auto& orientation = media::make_parameters(*first.stream).orientation;
    media::FrameMaker maker(std::nullopt, orientation.added);
    maker.set_turn(orientation.stored);
    std::map<std::int64_t, const StampedPacket*> sent;  // by pts in ticks
    media::AvFramePtr shown;                            // the newest decoded frame
    const StampedPacket* kept = nullptr;                // its packet
    double shown_at = -HUGE_VAL;  // the decoder outputs frames in pts order, so this never decreases
    auto wish = piece.wishes.begin();
    const auto answer = [&](double until) {  // answers the wishes before the frame at `until`
      bool wanted = false;
      for (; wish != piece.wishes.end() && *wish < until; ++wish) wanted = kept != nullptr;
      if (wanted) {
        show({kept->stamp, maker.make(std::move(shown))});
        kept = nullptr;
      }
    };
    const auto receive = [&] {
      while (true) {
        auto frame = media::make_av_frame();
        const auto result = decoder.receive(*frame);
        if (result == media::Decoder::Result::Damaged) continue;
        if (result != media::Decoder::Result::Frame) return;
        const auto found = sent.find(frame->pts);
        if (found == sent.end() || decoder.is_damaged(*frame)) continue;
        shown_at = std::max(shown_at, piece.find_time(*found->second));
        answer(shown_at);
        shown = std::move(frame);
        kept = found->second;
      }
    };
    for (const auto& each : piece.packets) {
      if (stop.stop_requested()) return;
      const auto packet = ticks.next(each.packet);
      sent.emplace(packet->pts, &each);
      if (decoder.send(*packet, each.stamp.captured)) receive();
    }
    decoder.finish();
    receive();
    answer(HUGE_VAL);
  }

  /// Returns true if the oldest group is older than `seconds_` needs, or exceeds max_bytes.
  [[nodiscard]] bool holds_too_much() const FRESHFRAME_REQUIRES(mutex_) {
    return groups_.size() > 1 &&
           (Seconds(newest_->captured - groups_[1].packets.front().stamp.captured).count() >= seconds_ ||
            bytes_ > max_bytes_);
  }

  [[nodiscard]] double measure_hole(const Pause& pause) const FRESHFRAME_REQUIRES(mutex_) {
    constexpr double kTimes = 3;
    const double usual = pause.usual > 0 ? pause.usual : distances_.usual();
    const double length = Seconds(pause.to - pause.from).count();
    return usual > 0 && length >= std::max(kLeastHole, kTimes * usual) ? length : 0;
  }

  void note_newest(const Stamp& stamp) FRESHFRAME_REQUIRES(mutex_) {
    const bool is_other = !newest_ || stamp.source != newest_->source;
    if (!is_other && stamp.captured < newest_->captured) return;
    if (newest_) note_distance(stamp, is_other);
    newest_ = stamp;
    while (!pauses_.empty() && Seconds(stamp.captured - pauses_.front().to).count() > 2 * seconds_)
      pauses_.pop_front();
  }

  /// `is_other` means that the stamp is from another source than the newest frame.
  void note_distance(const Stamp& stamp, bool is_other) FRESHFRAME_REQUIRES(mutex_) {
    const double since = Seconds(stamp.captured - newest_->captured).count();
    if (since >= kLeastHole)
      pauses_.push_back({newest_->captured, stamp.captured, distances_.settled_usual()});
    if (!is_other) distances_.add(since);
    const auto is_open = [](const Pause& pause) { return pause.usual == 0; };
    if (std::ranges::any_of(pauses_, is_open)) {  // each pause is judged once, by the frame rate at that time
      const double usual = is_other ? distances_.usual() : distances_.settled_usual();
      for (auto& pause : pauses_) pause.usual = is_open(pause) ? usual : pause.usual;
    }
    if (is_other) distances_ = {};
  }

  /// Seconds of gaps that began at or after `from` and before `until`.
  [[nodiscard]] double gap_between(TimePoint from, TimePoint until, TimePoint now) const {
    const Lock lock(mutex_);
    auto pauses = pauses_;
    if (newest_) pauses.push_back({newest_->captured, now, distances_.usual()});
    double seconds = 0;
    for (const auto& pause : pauses) {
      if (pause.from >= from && pause.from < until) seconds += measure_hole(pause);
    }
    return seconds;
  }

  const double seconds_;
  const std::size_t max_bytes_;
  mutable Mutex mutex_;
  std::deque<Group> groups_ FRESHFRAME_GUARDED_BY(mutex_);
  std::deque<Pause> pauses_ FRESHFRAME_GUARDED_BY(mutex_);
  std::size_t bytes_ FRESHFRAME_GUARDED_BY(mutex_) = 0;
  std::optional<Stamp> newest_ FRESHFRAME_GUARDED_BY(mutex_);  // newest capture time of the current source
  PictureDistances distances_ FRESHFRAME_GUARDED_BY(mutex_);   // intervals of that source
  bool waits_ FRESHFRAME_GUARDED_BY(mutex_) = true;            // for a keyframe
};

constexpr int kLookQuality = 85;  // JPEG quality

std::shared_ptr<const PacketStream> jpeg_stream(const Frame& frame) {
  media::CodecParametersPtr codec(avcodec_parameters_alloc());
  if (!codec) throw std::bad_alloc();
  codec->codec_type = AVMEDIA_TYPE_VIDEO;
  codec->codec_id = AV_CODEC_ID_MJPEG;
  codec->width = frame.width();
  codec->height = frame.height();
  auto stream = std::make_shared<PacketStream>();
  stream->codec = "mjpeg";
  stream->format = "raw";
  stream->width = frame.width();
  stream->height = frame.height();
  stream->native = std::make_shared<const media::StreamParameters>(media::StreamParameters{std::move(codec)});
  return stream;
}

Packet jpeg_packet(const std::string& bytes, const Stamp& stamp, std::shared_ptr<const PacketStream> stream) {
  auto packet = media::make_av_packet();
  if (av_new_packet(packet.get(), static_cast<int>(bytes.size())) < 0) throw std::bad_alloc();
  std::memcpy(packet->data, bytes.data(), bytes.size());
  const std::shared_ptr<AVPacket> owner(std::move(packet));
  return {.data = {owner->data, bytes.size()},
          .pts = stamp.pts,
          .dts = stamp.pts,
          .is_keyframe = true,
          .damaged = stamp.damaged,
          .stream = std::move(stream),
          .owner = owner};
}

/// A Look on a port of frames.
struct FrameLook {
  explicit FrameLook(const LookOptions& options) : ring(options), every(options.every) {
    constexpr double kMost = 60;
    if (!(every >= 0 && every <= kMost))
      throw OptionError("every of a Look must be 0 to 60 s, got " + core::seconds_text(every));
  }

  void keep(const Sample<Frame>& sample) {
    const auto& frame = sample.value;
    if (!is_due(sample.stamp)) return;
    const auto jpeg = encoder.encode(frame, frame.width(), kLookQuality);
    if (!stream || stream->width != frame.width() || stream->height != frame.height())
      stream = jpeg_stream(frame);
    if (!ring.add(jpeg_packet(jpeg.bytes, sample.stamp, stream), sample.stamp))
      throw Error("a frame has " + std::to_string(jpeg.bytes.size()) +
                  " bytes as JPEG, more than max_bytes= of the Look: increase it");
  }

  [[nodiscard]] bool is_due(const Stamp& stamp) {
    constexpr double kEarly = 0.01;  // seconds of tolerance, because frames arrive slightly early or late
    if (kept && kept->source == stamp.source) {
      const double since = Seconds(stamp.captured - kept->captured).count();
      if (since >= 0 && since < every - kEarly) return false;
    }
    kept = stamp;
    return true;
  }

  LookRing ring;
  const double every;
  media::JpegEncoder encoder;
  std::optional<Stamp> kept;  // stamp of the newest frame that was kept
  std::shared_ptr<const PacketStream> stream;
};

/// A Look on a port of packets.
struct PacketLook {
  explicit PacketLook(const LookOptions& options) : ring(options) {}

  void keep(const Sample<Packet>& sample) {
    media::check_packet_times(sample.value, "keep a camera's packets");
    if (sample.dropped > 0) ring.wait_for_key();
    if (!ring.add(sample.value, sample.stamp) && !std::exchange(told, true)) {
      log(LogLevel::Warning,
          "a Look keeps nothing up to the camera's next keyframe: the packets since the last one are larger than "
          "max_bytes");
    }
  }

  LookRing ring;
  bool told = false;  // a warning that max_bytes is too small was logged
};

}  // namespace

std::vector<Snapshot> LookBack::snapshots(const LookQuestion& question) {
  std::vector<Snapshot> out;
  look(question, [&out](Snapshot snapshot) { out.push_back(std::move(snapshot)); });
  return out;
}

struct Look::Impl : media::TwoForms<FrameLook, PacketLook> {
  using TwoForms::TwoForms;
};

Look::Look(const LookOptions& options) : impl_(std::make_unique<Impl>(options)) {}

Look::~Look() = default;

void Look::look(const LookQuestion& question, const Take& take) {
  impl_->with([&](auto& form) { form.ring.look(question, take); });
}

/// Packets depend on earlier packets, so the queue must not drop any, as for a recorder.
NodeContract Look::contract() const {
  return {.needs_one_source = true, .records = impl_->takes_packets()};
}

std::vector<const TypeInfo*> Look::input_types() const {
  return impl_->input_types();
}

void Look::set_input(const TypeInfo* type) {
  impl_->set_input(type);
}

std::optional<Nothing> Look::process(const Sample<Frame>& sample, const Context& /*context*/) {
  impl_->get_frames().keep(sample);
  return std::nullopt;
}

std::optional<Nothing> Look::process(const Sample<Packet>& sample, const Context& /*context*/) {
  impl_->get_packets().keep(sample);
  return std::nullopt;
}

}  // namespace freshframe
