// Live images: each is encoded once for all clients, and only if there are clients.
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

/// An encoded image, shared by all clients.
struct LivePicture {
  std::string port;
  std::int64_t seq = 0;
  double pts = 0;
  std::uint64_t number = 0;  // sequence number among the port's encoded images, from 1
  TimePoint captured{};
  std::chrono::steady_clock::time_point encoded_at{};
  int width = 0;
  int height = 0;
  PictureSize frame_size = {};  // size of the original frame
  std::string jpeg;
};
using LivePictureRef = std::shared_ptr<const LivePicture>;
/// Capture time as Unix time in seconds. `now` is on the pipeline's clock.
[[nodiscard]] std::string capture_text(const LivePicture& picture, TimePoint now);
/// Seconds since capture.
[[nodiscard]] std::string age_text(const LivePicture& picture, TimePoint now);

/// A client of one or more ports. Called on the network thread.
class PictureClient {
 public:
  PictureClient() = default;
  PictureClient(const PictureClient&) = delete;
  PictureClient& operator=(const PictureClient&) = delete;
  virtual ~PictureClient() = default;
  /// Returns true if it would accept an image of this port now.
  [[nodiscard]] virtual bool wants(std::size_t port) const = 0;
  [[nodiscard]] virtual bool looks_at(std::size_t port) const = 0;
  /// Width in pixels that it can display; 0 if max_side() is the limit.
  [[nodiscard]] virtual int width() const = 0;
  /// Longer side in pixels that it can display; 0 if width() is the limit.
  [[nodiscard]] virtual int max_side() const { return 0; }
  /// Number of the last image of the port that it received.
  [[nodiscard]] virtual std::uint64_t last(std::size_t port) const = 0;
  /// Returns true if it accepts an image only as long as the port has not emitted a newer one.
  [[nodiscard]] virtual bool needs_newest() const { return false; }
  virtual void show(std::size_t port, const LivePictureRef& picture) = 0;
};

/// The ports that can be viewed, and the encoder thread. Note [At most fifteen] A port is asked for an image
/// only when a client is ready and the port's next due time has passed. The due time advances by 1/15 s per
/// image from its previous value, and lags by at most half of that. So images that are slightly late do not
/// lower the rate, and the rate does not exceed 15 per second for longer than that. Used on the network
/// thread. The encoder has its own thread, because a large image (4K: about 10 ms) would delay responses too
/// much.
class PictureHub {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr int kMaxWidth = 1920;

  /// `post` queues a function for the network thread. It is called from any thread.
  PictureHub(std::shared_ptr<core::PipelineCore> core, std::function<void(std::function<void()>)> post);
  /// Stops the encoder and closes the taps.
  ~PictureHub();
  PictureHub(const PictureHub&) = delete;
  PictureHub& operator=(const PictureHub&) = delete;

  /// Throws OptionError if the port cannot be viewed.
  void add_port(const std::string& name);
  /// Updates the taps after nodes were removed or added: a name refers to the port that has it now. Returns
  /// the indexes of the ports whose tap has changed.
  std::vector<std::size_t> follow_names();
  [[nodiscard]] std::optional<std::size_t> find(std::string_view name) const;
  /// Returns true if add_port() was called with this name, even if no port has it now.
  [[nodiscard]] bool has(std::string_view name) const { return find(name).has_value(); }
  /// Returns true if a port has this name now.
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
  /// Must be called when the client is ready for an image, or views other ports.
  void serve(PictureClient& client);
  /// Requests the images that are due. Returns the time of the next call, or Time::max() if only a change
  /// needs one.
  Time pump(Time now);
  [[nodiscard]] std::vector<ViewInfo> info() const;
  /// No more images will arrive: all clients get the newest one if they do not have it.
  void set_over(bool over) { over_ = over; }
  [[nodiscard]] bool is_over() const { return over_; }
  /// Returns true if an image of the port is on its way to its clients.
  [[nodiscard]] bool is_encoding(std::size_t port) const;

 private:
  struct Port {
    std::size_t index = 0;
    std::string name;
    // The next two are written under the queue's mutex on the network thread.
    std::shared_ptr<core::PictureTap> tap;  // null if no port has the name now
    std::uint64_t tap_number = 0;           // increased with each new tap
    bool busy = false;                      // requested, received or being encoded
    Time due{};
    std::uint64_t encoded = 0;
    LivePictureRef newest;
    // pixels that pages can show; set here, read by the encoder, as is the next one
    std::atomic<int> width{kMaxWidth};
    std::atomic<int> side{0};  // longer side that streams ask for
    bool complained = false;
  };

  // Ports that have received an image. Shared with the taps' hooks, whose calls may outlive the hub.
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
  /// Throws Error if the port cannot be tapped.
  void open_tap(Port& port);
  void close_tap(Port& port);
  void offer(PictureClient& client, std::size_t index);
  [[nodiscard]] bool is_newest(const Port& port) const;
  [[nodiscard]] bool any_ready(std::size_t index) const;
  /// The maximum of `limit` over the clients of a port.
  [[nodiscard]] int find_largest(std::size_t index, int (PictureClient::*limit)() const) const;

  std::shared_ptr<core::PipelineCore> core_;
  std::function<void(std::function<void()>)> post_;
  std::deque<Port> ports_;  // a deque, because addresses must not change
  std::vector<PictureClient*> clients_;
  bool over_ = false;

  std::unique_ptr<media::JpegEncoder> jpeg_;  // used by the encoder thread only
  std::shared_ptr<Queue> caught_ = std::make_shared<Queue>();
  std::thread encoder_;
};

}  // namespace freshframe::serve
