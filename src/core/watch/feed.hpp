// Passes encoded frames that a browser sends from the server to the source that decodes them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"
#include "freshframe/mutex.hpp"
#include "freshframe/stats.hpp"

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace freshframe::core {

enum class FeedCodec : std::uint8_t { H264, Vp8, Vp9, Mjpeg };
/// "h264", "vp8", "vp9" or "mjpeg".
[[nodiscard]] std::string_view to_string(FeedCodec codec) noexcept;

/// Limits of the encoded image, in pixels. Phones turn it, so it may be as high as wide.
inline constexpr int kLeastFeedSide = 16;
inline constexpr int kMostFeedSide = 1920;
inline constexpr int kMostFeedPixels = 1920 * 1088;

/// What a sender declares before the first frame that it applies to. The source checks it against the frames.
struct FeedCamera {
  FeedCodec codec = FeedCodec::H264;
  int width = 0;  // size of the encoded image in pixels
  int height = 0;
  double fps = 0;  // 0 if unknown
  int turn = 0;    // clockwise rotation that makes the image upright: 0, 90, 180 or 270 degrees
};

/// One encoded frame.
struct FeedPacket {
  std::vector<std::uint8_t> bytes;
  std::uint32_t number = 0;   // increases by 1 within one sender; a gap means lost frames
  std::uint64_t skipped = 0;  // camera frames not sent so far, in total for this sender
  double pts = 0;             // seconds, by the camera's timestamps
  double error = 0;           // largest error of `captured` in seconds
  TimePoint captured{};       // capture time by the machine's monotonic clock, at most `arrived`
  TimePoint arrived{};
};

/// What the source asked a sender for: the options of open().
struct FeedWants {
  std::optional<int> width;  // both or neither
  std::optional<int> height;
  std::optional<double> fps;
};

/// Acknowledges a packet that the source took.
struct FeedAck {
  std::uint32_t number = 0;  // of the packet
  bool key = false;          // whether the source needs a keyframe; may repeat an earlier number
  double waited = 0;         // seconds that the packet waited for the source
};

/// What the server has to pass on to the latest sender. connect() discards what was meant for the previous
/// one.
struct FeedNews {
  std::vector<FeedAck> acks;  // in order
  /// The source cannot use the packets of this sender, for this reason. The server must close the sender's
  /// connection; disconnect() is not needed.
  std::optional<std::string> refused;
  /// The source has ended, for this reason, and drops further packets.
  std::optional<std::string> ended;
};

/// Belongs to one source, and is shared with the server, which may outlive it. One sender at a time.
///
/// Three groups of functions: the properties are thread-safe. The sender side is called by one server, on one
/// thread: several servers may share a pipeline, and the first that calls serve() has the feed. The taker
/// side is called by the source, on one thread.
class CameraFeed {
 public:
  /// Limits of the packets that wait. A sender that respects the acknowledgements never reaches them.
  static constexpr std::size_t kMostPackets = 64;
  static constexpr std::size_t kMostBytes = 8U << 20U;

  CameraFeed(std::string name, FeedWants wants);
  CameraFeed(const CameraFeed&) = delete;
  CameraFeed& operator=(const CameraFeed&) = delete;
  ~CameraFeed() = default;

  // ---- properties

  /// The part of "browser:NAME" after the colon; may be empty.
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] const FeedWants& wants() const noexcept { return wants_; }
  /// The last report, with the counts of earlier senders added; nullopt before the first sender.
  [[nodiscard]] std::optional<SenderStats> stats() const;

  /// Returns true if `server` has the feed or may take it.
  [[nodiscard]] bool is_open_to(const void* server) const;

  // ---- sender side

  /// Reserves the feed for `server`, until release(). Returns false if another server has it. `bell` is
  /// called when take_news() has something new, on any thread, without a lock. It must be fast and own the
  /// objects that it uses, because a call may still be running after release(). Called immediately if there
  /// is news.
  [[nodiscard]] bool serve(const void* server, std::function<void()> bell);
  /// Ends serve(), and disconnects the sender with this reason. Ignored if `server` does not have the feed.
  void release(const void* server, std::string why);
  [[nodiscard]] FeedNews take_news();
  /// A new sender starts to send, and replaces the previous one, whose waiting packets are dropped. Returns
  /// its number, which is never 0 and never reused. The functions below are ignored for any other sender.
  std::uint64_t connect();
  /// Declares the camera of the packets that follow.
  void declare(std::uint64_t sender, const FeedCamera& camera);
  /// Returns false if the packet was not accepted, because this sender was replaced or refused, has not
  /// declared its camera, or because too many packets wait. Then the server must disconnect the sender.
  [[nodiscard]] bool put(std::uint64_t sender, FeedPacket packet);
  /// Replaces the statistics of this sender. `state` and `message` (see SenderStats) explain why no frames
  /// arrive. Call it immediately when they change.
  void report(std::uint64_t sender, SenderStats stats);
  /// Call when the sender has left. Queued packets can still be taken. `why` is shown to the user, such as
  /// "the browser closed the page".
  void disconnect(std::uint64_t sender, std::string why);

  // ---- taker side

  /// The packets that one decoder can decode.
  struct Stream {
    std::uint64_t sender = 0;  // the sender's number from connect()
    FeedCodec codec = FeedCodec::H264;
    int turn = 0;  // see FeedCamera

    bool operator==(const Stream&) const = default;
  };
  struct Taken {
    FeedPacket packet;
    FeedCamera camera;
    std::uint64_t sender = 0;
    std::uint64_t missing = 0;  // packets of this sender that were lost before this one
    /// Camera frames skipped since the previous packet, including those of packets that were dropped.
    std::uint64_t skipped = 0;
  };

  /// Waits for a packet, at most until `deadline` (real time) or a stop. Also returns once the sender, or
  /// what explain() returns, has changed since the previous call. Returns true if a packet waits.
  [[nodiscard]] bool wait_packet(TimePoint deadline, const std::stop_token& stop);
  /// The stream of the oldest waiting packet; nullopt if none waits.
  [[nodiscard]] std::optional<Stream> stream() const;
  /// Takes the oldest packet if it belongs to `stream`, and acknowledges it.
  [[nodiscard]] std::optional<Taken> take(const Stream& stream, TimePoint now);
  /// Returns false if this sender has left, was replaced, or reports that it sends no frames.
  [[nodiscard]] bool is_sending(std::uint64_t sender) const;
  /// Returns why no packets arrive, as a clause: "no browser sends it", "the browser's user does not permit
  /// the camera".
  [[nodiscard]] std::string explain() const;
  /// Asks this sender for a keyframe immediately: sets FeedAck::key in the pending acknowledgement, or
  /// repeats the last one with it.
  void ask_key(std::uint64_t sender);
  /// Refuses this sender: drops its packets, and reports the reason in FeedNews.
  void refuse(std::uint64_t sender, std::string why);
  /// Returns how many packets were dropped because their sender was replaced or refused, since the last call.
  [[nodiscard]] std::uint64_t take_dropped();
  /// Call when the source has ended. Drops all packets; put() accepts none from then on. `why` is shown to
  /// the sender.
  void end(std::string why);

 private:
  using Bell = std::shared_ptr<const std::function<void()>>;

  [[nodiscard]] std::string explain_locked() const;
  [[nodiscard]] bool is_current_locked(std::uint64_t sender) const noexcept;
  void disconnect_locked(std::string why);
  void note_change_locked();
  void drop_packets_locked();
  /// Unlocks, and calls the bell.
  void ring(std::unique_lock<std::mutex> lock);

  const std::string name_;
  const FeedWants wants_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;  // for the taker
  std::deque<Taken> packets_;        // guarded by mutex_, as is everything below
  std::size_t bytes_ = 0;            // of packets_
  std::uint64_t dropped_ = 0;
  std::uint64_t dropped_skipped_ = 0;  // Taken::skipped of packets that were dropped, for the next one
  std::uint64_t senders_ = 0;          // number of the latest sender
  bool connected_ = false;             // whether the latest sender is connected
  bool ended_ = false;
  std::optional<FeedCamera> camera_;         // the camera that the latest sender has declared
  std::optional<std::uint32_t> last_put_;    // number of the latest sender's last packet
  std::uint64_t last_skipped_ = 0;           // FeedPacket::skipped of the latest sender's last packet
  std::optional<std::uint32_t> last_taken_;  // number of the last packet taken from the latest sender
  std::string left_;                         // why the latest sender left, or was refused
  std::uint64_t changes_ = 0;                // counts changes of the sender and of explain()
  std::uint64_t changes_seen_ = 0;           // value of `changes_` at the last wait_packet()
  std::optional<SenderStats> reported_;      // the latest sender's last report
  SenderStats earlier_;                      // counts of earlier senders
  FeedNews news_;
  const void* server_ = nullptr;  // the server that has the feed, or null
  Bell bell_;
};

/// The optional interface of a source fed by a browser: NodeAbilities::fed.
class FedSource {
 public:
  FedSource() = default;
  FedSource(const FedSource&) = delete;
  FedSource& operator=(const FedSource&) = delete;
  virtual ~FedSource() = default;

  /// The feed of this source, the same for its whole life. Thread-safe.
  [[nodiscard]] virtual std::shared_ptr<CameraFeed> feed() const = 0;
};

}  // namespace freshframe::core
