// Sends requests to an RTSP server, and reads responses and the packets in between (RFC 2326).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "media/http/authorization.hpp"
#include "sources/rtsp/protocol/address.hpp"
#include "sources/rtsp/protocol/message.hpp"
#include "sources/rtsp/protocol/stream_reader.hpp"
#include "sources/rtsp/session/link.hpp"

namespace freshframe::media::rtsp {

/// Not thread-safe.
class Dialogue {
 public:
  /// A packet received during a request. It is kept, since keyframes may be many seconds apart.
  struct Early {
    std::uint8_t channel = 0;
    std::vector<std::uint8_t> bytes;
    TimePoint arrived{};
  };
  /// Receives a packet, whose bytes are valid during the call.
  using OnPacket = std::function<void(const Interleaved& packet)>;

  Dialogue(Link link, const Address& address, std::string user_agent, const Clock& clock);

  /// Sends a request and waits for the response. Answers a challenge if credentials are available. Throws
  /// Fault, also for status 401.
  Message ask(std::string_view method, const std::string& url, const std::string& headers, Waiter& waiter,
              TimePoint deadline);
  /// Sends a request without waiting for the response. Returns false if the server does not read.
  [[nodiscard]] bool send_only(std::string_view method, const std::string& url,
                               const std::string& headers = {});
  /// Sends a packet on a channel. Drops it if the server does not read.
  void send_packet(std::uint8_t channel, std::span<const std::uint8_t> bytes);

  /// Passes on packets that were read after the last response.
  void read_rest(const OnPacket& on_packet);
  /// Reads available bytes and passes on the packets. Processes responses, and answers requests of the
  /// server. Throws Fault if the connection is closed or is not RTSP.
  void read(const OnPacket& on_packet);
  void flush() { link_.flush(); }
  /// Returns the packets received during ask(), and clears them.
  [[nodiscard]] std::deque<Early> take_early() { return std::move(early_); }
  /// Sends the closing request once, and waits for its response. Returns true once the server has responded
  /// or closed the connection, and false after `deadline` (real time) or a stop of `waiter`, if given; call
  /// again to continue waiting. Measures real time even if the pipeline's clock is simulated.
  [[nodiscard]] bool end_session(std::string_view method, const std::string& url, TimePoint deadline,
                                 const Waiter* waiter = nullptr) noexcept;

  [[nodiscard]] const Link& link() const noexcept { return link_; }
  [[nodiscard]] StreamReader& reader() noexcept { return reader_; }
  /// Seconds without requests after which the server ends the session, from its latest response that states
  /// it.
  [[nodiscard]] Seconds timeout() const noexcept { return session_.timeout; }
  /// How the server responded to send_only() since the last call.
  enum class Heard : std::uint8_t {
    Nothing,
    Success,
    Error,
    WrongSession  // the session was rejected: the next request uses an earlier session id
  };
  [[nodiscard]] Heard take_heard() noexcept { return std::exchange(heard_, Heard::Nothing); }
  /// Returns true, once, if a request of send_only() was rejected for its stale nonce. The next one uses the
  /// new nonce.
  [[nodiscard]] bool take_retry() noexcept { return std::exchange(retry_, false); }

 private:
  void send(std::string_view method, const std::string& url, const std::string& headers);
  [[nodiscard]] Message wait_for_answer(Waiter& waiter, TimePoint deadline);
  [[nodiscard]] std::optional<Message> next_message(const OnPacket& on_packet);
  void answer(const Message& request);
  [[nodiscard]] bool accept_refusal(const Message& refusal);
  void keep(const Interleaved& packet);

  Link link_;
  const std::string host_;  // for messages
  StreamReader reader_;
  Authorization authorization_;
  const std::string user_agent_;
  const Clock& clock_;
  SessionHeader session_;  // the newest from any response
  int sequence_ = 0;
  int farewell_ = 0;  // sequence number of the closing request; 0 if not sent
  bool fits_ = true;  // the last request fitted into the send queue
  Heard heard_ = Heard::Nothing;
  bool retry_ = false;
  bool warned_ = false;  // logged a warning that the password is sent unencrypted
  std::deque<Early> early_;
  std::size_t early_bytes_ = 0;
};

}  // namespace freshframe::media::rtsp
