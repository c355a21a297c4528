// Sessions with servers that require credentials, or redirect the client.
// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <string>

#include "cpp/heard_log.hpp"
#include "cpp/sources/rtsp/scripted_server.hpp"
#include "cpp/sources/rtsp/session_viewer.hpp"
#include "sources/rtsp/protocol/message.hpp"
#include <gtest/gtest.h>

namespace freshframe::media::rtsp::test {
namespace {

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
  EXPECT_EQ(heard.count(LogLevel::Warning, "'SHA-3', which freshframe does not support"), 1);
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
  EXPECT_EQ(client.trouble, Trouble::Refused) << "FFmpeg's client would follow without a limit";
  EXPECT_EQ(client.why, "the server redirects again and again");
  EXPECT_EQ(server.requests().size(), 6);
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
      text += rtp_on(0, ++nonce);  // the current nonce expires
    }
    return text;
  });
  auto url = server.url();
  url.replace(url.find("127"), 0, "me:secret@");
  Viewer client(url);
  EXPECT_EQ(client.play(4).size(), 4U);
  EXPECT_EQ(client.trouble, Trouble::Stopped) << client.why;
  client.leave();
  const auto methods = server.methods();
  EXPECT_TRUE(methods.ends_with("TEARDOWN TEARDOWN")) << methods;
}

}  // namespace
}  // namespace freshframe::media::rtsp::test
