// A client of one RTSP server, for the tests of sessions.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "sources/rtsp/protocol/message.hpp"
#include "sources/rtsp/session/session.hpp"

namespace freshframe::media::rtsp::test {

using Numbers = std::vector<int>;

inline TimePoint session_watchdog() {
  return std::chrono::steady_clock::now() + std::chrono::seconds(20);
}

/// Records the sequence numbers of packets, and requests a stop after `wanted` of them.
class NumberNotes final : public PacketSink {
 public:
  NumberNotes(int wanted, std::stop_source& stop) : wanted_(wanted), stop_(stop) {}

  void on_packet(Bytes bytes, TimePoint /*arrived*/) override {
    const auto packet = parse_rtp(bytes);
    if (packet) seen.push_back(packet->sequence);
    if (static_cast<int>(seen.size()) >= wanted_) stop_.request_stop();
  }
  void on_report(Bytes bytes, TimePoint /*arrived*/) override { reports += bytes.empty() ? 0 : 1; }
  [[nodiscard]] std::optional<TimePoint> due() const override { return std::nullopt; }
  void on_time(TimePoint /*now*/) override {}
  [[nodiscard]] bool is_urgent(TimePoint /*now*/) const override { return false; }
  [[nodiscard]] std::vector<std::uint8_t> report(TimePoint /*now*/) override {
    return {0x80, 201, 0, 1, 0, 0, 0, 1};
  }

  Numbers seen;
  int reports = 0;

 private:
  const int wanted_;
  std::stop_source& stop_;
};

inline std::vector<std::string> this_machine(const std::string& /*host*/) {
  return {"127.0.0.1"};
}

inline std::size_t first_video(const Description& description) {
  for (std::size_t i = 0; i < description.media.size(); ++i) {
    if (description.media[i].kind == "video") return i;
  }
  throw Fault(Trouble::Dialogue, "no video");
}

/// A client. If its session fails, `trouble` and `why` contain the reason.
struct Viewer {
  explicit Viewer(const std::string& url, SessionOptions options = {}) {
    options.user_agent = "test";
    auto companion = std::make_shared<int>(0);
    server_side = companion;
    session =
        std::make_unique<Session>(parse_address(url).value(), options, waiter, *clock, std::move(companion));
  }

  void open() {
    session->open(this_machine, first_video, session_watchdog());
    session->play(session_watchdog());
  }
  /// Plays until `wanted` packets have arrived or the session has failed. Returns their sequence numbers.
  Numbers play(int wanted) {
    NumberNotes sink(wanted, stop);
    try {
      open();
      session->run(sink);
    } catch (const Fault& fault) {
      trouble = fault.trouble();
      why = fault.what();
    }
    return sink.seen;
  }

  /// Ends the session, and waits until it has ended at the server.
  void leave() {
    session.reset();
    while (!server_side.expired()) std::this_thread::yield();
  }

  std::stop_source stop;
  std::shared_ptr<const Clock> clock = Clock::real();
  Waiter waiter{stop.get_token()};
  std::unique_ptr<Session> session;
  std::weak_ptr<const void> server_side;  // expires after TEARDOWN
  std::optional<Trouble> trouble;
  std::string why;
};

}  // namespace freshframe::media::rtsp::test
