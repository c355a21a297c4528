// A session with an RTSP server: connects to its address and receives the packets of its video (RFC 2326).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sources/rtsp/packets/packet_order.hpp"
#include "sources/rtsp/protocol/address.hpp"
#include "sources/rtsp/protocol/sdp.hpp"
#include "sources/rtsp/session/datagrams.hpp"
#include "sources/rtsp/session/dialogue.hpp"
#include "sources/rtsp/session/keep_alive.hpp"
#include "sources/rtsp/session/link.hpp"

namespace freshframe::media::rtsp {

enum class Transport : std::uint8_t { TcpThenUdp, UdpThenTcp };

struct SessionOptions {
  Transport transport = Transport::TcpThenUdp;
  std::string user_agent = {};
  int receive_buffer = 4 << 20;   // bytes of the UDP receive buffer: 1 s at 30 Mbit/s
  bool swaps_keep_alive = false;  // use the keep-alive request that the server does not suggest
  Seconds farewell{0.1};          // maximum wait for the response to TEARDOWN
};

/// Receives what a session reads. All calls are made on the thread in Session::run().
class PacketSink {
 public:
  PacketSink() = default;
  PacketSink(const PacketSink&) = delete;
  PacketSink& operator=(const PacketSink&) = delete;
  virtual ~PacketSink() = default;

  virtual void on_packet(Bytes bytes, TimePoint arrived) = 0;
  /// Handles RTCP. Throws Fault if the sender says BYE.
  virtual void on_report(Bytes bytes, TimePoint arrived) = 0;
  /// When to call on_time(), by the clock of `arrived`; nullopt for never.
  [[nodiscard]] virtual std::optional<TimePoint> due() const = 0;
  virtual void on_time(TimePoint now) = 0;
  /// Returns true if report() should be sent immediately, not at the next interval.
  [[nodiscard]] virtual bool is_urgent(TimePoint now) const = 0;
  /// Returns a receiver report for the server.
  [[nodiscard]] virtual std::vector<std::uint8_t> report(TimePoint now) = 0;
};

/// Not thread-safe. Every function throws Fault.
class Session {
 public:
  /// Returns a host's numeric addresses, best first. Throws Fault.
  using Resolve = std::function<std::vector<std::string>(const std::string& host)>;

  /// `companion` is kept until the session with the server ends, which may be slightly after this object's
  /// destruction.
  Session(Address address, SessionOptions options, Waiter& waiter, const Clock& clock,
          std::shared_ptr<const void> companion = nullptr);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  /// Sends TEARDOWN and waits up to `farewell` for the response. After a stop, a detached thread waits
  /// instead if the response does not arrive immediately.
  ~Session();

  /// Connects, and sends DESCRIBE and SETUP. Follows redirects. `choose` returns the index of the media to
  /// receive, or throws Fault.
  using Choose = std::function<std::size_t(const Description& description)>;
  void open(const Resolve& resolve, const Choose& choose, TimePoint deadline);
  /// Starts the stream. Packets that arrive before the response are kept.
  void play(TimePoint deadline);
  /// Passes packets to the sink until the connection is lost or `waiter` is stopped, then throws.
  void run(PacketSink& sink);

  [[nodiscard]] const Media& media() const noexcept { return media_; }
  [[nodiscard]] bool over_udp() const noexcept { return datagrams_ != nullptr; }
  /// Seconds without a keep-alive after which the server ends the session.
  [[nodiscard]] Seconds timeout() const noexcept { return dialogue_->timeout(); }

 private:
  struct Timers {
    KeepAliveTimer keep_alive;
    TimePoint report{};
    std::optional<TimePoint> first_packet{};  // over UDP: deadline for the first packet
  };

  void connect(const Resolve& resolve, TimePoint deadline);
  [[nodiscard]] std::optional<std::string> describe(const Choose& choose, TimePoint deadline);
  void choose_media(const Message& answer, const Choose& choose);
  void set_up(TimePoint deadline);
  [[nodiscard]] Message ask_for_transport(TimePoint deadline);
  [[nodiscard]] bool use_own_url();
  [[nodiscard]] Message set_up_tcp(TimePoint deadline);
  [[nodiscard]] Message set_up_udp(TimePoint deadline);
  void assign_channels(const TransportAnswer& answer);
  void give(const Interleaved& packet, PacketSink& sink, TimePoint arrived);
  void read(PacketSink& sink, const std::vector<platform::Awaited>& ready);
  void keep_alive(KeepAliveTimer& timer);
  void act_on_time(PacketSink& sink, Timers& timers, TimePoint arrived_by);
  [[nodiscard]] TimePoint find_deadline(const PacketSink& sink, const Timers& timers) const;

  const std::shared_ptr<const void> companion_;
  Address address_;
  const SessionOptions options_;
  Waiter& waiter_;
  const Clock& clock_;
  std::unique_ptr<Dialogue> dialogue_;
  std::unique_ptr<Datagrams> datagrams_;
  Media media_;
  std::string base_;          // base of the description
  std::string presentation_;  // control URL of the whole presentation, as the description gives it
  std::string control_;       // the same, resolved against base_
  std::uint8_t channel_ = 0;
  std::uint8_t control_channel_ = 1;
  bool has_parameter_method_ = false;
  bool is_set_up_ = false;
  bool has_packet_ = false;
};

}  // namespace freshframe::media::rtsp
