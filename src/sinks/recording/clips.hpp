// The clips of a recorder: the last packets of a stream, and the files that are cut from them.
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
#include "sinks/recording/packet_ring.hpp"

namespace freshframe::media {

// One clip that is being written.

/// A file, identified independently of its name.
struct ClipFile {
  explicit ClipFile(const std::string& name);
  bool operator==(const ClipFile& other) const { return same == other.same; }

  std::string path;   // the path as given
  std::string place;  // the place of that path
  std::filesystem::path same;
};

/// The stream that clips are cut from.
struct ClipStream {
  CodecParametersPtr codec;
  AVRational time_base{1, 1};  // time base of its packets
  AVRational rate{0, 1};       // 0/1: not known
  double first_pts = 0;        // seconds, at tick 0
  Dictionary options = {};     // options of the muxer
  /// The stream of a camera's own packets. A clip has all of them from its first one on. Null for an encoder's
  /// packets: then the clip lacks packets that are shown before the first one, which may need packets from before it.
  std::shared_ptr<const PacketStream> camera = {};
};

/// A file of packets that begins with a keyframe at its second 0. One thread. All throw Error naming the
/// file.
class Clip {
 public:
  /// Opens the file without changing it.
  explicit Clip(ClipFile file) : file_(std::move(file)), muxer_(file_.place) {}

  [[nodiscard]] const ClipFile& file() const noexcept { return file_; }
  [[nodiscard]] bool begun() const noexcept { return begun_; }
  [[nodiscard]] bool had_content() const noexcept { return muxer_.had_content(); }
  /// The requested first and last tick.
  [[nodiscard]] std::int64_t from() const noexcept { return from_; }
  [[nodiscard]] std::int64_t to() const noexcept { return to_; }
  /// Extends it to the ticks `from` to `to`. A clip that has begun is not extended to the front.
  void extend(std::int64_t from, std::int64_t to);
  /// Begins at the last keyframe at or before from(). False means it would end before the first frame in the
  /// ring.
  [[nodiscard]] bool begin_file(const ClipStream& stream, const PacketRing& ring);
  /// Ticks by which its first frame is before from(), once it has begun; below 0: after it.
  [[nodiscard]] std::int64_t early() const noexcept { return early_; }
  /// Writes the packets of the ring that have not been written. False means the ring has packets after the
  /// clip's end.
  [[nodiscard]] bool follow(const PacketRing& ring);
  /// Passes the written packets to the operating system, before a pause of the stream.
  void flush() { muxer_.flush(); }
  /// Closes the file, which is unchanged if the clip has not begun.
  void finish() { muxer_.finish(); }

 private:
  [[nodiscard]] bool take(const AVPacket& packet);

  ClipFile file_;
  VideoMuxer muxer_;
  AVRational time_base_{1, 1};
  bool keeps_all_ = false;  // packets
  std::int64_t from_ = INT64_MAX;
  std::int64_t to_ = INT64_MIN;
  std::int64_t first_ = 0;  // pts of its first frame
  std::int64_t early_ = 0;
  std::int64_t taken_ = 0;  // dts of the last packet
  bool begun_ = false;
};

// The clips that a program has asked for: from save() in any thread to the recorder's own.

/// A request of save().
struct ClipOrder {
  ClipFile file;
  std::optional<double> pts;   // time of the event
  std::unique_ptr<Clip> clip;  // nullptr: a clip of that file existed already
};

/// Thread-safe.
class ClipOrders {
 public:
  /// save() works from here on.
  void begin_orders();
  /// Opens the file, unless it is being written, and adds an order. After the end it logs a warning instead. Throws
  /// OptionError for a `pts` that is no time, Error, and StateError before begin_orders().
  void save(const std::string& path, std::optional<double> pts);
  /// The paths of the files that are being written.
  [[nodiscard]] std::vector<std::string> paths() const;

  // The recorder's thread.
  /// Clips are of a camera's own packets, which not every container holds: save() refuses the others.
  void set_camera(std::shared_ptr<const PacketStream> camera);
  [[nodiscard]] std::vector<ClipOrder> take();
  /// Only those for this file.
  [[nodiscard]] std::vector<ClipOrder> take(const ClipFile& file);
  /// The file is closed.
  void forget(const ClipFile& file);
  /// save() no longer works.
  void end_orders();
  /// Ends, unless a file is being written, also by an order. Returns false if one is.
  [[nodiscard]] bool end_if_none();
  /// The orders that are still waiting; all files count as closed.
  [[nodiscard]] std::vector<ClipOrder> clear();

 private:
  enum class State : std::uint8_t { New, Running, Ended };

  /// Returns false after the end.
  [[nodiscard]] bool add(const std::string& path, std::optional<double> pts);
  /// Returns false after the end: a program cannot foresee it, so it is no error. Throws StateError before begin_orders().
  [[nodiscard]] bool is_running(const std::string& path) const FRESHFRAME_REQUIRES(mutex_);
  [[nodiscard]] bool is_written(const ClipFile& file) const FRESHFRAME_REQUIRES(mutex_);

  Mutex opening_{LockRank::Graph};  // locked while a clip's file opens, before `mutex_`
  mutable Mutex mutex_;
  std::vector<ClipOrder> orders_ FRESHFRAME_GUARDED_BY(mutex_);
  std::vector<ClipFile> writing_ FRESHFRAME_GUARDED_BY(mutex_);
  std::shared_ptr<const PacketStream> camera_ FRESHFRAME_GUARDED_BY(mutex_);
  State state_ FRESHFRAME_GUARDED_BY(mutex_) = State::New;
};

/// Packets of one stream, of an encoder or a camera. A clip that cannot be written affects no other: its failure is
/// kept for throw_failure(). The node's thread, except orders().
class Clips {
 public:
  /// Throws OptionError.
  explicit Clips(const ClipOptions& options);

  [[nodiscard]] ClipOrders& orders() noexcept { return orders_; }
  [[nodiscard]] const ClipOrders& orders() const noexcept { return orders_; }

  /// Packets of this stream follow.
  void begin_stream(ClipStream stream);
  [[nodiscard]] bool has_stream() const noexcept { return stream_.has_value(); }
  /// Something has come.
  void note_arrival(TimePoint now) { arrived_ = now; }
  /// A picture of the stream has come, whose packet may follow later.
  void note(int source, double pts) {
    newest_ = std::max(newest_, pts);
    source_ = source;
  }
  /// The largest pts so far.
  [[nodiscard]] double newest() const noexcept { return newest_; }
  /// Returns the reason why no clip goes on with this picture, or an empty text: it is of another source, the time goes
  /// back, or it leaps by more than an MP4 can hold.
  [[nodiscard]] std::string why_over(int source, double pts) const;
  /// Keeps a packet of the stream, with times in its time base, and writes it to the open clips.
  void add(const AVPacket& packet);
  /// Begins and extends the clips that were asked for.
  void take_orders();
  /// Keeps the memory below max_bytes, also of a camera that sends no second keyframe. Clips that have begun go on,
  /// others begin at the next keyframe. Returns how many packets it has dropped that no clip has.
  [[nodiscard]] std::uint64_t limit();
  /// All clips end: no packet of this stream follows.
  void end_stream();

  /// Notes that no frame comes for a while. A live source may be away: its clips end at their time.
  /// `before_pause` is called once then.
  void idle(const Clock& clock, const std::function<void()>& before_pause);
  [[nodiscard]] std::optional<TimePoint> idle_at() const;
  /// Whether the stream goes on after such a pause. Returns true once.
  [[nodiscard]] bool take_pause() noexcept { return std::exchange(paused_, false); }

  /// Ends the input: neither packets nor orders follow.
  void finish();
  /// Keeps the first failure of `deed` for throw_failure(), and logs the others.
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
  void obey(ClipOrder& order);
  [[nodiscard]] std::int64_t tick(double pts) const;
  [[nodiscard]] double seconds(std::int64_t ticks) const;
  [[nodiscard]] double compute_pts(std::int64_t tick) const;

  double before_;
  double after_;
  std::size_t max_bytes_;
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
