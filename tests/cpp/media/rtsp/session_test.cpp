// Sessions with servers that answer as the test wants.
// SPDX-License-Identifier: Apache-2.0
#include "media/rtsp/session/session.hpp"

#include <atomic>
#include <chrono>
#include <cstring>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "cpp/heard_log.hpp"
#include "cpp/media/rtsp/scripted_server.hpp"
#include "media/rtsp/protocol/fault.hpp"
#include <gtest/gtest.h>

namespace freshframe::media::rtsp::test {
namespace {

constexpr auto kWatchdog = std::chrono::seconds(20);

TimePoint soon() {
  return std::chrono::steady_clock::now() + kWatchdog;
}

/// Notes the numbers of the packets, and requests a stop after `wanted`.
class Noting final : public PacketSink {
 public:
  Noting(int wanted, std::stop_source& stop) : wanted_(wanted), stop_(stop) {}

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

  std::vector<int> seen;
  int reports = 0;

 private:
  const int wanted_;
  std::stop_source& stop_;
};

std::vector<std::string> this_machine(const std::string& /*host*/) {
  return {"127.0.0.1"};
}

std::size_t first_video(const Description& description) {
  for (std::size_t i = 0; i < description.media.size(); ++i) {
    if (description.media[i].kind == "video") return i;
  }
  throw Fault(Trouble::Dialogue, "no video");
}

/// One client of a server. What it throws is kept in `trouble`.
struct Viewer {
  explicit Viewer(const std::string& url, SessionOptions options = {}) {
    options.user_agent = "test";
    session = std::make_unique<Session>(parse_address(url).value(), options, waiter, *clock);
  }

  void open() {
    session->open(this_machine, first_video, soon());
    session->play(soon());
  }
  /// Plays until `wanted` packets have come or it fails.
  std::vector<int> play(int wanted) {
    Noting sink(wanted, stop);
    try {
      open();
      session->run(sink);
    } catch (const Fault& fault) {
      trouble = fault.trouble();
      why = fault.what();
    }
    return sink.seen;
  }

  std::stop_source stop;
  std::shared_ptr<const Clock> clock = Clock::real();
  Waiter waiter{stop.get_token(), nullptr};
  std::unique_ptr<Session> session;
  std::optional<Trouble> trouble;
  std::string why;
};

using Numbers = std::vector<int>;

TEST(RtspSession, PlaysTheVideoAndSaysGoodbye) {
  ScriptedServer server([](const std::string& request) {
    // Media before the answer, other channels, a request of the server, and lines between them.
    if (!request.starts_with("PLAY")) return good_answer(request);
    return rtp_on(0, 1) + rtp_on(0, 2) + good_answer(request) + "\r\n" + rtp_on(4, 50) + rtp_on(0, 3) +
           "OPTIONS * RTSP/1.0\r\nCSeq: 9\r\n\r\n" + rtp_on(0, 4);
  });
  Viewer client(server.url());
  EXPECT_EQ(client.play(4), (Numbers{1, 2, 3, 4}));
  EXPECT_EQ(client.trouble, Trouble::Stopped);
  client.session.reset();
  EXPECT_EQ(server.methods(), "OPTIONS DESCRIBE SETUP PLAY RTSP/1.0 TEARDOWN");
  const auto requests = server.requests();
  EXPECT_TRUE(requests[2].starts_with("SETUP " + server.url() + "/v RTSP/1.0")) << requests[2];
  EXPECT_NE(requests[2].find("User-Agent: test\r\n"), std::string::npos);
  EXPECT_NE(requests[3].find("Session: 77\r\n"), std::string::npos);
  EXPECT_TRUE(requests[4].starts_with("RTSP/1.0 200 OK\r\nCSeq: 9\r\n")) << requests[4];
  EXPECT_TRUE(requests[5].starts_with("TEARDOWN " + server.url() + " RTSP/1.0")) << requests[5];
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

TEST(RtspSession, AnswersAChallengeAndKeepsAnswering) {
  ScriptedServer server([](const std::string& request) {
    if (request.find("Authorization: Digest ") == std::string::npos) {
      return answer_to(
          request,
          "WWW-Authenticate: Basic realm=\"c\"\r\nWWW-Authenticate: Digest realm=\"c\", nonce=\"n\", "
          "algorithm=SHA-256, qop=\"auth\"\r\n",
          {}, "401 Unauthorized");
    }
    return request.starts_with("PLAY") ? good_answer(request) + rtp_on(0, 1) : good_answer(request);
  });
  Viewer client("rtsp://joe:pw@127.0.0.1:" + std::to_string(server.port()) + "/cam");
  EXPECT_EQ(client.play(1), (Numbers{1}));
  const auto requests = server.requests();
  EXPECT_EQ(server.methods(), "OPTIONS OPTIONS DESCRIBE SETUP PLAY");
  EXPECT_NE(requests[4].find("nc=00000004"), std::string::npos) << requests[4];
  for (const auto& one : requests) EXPECT_EQ(one.find("pw"), std::string::npos) << one;
}

TEST(RtspSession, DoesNotRepeatWrongCredentials) {
  ScriptedServer server([](const std::string& request) {
    return answer_to(request, "WWW-Authenticate: Basic realm=\"c\"\r\n", {}, "401 Unauthorized");
  });
  Viewer client("rtsp://joe:wrong@127.0.0.1:" + std::to_string(server.port()) + "/cam");
  client.play(1);
  EXPECT_EQ(client.trouble, Trouble::Refused);
  EXPECT_NE(client.why.find("401 Unauthorized"), std::string::npos) << client.why;
  EXPECT_EQ(server.methods(), "OPTIONS OPTIONS");
}

TEST(RtspSession, SaysWhatTheServerAnswered) {
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

TEST(RtspSession, FollowsARedirectWithoutTheCredentialsForAnotherMachine) {
  ScriptedServer second([](const std::string& request) {
    if (request.starts_with("PLAY")) {
      return answer_to(request, "WWW-Authenticate: Basic realm=\"b\"\r\n", {}, "401 Unauthorized");
    }
    return good_answer(request);
  });
  const auto location = "Location: rtsp://localhost:" + std::to_string(second.port()) + "/b\r\n";
  ScriptedServer first([&](const std::string& request) {
    return request.starts_with("DESCRIBE") ? answer_to(request, location, {}, "302 Moved")
                                           : good_answer(request);
  });
  Viewer client("rtsp://joe:pw@127.0.0.1:" + std::to_string(first.port()) + "/a");
  client.play(1);
  EXPECT_EQ(second.methods(), "OPTIONS DESCRIBE SETUP PLAY");
  EXPECT_EQ(client.trouble, Trouble::Refused);
}

TEST(RtspSession, FollowsARedirectWithoutTheCredentialsForAnotherPort) {
  ScriptedServer second([](const std::string& request) {
    return answer_to(request, "WWW-Authenticate: Basic realm=\"b\"\r\n", {}, "401 Unauthorized");
  });
  const auto location = "Location: " + second.url() + "\r\n";
  ScriptedServer first([&](const std::string& request) {
    return request.starts_with("DESCRIBE") ? answer_to(request, location, {}, "302 Moved")
                                           : good_answer(request);
  });
  Viewer client("rtsp://joe:pw@127.0.0.1:" + std::to_string(first.port()) + "/a");
  client.play(1);
  EXPECT_EQ(second.methods(), "OPTIONS");
  EXPECT_EQ(client.trouble, Trouble::Refused);
}

TEST(RtspSession, KeepsTheCredentialsForARedirectWithinTheServer) {
  std::string location;
  ScriptedServer server([&](const std::string& request) {
    if (request.find(" rtsp://127") != std::string::npos && request.find("/other") == std::string::npos) {
      return answer_to(request, location, {}, "302 Moved");
    }
    if (request.find("Authorization: Basic ") == std::string::npos) {
      return answer_to(request, "WWW-Authenticate: Basic realm=\"b\"\r\n", {}, "401 Unauthorized");
    }
    return request.starts_with("PLAY") ? good_answer(request) + rtp_on(0, 1) : good_answer(request);
  });
  location = "Location: rtsp://127.0.0.1:" + std::to_string(server.port()) + "/other\r\n";
  Viewer client("rtsp://joe:pw@127.0.0.1:" + std::to_string(server.port()) + "/a");
  EXPECT_EQ(client.play(1), (Numbers{1}));
}

TEST(RtspSession, DoesNotSendThePasswordReadablyWhereOnlyAnUnknownDigestIsOffered) {
  ScriptedServer server([](const std::string& request) {
    return answer_to(request, "WWW-Authenticate: Digest realm=\"c\", nonce=\"n\", algorithm=SHA-3\r\n", {},
                     "401 Unauthorized");
  });
  Viewer client("rtsp://joe:pw@127.0.0.1:" + std::to_string(server.port()) + "/cam");
  client.play(1);
  EXPECT_EQ(client.trouble, Trouble::Refused);
  for (const auto& one : server.requests()) EXPECT_EQ(one.find("Authorization"), std::string::npos) << one;
}

TEST(RtspSession, WarnsWhereThePasswordIsReadableSinceTheDigestIsUnknown) {
  const freshframe::test::HeardLog heard;
  ScriptedServer server([](const std::string& request) {
    if (request.find("Authorization: Basic ") != std::string::npos) {
      return request.starts_with("PLAY") ? good_answer(request) + rtp_on(0, 1) : good_answer(request);
    }
    return answer_to(request,
                     "WWW-Authenticate: Digest realm=\"c\", nonce=\"n\", algorithm=SHA-3\r\n"
                     "WWW-Authenticate: Basic realm=\"c\"\r\n",
                     {}, "401 Unauthorized");
  });
  Viewer client("rtsp://joe:pw@127.0.0.1:" + std::to_string(server.port()) + "/cam");
  EXPECT_EQ(client.play(1), (Numbers{1}));
  EXPECT_EQ(heard.count(LogLevel::Warning, "'SHA-3', which freshframe does not know"), 1);
}

TEST(RtspSession, GivesUpAfterManyRedirects) {
  std::atomic<int> port = 0;
  ScriptedServer server([&](const std::string& request) {
    return answer_to(request, "Location: rtsp://127.0.0.1:" + std::to_string(port) + "/a\r\n", {},
                     "301 Moved");
  });
  port = server.port();
  Viewer client(server.url());
  client.play(1);
  EXPECT_EQ(client.trouble, Trouble::Dialogue);
  EXPECT_EQ(server.requests().size(), 6);
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
      // What follows PLAY keeps the session alive.
      const bool kept_alive = request.starts_with("GET_PARAMETER") || request.starts_with("OPTIONS");
      return good_answer(request) + (kept_alive ? rtp_on(0, request.starts_with("OPTIONS") ? 2 : 1) : "");
    };
  };
  ScriptedServer with(kept("PLAY, GET_PARAMETER"));
  EXPECT_EQ(Viewer(with.url()).play(1), (Numbers{1}));
  ScriptedServer without(kept("PLAY"));
  EXPECT_EQ(Viewer(without.url()).play(1), (Numbers{2}));
}

TEST(RtspSession, TakesEveryNewNonceOfTheServer) {
  int nonce = 0;
  ScriptedServer server([&](const std::string& request) {
    const bool known = request.find("nonce=\"" + std::to_string(nonce) + "\"") != std::string::npos;
    if (!known) {
      return answer_to(
          request,
          "WWW-Authenticate: Digest realm=\"c\", nonce=\"" + std::to_string(nonce) + "\", stale=true\r\n", "",
          "401 Unauthorized");
    }
    std::string text = good_answer(request);
    if (request.starts_with("SETUP")) {
      text = answer_to(request, "Session: 1;timeout=2\r\nTransport: RTP/AVP/TCP;interleaved=0-1\r\n");
    } else if (request.starts_with("GET_PARAMETER") || request.starts_with("OPTIONS")) {
      text += rtp_on(0, ++nonce);  // the present one has expired
    }
    return text;
  });
  auto url = server.url();
  url.replace(url.find("127"), 0, "me:secret@");
  Viewer client(url);
  EXPECT_EQ(client.play(4).size(), 4U);
  EXPECT_EQ(client.trouble, Trouble::Stopped) << client.why;
  client.session.reset();
  const auto methods = server.methods();
  EXPECT_TRUE(methods.ends_with("TEARDOWN TEARDOWN")) << methods;
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

TEST(RtspSession, ToldOfASilenceWhenTheServerDoesNotAnswer) {
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
