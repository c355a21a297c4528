// Sessions with servers whose responses the test defines.
// SPDX-License-Identifier: Apache-2.0
#include "sources/rtsp/session/session.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cpp/sources/rtsp/scripted_server.hpp"
#include "cpp/sources/rtsp/session_viewer.hpp"
#include "sources/rtsp/protocol/message.hpp"
#include <gtest/gtest.h>

namespace freshframe::media::rtsp::test {
namespace {

TEST(RtspSession, PlaysTheVideoAndSendsTeardown) {
  ScriptedServer server([](const std::string& request) {
    // Packets before the response, other channels, a request from the server, and empty lines in between.
    if (!request.starts_with("PLAY")) return good_answer(request);
    return rtp_on(0, 1) + rtp_on(0, 2) + good_answer(request) + "\r\n" + rtp_on(4, 50) + rtp_on(0, 3) +
           "OPTIONS * RTSP/1.0\r\nCSeq: 9\r\n\r\n" + rtp_on(0, 4);
  });
  Viewer client(server.url());
  EXPECT_EQ(client.play(4), (Numbers{1, 2, 3, 4}));
  EXPECT_EQ(client.trouble, Trouble::Stopped);
  client.leave();
  EXPECT_EQ(server.methods(), "OPTIONS DESCRIBE SETUP PLAY RTSP/1.0 TEARDOWN");
  const auto requests = server.requests();
  EXPECT_TRUE(requests[2].starts_with("SETUP " + server.url() + "/v RTSP/1.0")) << requests[2];
  EXPECT_NE(requests[2].find("User-Agent: test\r\n"), std::string::npos);
  EXPECT_NE(requests[3].find("Session: 77\r\n"), std::string::npos);
  EXPECT_TRUE(requests[4].starts_with("RTSP/1.0 200 OK\r\nCSeq: 9\r\n")) << requests[4];
  EXPECT_TRUE(requests[5].starts_with("TEARDOWN " + server.url() + " RTSP/1.0")) << requests[5];
}

TEST(RtspSession, EndsAtTheServerBeforeAnotherCanBegin) {
  ScriptedServer server([](const std::string& request) {
    constexpr std::chrono::milliseconds kSlow(30);  // many cameras are slow at TEARDOWN
    if (request.starts_with("TEARDOWN")) std::this_thread::sleep_for(kSlow);
    return good_answer(request);
  });
  Viewer client(server.url(), {.farewell = Seconds(1000)});
  client.open();
  client.session.reset();
  EXPECT_TRUE(client.server_side.expired());
}

TEST(RtspSession, DoesNotWaitAfterAStopForAServerThatIsSilentAtTheGoodbye) {
  std::atomic<bool> answers{false};
  ScriptedServer server([&](const std::string& request) {
    while (request.starts_with("TEARDOWN") && !answers) std::this_thread::yield();
    return good_answer(request);
  });
  Viewer client(server.url(), {.farewell = Seconds(1000)});
  client.open();
  client.stop.request_stop();
  client.session.reset();
  EXPECT_FALSE(client.server_side.expired()) << "the answer is waited for elsewhere";
  answers = true;
  client.leave();
}

TEST(RtspSession, DoesNotWaitForASilentServerAfterAStopThatComesDuringTheGoodbye) {
  std::stop_source* stop = nullptr;
  std::atomic<bool> answers{false};
  ScriptedServer server([&](const std::string& request) {
    if (request.starts_with("TEARDOWN")) stop->request_stop();  // TEARDOWN was sent
    while (request.starts_with("TEARDOWN") && !answers) std::this_thread::yield();
    return good_answer(request);
  });
  Viewer client(server.url(), {.farewell = Seconds(1000)});
  stop = &client.stop;
  client.open();
  client.session.reset();
  EXPECT_FALSE(client.server_side.expired()) << "the answer is waited for elsewhere";
  answers = true;
  client.leave();
}

TEST(RtspSession, TakesTheChannelsThatTheServerChooses) {
  ScriptedServer server([](const std::string& request) {
    if (request.starts_with("SETUP")) {
      return answer_to(request, "Session: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=6-7\r\n");
    }
    if (!request.starts_with("PLAY")) return good_answer(request);
    return good_answer(request) + rtp_on(0, 1) + rtp_on(6, 2) + "garbage" + rtp_on(6, 3);
  });
  Viewer client(server.url());
  EXPECT_EQ(client.play(2), (Numbers{2, 3}));
}

TEST(RtspSession, ReportsTheServersResponse) {
  for (const auto& [status, trouble] :
       {std::pair("404 Not Found", Trouble::Refused), std::pair("453 Not Enough Bandwidth", Trouble::Refused),
        std::pair("551 Option not supported", Trouble::Dialogue)}) {
    ScriptedServer server([status = status](const std::string& request) {
      return request.starts_with("DESCRIBE") ? answer_to(request, {}, {}, status) : good_answer(request);
    });
    Viewer client(server.url());
    client.play(1);
    EXPECT_EQ(client.trouble, trouble);
    EXPECT_EQ(client.why, "the server answered " + std::string(status) + " to DESCRIBE");
  }
}

TEST(RtspSession, FallsBackToUdpAndTakesPacketsFromThere) {
  const int udp = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  std::atomic<int> client_port = 0;
  ScriptedServer server([&](const std::string& request) {
    if (request.starts_with("SETUP")) {
      const auto at = request.find("client_port=");
      if (at == std::string::npos) return answer_to(request, {}, {}, "461 Unsupported Transport");
      client_port = std::stoi(request.substr(at + 12));
      return answer_to(request, "Session: 1\r\nTransport: RTP/AVP;unicast;server_port=0-1\r\n");
    }
    if (request.starts_with("PLAY")) {
      sockaddr_in to{};
      to.sin_family = AF_INET;
      to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      to.sin_port = htons(static_cast<std::uint16_t>(client_port));
      for (const int sequence : {1, 2}) {
        const auto packet = rtp_on(0, sequence).substr(4);
        ::sendto(udp, packet.data(), packet.size(), 0, reinterpret_cast<sockaddr*>(&to), sizeof to);
      }
    }
    return good_answer(request);
  });
  Viewer client(server.url());
  EXPECT_EQ(client.play(2), (Numbers{1, 2}));
  EXPECT_EQ(server.methods(), "OPTIONS DESCRIBE SETUP SETUP PLAY");
  EXPECT_TRUE(client.session->over_udp());
  EXPECT_EQ(client_port % 2, 0);
  ::close(udp);
}

/// The real clock, which calls `hook` before each reading.
class HookedClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const override {
    if (hook) hook();
    return real_->now();
  }
  bool wait_until(std::unique_lock<std::mutex>& lock, std::condition_variable& condition, TimePoint deadline,
                  const std::function<bool()>& ready) const override {
    return real_->wait_until(lock, condition, deadline, ready);
  }

  std::function<void()> hook;

 private:
  const std::shared_ptr<const Clock> real_ = Clock::real();
};

/// A sink that gives up a missing packet after a moment.
class ImpatientNotes final : public PacketSink {
 public:
  explicit ImpatientNotes(std::stop_source& stop) : stop_(stop) {}

  void on_packet(Bytes bytes, TimePoint arrived) override {
    seen.push_back(parse_rtp(bytes)->sequence);
    due_ = seen.size() == 1 ? std::optional(arrived + std::chrono::milliseconds(20)) : std::nullopt;
  }
  void on_report(Bytes /*bytes*/, TimePoint /*arrived*/) override {}
  [[nodiscard]] std::optional<TimePoint> due() const override { return due_; }
  void on_time(TimePoint now) override {
    gave_up = gave_up || (due_ && *due_ <= now);
    if (gave_up || seen.size() == 2) stop_.request_stop();
  }
  [[nodiscard]] bool is_urgent(TimePoint /*now*/) const override { return false; }
  [[nodiscard]] std::vector<std::uint8_t> report(TimePoint /*now*/) override { return {}; }

  Numbers seen;
  bool gave_up = false;

 private:
  std::optional<TimePoint> due_;
  std::stop_source& stop_;
};

TEST(RtspSession, ReadsWhatHasComeBeforeItGivesAPacketUpThoughItsThreadStoodStill) {
  const int udp = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const auto send = [&](int sequence) {
    const auto packet = rtp_on(0, sequence).substr(4);
    ::sendto(udp, packet.data(), packet.size(), 0, reinterpret_cast<sockaddr*>(&to), sizeof to);
  };
  ScriptedServer server([&](const std::string& request) {
    if (!request.starts_with("SETUP")) return good_answer(request);
    to.sin_port =
        htons(static_cast<std::uint16_t>(std::stoi(request.substr(request.find("client_port=") + 12))));
    return answer_to(request, "Session: 1\r\nTransport: RTP/AVP;unicast;server_port=0-1\r\n");
  });
  HookedClock clock;
  std::stop_source stop;
  Waiter waiter(stop.get_token());
  Session session(parse_address(server.url()).value(),
                  {.transport = Transport::UdpThenTcp, .user_agent = "t"}, waiter, clock);
  session.open(this_machine, first_video, session_watchdog());
  session.play(session_watchdog());
  send(2);  // number 1 is missing
  ImpatientNotes sink(stop);
  bool sent = false;
  clock.hook = [&] {
    const bool late = sink.due() && *sink.due() <= std::chrono::steady_clock::now();
    if (late && !std::exchange(sent, true)) send(1);
  };
  EXPECT_THROW(session.run(sink), Fault);
  EXPECT_EQ(sink.seen, (Numbers{2, 1}));
  EXPECT_FALSE(sink.gave_up);
  ::close(udp);
}

TEST(RtspSession, NoticesThatNothingComesOverUdp) {
  ScriptedServer server([](const std::string& request) {
    if (!request.starts_with("SETUP")) return good_answer(request);
    return answer_to(request, "Session: 1\r\nTransport: RTP/AVP;unicast;server_port=6000-6001\r\n");
  });
  Viewer client(server.url(), {.transport = Transport::UdpThenTcp, .user_agent = {}});
  client.play(1);
  EXPECT_EQ(client.trouble, Trouble::NoPackets);
}

TEST(RtspSession, KeepsTheSessionAliveWithTheMethodThatTheServerHas) {
  const auto kept = [](const std::string& methods) {
    return [methods](const std::string& request) {
      if (request.starts_with("OPTIONS") && request.find("Session") == std::string::npos) {
        return answer_to(request, "Public: " + methods + "\r\n");
      }
      if (request.starts_with("SETUP")) {
        return answer_to(request, "Session: 1;timeout=2\r\nTransport: RTP/AVP/TCP;interleaved=0-1\r\n");
      }
      // The requests after PLAY keep the session alive.
      const bool kept_alive = request.starts_with("GET_PARAMETER") || request.starts_with("OPTIONS");
      return good_answer(request) + (kept_alive ? rtp_on(0, request.starts_with("OPTIONS") ? 2 : 1) : "");
    };
  };
  ScriptedServer with(kept("PLAY, GET_PARAMETER"));
  EXPECT_EQ(Viewer(with.url()).play(1), (Numbers{1}));
  ScriptedServer without(kept("PLAY"));
  EXPECT_EQ(Viewer(without.url()).play(1), (Numbers{2}));
}

TEST(RtspSession, IsLostWhenTheServerClosesTheConnection) {
  ScriptedServer early([](const std::string& request) {
    return request.starts_with("SETUP") ? std::string() : good_answer(request);
  });
  Viewer client(early.url());
  client.play(1);
  EXPECT_EQ(client.trouble, Trouble::Dialogue);
  ScriptedServer late([](const std::string& request) {
    return request.starts_with("GET_PARAMETER") ? std::string()
           : request.starts_with("SETUP")
               ? answer_to(request, "Session: 1;timeout=2\r\nTransport: RTP/AVP/TCP;interleaved=0-1\r\n")
               : good_answer(request);
  });
  Viewer other(late.url());
  other.play(1);
  EXPECT_EQ(other.trouble, Trouble::Lost);
  EXPECT_NE(other.why.find("ended the stream"), std::string::npos);
}

TEST(RtspSession, EndsEveryWaitAtAStop) {
  ScriptedServer silent([](const std::string&) { return std::string("\r\n"); });
  Viewer client(silent.url());
  std::jthread stopper([&] {
    while (silent.requests().empty()) std::this_thread::yield();
    client.stop.request_stop();
  });
  client.play(1);
  EXPECT_EQ(client.trouble, Trouble::Stopped);
}

TEST(RtspSession, ReportsATimeoutIfTheServerDoesNotRespond) {
  ScriptedServer silent([](const std::string&) { return std::string("\r\n"); });
  Viewer client(silent.url());
  try {
    client.session->open(this_machine, first_video,
                         std::chrono::steady_clock::now() + std::chrono::milliseconds(50));
    FAIL() << "it should be late";
  } catch (const Fault& fault) {
    EXPECT_EQ(fault.trouble(), Trouble::Silent);
  }
}

TEST(RtspSession, IsUnreachableWhereNothingListens) {
  std::string url;
  {
    const ScriptedServer gone([](const std::string&) { return std::string(); });
    url = gone.url();
  }
  Viewer client(url);
  client.play(1);
  EXPECT_EQ(client.trouble, Trouble::Unreachable);
  EXPECT_EQ(client.why, "connection refused");
}

TEST(RtspSession, DoesNotTakeAWebServerForItsOwn) {
  ScriptedServer web([](const std::string&) { return std::string(100000, 'x'); });
  Viewer client(web.url());
  client.play(1);
  EXPECT_EQ(client.trouble, Trouble::Dialogue);
}

}  // namespace
}  // namespace freshframe::media::rtsp::test
