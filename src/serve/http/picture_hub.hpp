// Live pictures: each is encoded once for all clients, and none without clients.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/results.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "core/pipeline/pipeline_core.hpp"
#include "core/watch/picture_tap.hpp"
#include "serve/state/snapshot.hpp"

namespace freshframe::media {
class JpegEncoder;
}

namespace freshframe::serve {

/// An encoded picture, shared by all who get it.
struct LivePicture {
  std::string port;
  std::int64_t seq = 0;
  double pts = 0;
  std::uint64_t number = 0;  // number among the port's encoded pictures, from 1
  TimePoint captured{};
  std::chrono::steady_clock::time_point encoded_at{};
  int width = 0;
  int height = 0;
  PictureSize frame_size = {};  // the frame
  std::string jpeg;
};
using LivePictureRef = std::shared_ptr<const LivePicture>;
/// The Unix time of its capture in seconds, as text. `now` is the pipeline's.
[[nodiscard]] std::string capture_text(const LivePicture& picture, TimePoint now);
/// The seconds since then, as text.
[[nodiscard]] std::string age_text(const LivePicture& picture, TimePoint now);

/// A client that views ports. The methods are called on the network's thread.
class PictureClient {
 public:
  PictureClient() = default;
  PictureClient(const PictureClient&) = delete;
  PictureClient& operator=(const PictureClient&) = delete;
  virtual ~PictureClient() = default;
  /// Whether it would take a picture of this port now.
  [[nodiscard]] virtual bool wants(std::size_t port) const = 0;
  [[nodiscard]] virtual bool looks_at(std::size_t port) const = 0;
  /// The width in pixels that it can show. 0: max_side() is the limit.
  [[nodiscard]] virtual int width() const = 0;
  /// The longer side in pixels that it can show. 0: width() is the limit.
  [[nodiscard]] virtual int max_side() const { return 0; }
  /// The number of the last picture that it got of the port.
  [[nodiscard]] virtual std::uint64_t last(std::size_t port) const = 0;
  /// Whether a picture after which the port has sent another one is too old for it.
  [[nodiscard]] virtual bool needs_newest() const { return false; }
  virtual void show(std::size_t port, const LivePictureRef& picture) = 0;
};

/// The ports that can be viewed, and the thread that encodes.
///
/// Note [At most fifteen]
/// A port is asked for a picture only when a client is ready for one and the port's time has come. The time
/// advances by 1/15 s per picture from its old value, and is late by at most half of that. So pictures that are a
/// little late do not lower the rate, and it never exceeds 15 per second for longer than that.
///
/// Used on the network's thread, except the encoder's loop. The encoder has its own thread, because a
/// large picture (4K: about 10 ms) would delay answers too much.
class PictureHub {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr int kMaxWidth = 1920;

  /// `post` runs a function on the network's thread soon; it is called on any thread.
  PictureHub(std::shared_ptr<core::PipelineCore> core, std::function<void(std::function<void()>)> post);
  /// Ends the encoder and closes the taps.
  ~PictureHub();
  PictureHub(const PictureHub&) = delete;
  PictureHub& operator=(const PictureHub&) = delete;

  /// Throws OptionError when the port cannot be viewed.
  void add_port(const std::string& name);
  /// A name leads to the port that has it now: closes the taps of removed ports, and opens taps of other ports with their
  /// names. Returns the ports that have another tap, or none.
  std::vector<std::size_t> follow_names();
  [[nodiscard]] std::optional<std::size_t> find(std::string_view name) const;
  /// Whether it was added, even if no port has this name now.
  [[nodiscard]] bool has(std::string_view name) const { return find(name).has_value(); }
  /// Whether a port has this name now.
  [[nodiscard]] bool is_there(std::string_view name) const {
    const auto port = find(name);
    return port && tap(*port);
  }
  [[nodiscard]] const std::string& name(std::size_t port) const { return ports_[port].name; }
  /// Returns null if no port has the name now.
  [[nodiscard]] const std::shared_ptr<core::PictureTap>& tap(std::size_t port) const {
    return ports_[port].tap;
  }
  void start();

  void join(PictureClient& client);
  void leave(PictureClient& client);
  /// The client has become ready, or views other ports.
  void serve(PictureClient& client);
  /// Requests the pictures that are due. Returns the time of the next call; Time::max(): not before a change.
  Time pump(Time now);
  [[nodiscard]] std::vector<ViewInfo> info() const;
  /// No more pictures will arrive: the newest goes to all clients that have not got it.
  void set_over(bool over) { over_ = over; }
  [[nodiscard]] bool is_over() const { return over_; }
  /// A picture of the port has arrived, and its clients get it soon.
  [[nodiscard]] bool is_encoding(std::size_t port) const;

 private:
  struct Port {
    std::size_t index = 0;
    std::string name;
    // The next two change with the queue's mutex, on the network's thread.
    std::shared_ptr<core::PictureTap> tap;  // null means no port has the name now
    std::uint64_t tap_number = 0;           // counts the taps
    bool busy = false;                      // requested, received or being encoded
    Time due{};
    std::uint64_t encoded = 0;
    LivePictureRef newest;
    std::atomic<int> width{kMaxWidth};  // width of the pages; the encoder reads it, and the next one
    std::atomic<int> side{0};           // longer side of the streams
    bool complained = false;
  };

  // Ports that have received a picture. Shared with the taps' hooks: a call may outlive the hub.
  struct Caught {
    Port* port = nullptr;
    std::uint64_t tap_number = 0;
  };
  struct Queue {
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<Caught> caught;  // guarded by mutex
    bool closed = false;        // guarded by mutex
  };

  void encode_loop();
  void encode(const Caught& next, core::PictureTap& tap);
  void finish(const Caught& caught, LivePictureRef picture, const std::string& error);
  /// Throws Error when the port has no tap for this client.
  void open_tap(Port& port);
  void close_tap(Port& port);
  void offer(PictureClient& client, std::size_t index);
  [[nodiscard]] bool is_newest(const Port& port) const;
  [[nodiscard]] bool any_ready(std::size_t index) const;
  /// The largest of what `limit` returns for the clients of a port.
  [[nodiscard]] int find_largest(std::size_t index, int (PictureClient::*limit)() const) const;

  std::shared_ptr<core::PipelineCore> core_;
  std::function<void(std::function<void()>)> post_;
  std::deque<Port> ports_;  // addresses stay
  std::vector<PictureClient*> clients_;
  bool over_ = false;

  std::unique_ptr<media::JpegEncoder> jpeg_;  // the encoder's
  std::shared_ptr<Queue> caught_ = std::make_shared<Queue>();
  std::thread encoder_;
};

}  // namespace freshframe::serve
