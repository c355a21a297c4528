// Clips: the last packets of a stream, and the files that are cut from them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/media.hpp"
#include "freshframe/mutex.hpp"
#include "freshframe/packet.hpp"

#include <algorithm>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "media/ffmpeg/write/video_muxer.hpp"
#include "sinks/recording/clip_room.hpp"
#include "sinks/recording/packet_ring.hpp"

namespace freshframe::media {

// One clip being written.

/// A file, identified by what it is and not by its path.
struct ClipFile {
  explicit ClipFile(const std::string& name);
  bool operator==(const ClipFile& other) const { return same == other.same; }

  std::string path;   // path as given
  std::string place;  // resolved path
  std::filesystem::path same;
};

/// The stream that clips are cut from.
struct ClipStream {
  CodecParametersPtr codec;
  AVRational time_base{1, 1};  // time base of the packets
  AVRational rate{0, 1};       // frame rate; 0/1 if unknown
  double first_pts = 0;        // seconds, at tick 0
  Dictionary options = {};     // muxer options
  /// The stream if packets come from a camera: a clip then contains all of them from its first one on. Null
  /// if they come from an encoder: a clip then omits packets that are shown before its first one, which may
  /// depend on earlier ones.
  std::shared_ptr<const PacketStream> camera = {};
};

/// A file of packets that starts with a keyframe at second 0. Not thread-safe. All methods throw Error with
/// the file name.
class Clip {
 public:
  /// Opens the file without modifying it. Null `room`: clips are not deleted.
  explicit Clip(ClipFile file, std::shared_ptr<ClipRoom> room)
      : file_(std::move(file)),
        open_(std::move(room), file_.place),
        muxer_(file_.place, {.room = open_.room()}) {}

  [[nodiscard]] const ClipFile& file() const noexcept { return file_; }
  [[nodiscard]] bool begun() const noexcept { return begun_; }
  [[nodiscard]] bool had_content() const noexcept { return muxer_.had_content(); }
  /// The requested first and last tick.
  [[nodiscard]] std::int64_t from() const noexcept { return from_; }
  [[nodiscard]] std::int64_t to() const noexcept { return to_; }
  /// Extends the clip to the ticks `from`..`to`. Once started, it cannot be extended at the front.
  void extend(std::int64_t from, std::int64_t to);
  /// Starts at the last keyframe at or before from(). Returns false if it would end before the first frame in
  /// the ring.
  [[nodiscard]] bool begin_file(const ClipStream& stream, const PacketRing& ring);
  /// Once started: ticks by which the first frame is before from(), negative if after it.
  [[nodiscard]] std::int64_t early() const noexcept { return early_; }
  /// Writes the packets of the ring that are not written yet. Returns false if the ring has packets after the
  /// end of the clip.
  [[nodiscard]] bool follow(const PacketRing& ring);
  /// Writes buffered data to the operating system, before a pause of the stream.
  void flush() { muxer_.flush(); }
  /// Closes the file. If the clip has not started, the file is unchanged.
  void finish() { muxer_.finish(); }

 private:
  [[nodiscard]] bool take(const AVPacket& packet);

  ClipFile file_;
  OpenClip open_;  // outlives muxer_
  VideoMuxer muxer_;
  AVRational time_base_{1, 1};
  bool keeps_all_ = false;  // no packets are omitted
  std::int64_t from_ = INT64_MAX;
  std::int64_t to_ = INT64_MIN;
  std::int64_t first_ = 0;  // pts of the first frame
  std::int64_t early_ = 0;
  std::int64_t taken_ = 0;  // dts of the last packet
  bool begun_ = false;
};

// Requested clips: passed from save(), on any thread, to the recorder's thread.

/// A call of save().
struct ClipOrder {
  ClipFile file;
  std::optional<double> pts;   // time of the event
  std::unique_ptr<Clip> clip;  // null if a clip of this file is already being written
};

/// Thread-safe.
class ClipOrders {
 public:
  /// Allows save(). Null `room`: clips are not deleted.
  void begin_orders(std::shared_ptr<ClipRoom> room);
  /// Opens the file, unless it is being written, and adds a request. After the end, logs a warning instead.
  /// Throws OptionError for an invalid `pts`, Error if the file cannot be opened, and StateError before
  /// begin_orders().
  void save(const std::string& path, std::optional<double> pts);
  /// The paths of the files being written.
  [[nodiscard]] std::vector<std::string> paths() const;

  // Called on the recorder's thread.
  /// Must be called if clips contain a camera's own packets: save() then refuses containers that cannot hold
  /// them.
  void set_camera(std::shared_ptr<const PacketStream> camera);
  [[nodiscard]] std::vector<ClipOrder> take();
  /// Takes only the requests for this file.
  [[nodiscard]] std::vector<ClipOrder> take(const ClipFile& file);
  /// Must be called when the file is closed.
  void forget(const ClipFile& file);
  /// Ends save().
  void end_orders();
  /// Stops accepting requests and returns true, unless a file is being written; then returns false.
  [[nodiscard]] bool end_if_none();
  /// Returns the pending requests. All files count as closed afterwards.
  [[nodiscard]] std::vector<ClipOrder> clear();

 private:
  enum class State : std::uint8_t { New, Running, Ended };

  /// Returns false after the end.
  [[nodiscard]] bool add(const std::string& path, std::optional<double> pts);
  /// Returns false after the end, which is not an error because a program cannot foresee it. Throws
  /// StateError before begin_orders().
  [[nodiscard]] bool is_running(const std::string& path) const FRESHFRAME_REQUIRES(mutex_);
  [[nodiscard]] bool is_written(const ClipFile& file) const FRESHFRAME_REQUIRES(mutex_);

  Mutex opening_{LockRank::Graph};  // held while a clip's file is opened; locked before `mutex_`
  mutable Mutex mutex_;
  std::vector<ClipOrder> orders_ FRESHFRAME_GUARDED_BY(mutex_);
  std::vector<ClipFile> writing_ FRESHFRAME_GUARDED_BY(mutex_);
  std::shared_ptr<const PacketStream> camera_ FRESHFRAME_GUARDED_BY(mutex_);
  std::shared_ptr<ClipRoom> room_ FRESHFRAME_GUARDED_BY(mutex_);
  State state_ FRESHFRAME_GUARDED_BY(mutex_) = State::New;
};

/// The clips of one stream of an encoder or a camera. If one clip cannot be written, the others continue: its
/// failure is kept for throw_failure(). Used on the node's thread, except orders().
class Clips {
 public:
  /// Throws OptionError.
  explicit Clips(const ClipOptions& options);

  [[nodiscard]] ClipOrders& orders() noexcept { return orders_; }
  [[nodiscard]] const ClipOrders& orders() const noexcept { return orders_; }

  /// Allows save(). Throws Error, see ClipRoom.
  void open();
  /// Must be called before the packets of a new stream.
  void begin_stream(ClipStream stream);
  [[nodiscard]] bool has_stream() const noexcept { return stream_.has_value(); }
  /// Must be called when anything arrives.
  void note_arrival(TimePoint now) { arrived_ = now; }
  /// Must be called when a frame arrives; its packet may follow later.
  void note(int source, double pts) {
    newest_ = std::max(newest_, pts);
    source_ = source;
  }
  /// The largest pts so far.
  [[nodiscard]] double newest() const noexcept { return newest_; }
  /// The reason why clips cannot continue with this frame, or an empty string: it is from another source,
  /// time goes backwards, or the gap is too long for MP4.
  [[nodiscard]] std::string why_over(int source, double pts) const;
  /// Stores a packet, with times in the stream's time base, and writes it to the open clips.
  void add(const AVPacket& packet);
  /// Starts and extends the requested clips.
  void take_orders();
  /// Keeps the memory below max_bytes, even if a camera sends no second keyframe. Started clips continue,
  /// others start at the next keyframe. Returns the number of dropped packets that are in no clip.
  [[nodiscard]] std::uint64_t limit();
  /// Ends all clips. The stream has no more packets.
  void end_stream();

  /// Must be called regularly while no frame arrives. If a live source is disconnected, its clips end at
  /// their time. `before_pause` is called once in that case.
  void idle(const Clock& clock, const std::function<void()>& before_pause);
  [[nodiscard]] std::optional<TimePoint> idle_at() const;
  /// Returns true once after idle() called `before_pause`.
  [[nodiscard]] bool take_pause() noexcept { return std::exchange(paused_, false); }

  /// Ends the input: no more packets or requests follow.
  void finish();
  /// Runs `deed`. Keeps its first failure for throw_failure(), and logs later ones.
  void keep_failure(const std::function<void()>& deed);
  void throw_failure();

 private:
  struct Writing {
    ClipFile file;
    std::unique_ptr<Clip> clip;
  };

  [[nodiscard]] bool go_on(Clip& clip);
  [[nodiscard]] bool made_longer(Clip& clip);
  void extend(Clip& clip, const ClipOrder& order) const;
  void each_clip(const std::function<bool(Clip&)>& keeps);
  void end_clip(Clip& clip) const;
  void tell_empty(const Clip& clip) const;
  [[nodiscard]] std::string why_empty(const Clip& clip) const;
  [[nodiscard]] std::string advise_pts(double pts) const;
  void warn_about_clock(const ClipOrder& order) const;
  void obey(ClipOrder& order);
  [[nodiscard]] std::int64_t tick(double pts) const;
  [[nodiscard]] double seconds(std::int64_t ticks) const;
  [[nodiscard]] double compute_pts(std::int64_t tick) const;

  double before_;
  double after_;
  std::size_t max_bytes_;
  std::optional<ClipKeep> keep_;
  std::shared_ptr<ClipRoom> room_;  // set while the recorder is open; null if clips are not deleted
  std::optional<ClipStream> stream_;
  PacketRing ring_;
  std::vector<Writing> clips_;
  double newest_ = 0;
  int source_ = -1;  // see Stamp::source
  std::optional<TimePoint> arrived_;
  TimePoint woke_{};  // the last idle()
  bool paused_ = false;
  bool short_told_ = false;
  bool endless_told_ = false;
  std::exception_ptr failure_;
  ClipOrders orders_;
};

}  // namespace freshframe::media
