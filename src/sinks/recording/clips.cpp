// The clips of a recorder.
// SPDX-License-Identifier: Apache-2.0
#include "sinks/recording/clips.hpp"

#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <array>
#include <cmath>
#include <cstdio>
#include <iterator>
#include <new>

#include "core/file_place.hpp"
#include "core/unit_text.hpp"
#include "media/ffmpeg/error.hpp"
#include "media/ffmpeg/log.hpp"
#include "media/ffmpeg/write/frame_encoder.hpp"
#include "media/packets/containers.hpp"
#include "media/packets/parameters.hpp"

namespace freshframe::media {

// One clip being written.

void Clip::extend(std::int64_t from, std::int64_t to) {
  from_ = std::min(from_, from);
  to_ = std::max(to_, to);
}

bool Clip::begin_file(const ClipStream& stream, const PacketRing& ring) {
  const AVPacket* key = ring.key_before(from_);
  if (key == nullptr || key->pts > to_) return false;
  Turn turn;
  if (stream.camera) {
    check_container(file_.path, *stream.camera);
    warn_about_turn(file_.path, *stream.camera);
    turn = make_parameters(*stream.camera).orientation.total();
  }
  auto own = stream.options.copy();
  const int result = muxer_.start(*stream.codec, stream.time_base, stream.rate, own, turn);
  if (result < 0) throw Error("cannot create '" + file_.path + "': " + ffmpeg_text(result));
  begun_ = true;
  time_base_ = stream.time_base;
  keeps_all_ = stream.camera != nullptr;
  first_ = key->pts;
  early_ = from_ - first_;
  taken_ = key->dts - 1;
  return true;
}

bool Clip::follow(const PacketRing& ring) {
  return ring.visit_after(taken_, [this](const AVPacket& packet) { return take(packet); });
}

bool Clip::take(const AVPacket& packet) {
  // All frames shown up to `to_` have arrived. After a pause this is also true before a keyframe.
  if (packet.dts > to_ || (is_key(packet) && packet.pts > to_)) return false;
  taken_ = packet.dts;
  // Frames shown before the first keyframe but stored after it may depend on frames before it.
  if (packet.pts < first_ && !keeps_all_) return true;
  const AvPacketPtr own(av_packet_clone(&packet));
  if (!own) throw std::bad_alloc();
  own->pts -= first_;
  own->dts -= first_;
  muxer_.write(*own, time_base_);
  return true;
}

// The clips requested by the program.

ClipFile::ClipFile(const std::string& name)
    : path(name), place(core::lasting_path(name)), same(core::one_name(name)) {}

void ClipOrders::begin_orders(std::shared_ptr<ClipRoom> room) {
  const Lock lock(mutex_);
  room_ = std::move(room);
  state_ = State::Running;
}

void ClipOrders::save(const std::string& path, std::optional<double> pts) {
  if (pts && !std::isfinite(*pts)) throw OptionError("pts must be seconds, got " + std::to_string(*pts));
  if (add(path, pts)) return;
  log(LogLevel::Warning,
      "clip '" + path + "': save() had no effect, because the stream of its recorder had ended before");
}

bool ClipOrders::add(const std::string& path, std::optional<double> pts) {
  const ClipFile file(path);
  const Lock alone(opening_);  // two calls for the same file must not both open it
  std::shared_ptr<ClipRoom> room;
  {
    const Lock lock(mutex_);
    if (!is_running(path)) return false;
    if (camera_) check_container(path, *camera_);
    if (is_written(file)) {
      orders_.push_back({file, pts, nullptr});
      return true;
    }
    room = room_;
  }
  auto clip = std::make_unique<Clip>(file, std::move(room));
  const Lock lock(mutex_);
  if (!is_running(path)) return false;
  writing_.push_back(file);
  orders_.push_back({file, pts, std::move(clip)});
  return true;
}

void ClipOrders::set_camera(std::shared_ptr<const PacketStream> camera) {
  const Lock lock(mutex_);
  camera_ = std::move(camera);
}

bool ClipOrders::is_running(const std::string& path) const {
  if (state_ == State::New)
    throw StateError("cannot write clip '" + path + "': the recorder's pipeline is not running yet");
  return state_ == State::Running;
}

bool ClipOrders::is_written(const ClipFile& file) const {
  return std::find(writing_.begin(), writing_.end(), file) != writing_.end();
}

std::vector<std::string> ClipOrders::paths() const {
  const Lock lock(mutex_);
  std::vector<std::string> result;
  for (const auto& file : writing_) result.push_back(file.path);
  return result;
}

std::vector<ClipOrder> ClipOrders::take() {
  const Lock lock(mutex_);
  return std::exchange(orders_, {});
}

std::vector<ClipOrder> ClipOrders::take(const ClipFile& file) {
  std::vector<ClipOrder> meant;
  const Lock lock(mutex_);
  const auto others = std::stable_partition(orders_.begin(), orders_.end(),
                                            [&](const ClipOrder& order) { return !(order.file == file); });
  std::move(others, orders_.end(), std::back_inserter(meant));
  orders_.erase(others, orders_.end());
  return meant;
}

void ClipOrders::forget(const ClipFile& file) {
  const Lock lock(mutex_);
  std::erase(writing_, file);
}

void ClipOrders::end_orders() {
  const Lock lock(mutex_);
  state_ = State::Ended;
}

bool ClipOrders::end_if_none() {
  const Lock lock(mutex_);
  if (!writing_.empty()) return false;
  state_ = State::Ended;
  return true;
}

std::vector<ClipOrder> ClipOrders::clear() {
  const Lock lock(mutex_);
  writing_.clear();
  room_.reset();  // does not wait for deletions, because Clips still owns the room
  return std::exchange(orders_, {});
}

namespace {

constexpr double kLongestAround = 24 * 3600;  // maximum seconds before or after an event
// maximum seconds between frames: MP4 stores durations in 31 bits of ticks
constexpr double kLongestGap = 6 * 3600;
constexpr double kLongestReorder = 2;  // maximum seconds that B-frames are reordered by
constexpr Seconds kIdleInterval{1};    // interval between checks of the clips while no frame arrives
constexpr double kFarthest = 1e12;     // maximum seconds from the first frame: fits in 64 bits of ticks

void check_seconds(const char* name, double seconds) {
  if (seconds >= 0 && seconds <= kLongestAround) return;
  throw OptionError(std::string(name) + " of a clip must be 0 to 86400 seconds, got " +
                    core::seconds_text(seconds));
}

std::string with_decimals(const char* format, double first, double second = 0) {
  std::array<char, 80> text{};
  std::snprintf(text.data(), text.size(), format, first, second);
  return text.data();
}

}  // namespace

Clips::Clips(const ClipOptions& options)
    : before_(options.before),
      after_(options.after),
      max_bytes_(options.max_bytes),
      keep_(make_clip_keep(options)),
      ring_(options.before, options.max_bytes) {
  install_ffmpeg_log();
  check_seconds("before", before_);
  check_seconds("after", after_);
  if (options.max_bytes == 0) throw OptionError("max_bytes must be at least 1, got 0");
}

void Clips::open() {
  if (keep_) room_ = std::make_shared<ClipRoom>(*keep_);
  orders_.begin_orders(room_);
}

void Clips::begin_stream(ClipStream stream) {
  ring_.begin_stream(stream.time_base);
  newest_ = stream.first_pts;
  orders_.set_camera(stream.camera);
  stream_ = std::move(stream);
}

std::string Clips::why_over(int source, double pts) const {
  if (source != source_) return "the frames come from another source";
  const double step = pts - newest_;
  if (step < -kLongestReorder) return "the time of the source went back by " + core::seconds_text(-step);
  return step > kLongestGap ? "there was no frame for " + core::seconds_text(step) : std::string();
}

void Clips::add(const AVPacket& packet) {
  if (!ring_.push(packet) && !std::exchange(short_told_, true)) {
    log(LogLevel::Warning, "clips start only " + core::seconds_text(ring_.span()) +
                               " before their event, not " + core::seconds_text(before_) +
                               ": max_bytes holds no more. Raise max_bytes, or raise crf");
  }
  each_clip([this](Clip& clip) { return go_on(clip); });
}

std::uint64_t Clips::limit() {
  const auto dropped = ring_.drop_what_is_above();
  if (dropped == 0) return 0;
  if (!std::exchange(endless_told_, true)) {
    log(LogLevel::Warning, "the camera has sent more than max_bytes, " + std::to_string(max_bytes_) +
                               " bytes, since its last keyframe: clips can only start at the next one. Set a "
                               "shorter keyframe interval in the camera, or raise max_bytes");
  }
  const bool is_written = std::ranges::any_of(clips_, [](const Writing& one) { return one.clip->begun(); });
  return is_written ? 0 : dropped;
}

/// Continues a clip. Returns false when it is complete.
bool Clips::go_on(Clip& clip) {
  if (!clip.begun()) {
    if (ring_.newest() < clip.from()) return true;  // the encoder has not reached its start
    if (!ring_.has_key() && ring_.newest() <= clip.to()) return true;  // a keyframe may still arrive
    while (!clip.begin_file(*stream_, ring_)) {
      if (!made_longer(clip)) return false;
    }
  }
  while (!clip.follow(ring_)) {
    if (!made_longer(clip)) return false;
  }
  return true;
}

/// Applies pending requests that extend a clip that is about to end. Returns false if there are none.
bool Clips::made_longer(Clip& clip) {
  const auto meant = orders_.take(clip.file());
  for (const auto& order : meant) extend(clip, order);
  return !meant.empty();
}

void Clips::extend(Clip& clip, const ClipOrder& order) const {
  const double event = order.pts.value_or(newest_);
  clip.extend(tick(event - before_), tick(event + after_));
}

/// Calls `keeps` for each clip. Ends those for which it returns false or throws.
void Clips::each_clip(const std::function<bool(Clip&)>& keeps) {
  std::erase_if(clips_, [&](Writing& one) {
    bool kept = false;
    keep_failure([&] {
      kept = keeps(*one.clip);
      if (!kept) end_clip(*one.clip);
    });
    if (kept) return false;
    one.clip.reset();  // closes the file
    orders_.forget(one.file);
    return true;
  });
}

void Clips::end_clip(Clip& clip) const {
  clip.finish();
  if (!clip.begun()) return tell_empty(clip);
  const double early = seconds(clip.early());
  log(LogLevel::Info,
      "clip '" + clip.file().path + "' is written" +
          (early > 0
               ? with_decimals(": the keyframe with which it starts is %.2f s earlier than requested", early)
               : ""));
}

// Returns advice if an event's time is so far ahead that it cannot be the pts of a sample, or "".
std::string Clips::advise_pts(double pts) const {
  constexpr double kFarAhead = 3600;  // seconds
  if (!ring_.has_key() || pts < compute_pts(ring_.newest()) + kFarAhead) return "";
  return ". Pass sample.pts, the seconds in the video, not the time of a clock";
}

void Clips::tell_empty(const Clip& clip) const {
  log(LogLevel::Warning, "clip '" + clip.file().path + "' was not written: " + why_empty(clip) +
                             "; the file " +
                             (clip.had_content() ? "keeps its old content" : "was not created") +
                             (stream_ ? advise_pts(compute_pts(clip.to())) : ""));
}

std::string Clips::why_empty(const Clip& clip) const {
  if (!stream_ || !ring_.has_key()) return "no keyframe is in memory";
  const double last = compute_pts(ring_.newest());
  constexpr const char* kRange = "pts %.1f to %.1f s";
  return "it was to contain " + with_decimals(kRange, compute_pts(clip.from()), compute_pts(clip.to())) +
         ", but the frames in memory are from " + with_decimals(kRange, last - ring_.span(), last);
}

void Clips::keep_failure(const std::function<void()>& deed) {
  try {
    deed();
  } catch (const std::exception& error) {
    if (failure_) {
      log(LogLevel::Error, error.what());
    } else {
      failure_ = std::current_exception();
    }
  }
}

void Clips::throw_failure() {
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

void Clips::take_orders() {
  if (!stream_) return;
  auto taken = orders_.take();
  if (taken.empty()) return;
  for (auto& order : taken) {
    try {
      obey(order);
    } catch (...) {
      orders_.forget(order.file);
      keep_failure([] { throw; });
    }
  }
  each_clip([this](Clip& clip) { return go_on(clip); });
}

// Warns when the clip is requested, not when it ends, because a clip around a time that is never reached
// stays open until the stream ends.
void Clips::warn_about_clock(const ClipOrder& order) const {
  const auto advice = order.pts ? advise_pts(*order.pts) : "";
  if (advice.empty()) return;
  log(LogLevel::Warning, "clip '" + order.file.path + "': " +
                             with_decimals("pts=%.1f s is far ahead of the newest frame, %.1f s", *order.pts,
                                           compute_pts(ring_.newest())) +
                             advice);
}

void Clips::obey(ClipOrder& order) {
  warn_about_clock(order);
  for (const auto& [file, clip] : clips_) {
    if (file == order.file) return extend(*clip, order);
  }
  // the previous clip of this file has ended
  if (!order.clip) order.clip = std::make_unique<Clip>(order.file, room_);
  extend(*order.clip, order);
  clips_.push_back({order.file, std::move(order.clip)});
}

void Clips::end_stream() {
  if (!stream_) return;
  take_orders();
  each_clip([](Clip&) { return false; });
  stream_.reset();
}

void Clips::idle(const Clock& clock, const std::function<void()>& before_pause) {
  const auto away = Seconds(clock.now() - *arrived_).count();
  if (away >= kPause && !std::exchange(paused_, true)) {
    before_pause();
    each_clip([](Clip& clip) {
      clip.flush();
      return true;
    });
  }
  take_orders();
  if (stream_ && paused_)
    each_clip([now = tick(newest_ + away)](const Clip& clip) { return clip.to() >= now; });
  woke_ = clock.now();
}

std::optional<TimePoint> Clips::idle_at() const {
  if (!arrived_) return std::nullopt;
  return std::max(*arrived_, woke_) + to_duration(kIdleInterval);
}

void Clips::finish() {
  stream_.reset();
  ring_.begin_stream({1, 1});  // frees the packets: the recorder may outlive its pipeline for long
  for (const auto& order : orders_.clear()) {  // no frame ever arrived
    if (order.clip) tell_empty(*order.clip);
  }
  room_.reset();
  throw_failure();
}

std::int64_t Clips::tick(double pts) const {
  const double from_first = std::clamp(pts - stream_->first_pts, -kFarthest, kFarthest);
  return std::llround(from_first / av_q2d(stream_->time_base));
}

double Clips::seconds(std::int64_t ticks) const {
  return static_cast<double>(ticks) * av_q2d(stream_->time_base);
}

double Clips::compute_pts(std::int64_t tick) const {
  return stream_->first_pts + seconds(tick);
}

}  // namespace freshframe::media
