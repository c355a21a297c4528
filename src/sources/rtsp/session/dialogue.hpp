// Requests to an RTSP server, its answers, and the packets between them (RFC 2326).
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

/// One thread at a time.
class Dialogue {
 public:
  /// A packet that came before it was asked for: it is kept, since keyframes may be many seconds apart.
  struct Early {
    std::uint8_t channel = 0;
    std::vector<std::uint8_t> bytes;
    TimePoint arrived{};
  };
  /// Takes one packet; its bytes are valid during the call.
  using OnPacket = std::function<void(const Interleaved& packet)>;

  Dialogue(Link link, const Address& address, std::string user_agent, const Clock& clock);

  /// Sends a request and waits for its answer. A challenge is answered if the credentials allow it. Throws
  /// Fault, also for an answer 401.
  Message ask(std::string_view method, const std::string& url, const std::string& headers, Waiter& waiter,
              TimePoint deadline);
  /// Sends a request and does not wait for its answer. False means the server takes nothing.
  [[nodiscard]] bool send_only(std::string_view method, const std::string& url,
                               const std::string& headers = {});
  /// Sends a packet on a channel; it is left out if the server takes nothing.
  void send_packet(std::uint8_t channel, std::span<const std::uint8_t> bytes);

  /// Gives the packets that were read after the last answer.
  void read_rest(const OnPacket& on_packet);
  /// Reads the bytes that have come and gives the packets. Answers are taken note of, and requests of the
  /// server are answered. Throws Fault when the connection is closed or is no RTSP.
  void read(const OnPacket& on_packet);
  void flush() { link_.flush(); }
  /// The packets that came during ask(), once.
  [[nodiscard]] std::deque<Early> take_early() { return std::move(early_); }
  /// Says goodbye once, and waits for the answer. True means the server has answered or closed the
  /// connection. False means it has not by the real time `deadline`, or before the stop of `waiter`, if there
  /// is one; another call waits on. Does not use the clock.
  [[nodiscard]] bool end_session(std::string_view method, const std::string& url, TimePoint deadline,
                                 const Waiter* waiter = nullptr) noexcept;

  [[nodiscard]] const Link& link() const noexcept { return link_; }
  [[nodiscard]] StreamReader& reader() noexcept { return reader_; }
  /// Seconds without a request after which the server ends the session, by its last answer with a limit.
  [[nodiscard]] Seconds timeout() const noexcept { return session_.timeout; }
  /// How the server has answered requests of send_only() since the last call.
  enum class Heard : std::uint8_t {
    Nothing,
    Success,
    Error,
    WrongSession  // an error, and the next request has an earlier id
  };
  [[nodiscard]] Heard take_heard() noexcept { return std::exchange(heard_, Heard::Nothing); }
  /// Once: a request of send_only() was refused for its old nonce, and the next one has the new nonce.
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
  SessionHeader session_;  // the newest of any answer
  int sequence_ = 0;
  int farewell_ = 0;  // number of the goodbye; 0 if none was said
  bool fits_ = true;  // the last request did into what waits to be sent
  Heard heard_ = Heard::Nothing;
  bool retry_ = false;
  bool warned_ = false;  // whether a WARNING reported a password that can be read
  std::deque<Early> early_;
  std::size_t early_bytes_ = 0;
};

}  // namespace freshframe::media::rtsp
