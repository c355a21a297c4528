// The session id that a server may send in any of its responses.
// SPDX-License-Identifier: Apache-2.0
#include <map>
#include <string>
#include <vector>

#include "cpp/sources/rtsp/scripted_server.hpp"
#include "cpp/sources/rtsp/session_viewer.hpp"
#include "sources/rtsp/protocol/message.hpp"
#include <gtest/gtest.h>

namespace freshframe::media::rtsp::test {
namespace {

struct HeaderRow {
  const char* value;
  const char* id;
  double timeout;
};

class NamedSession : public testing::TestWithParam<HeaderRow> {};

TEST_P(NamedSession, HasItsIdAndItsTimeLimit) {
  SessionHeader session{.id = "old"};
  session.timeout = Seconds(60);
  session.update(GetParam().value);
  EXPECT_EQ(session.id, GetParam().id);
  EXPECT_EQ(session.timeout, Seconds(GetParam().timeout));
}

INSTANTIATE_TEST_SUITE_P(
    SessionHeader, NamedSession,
    testing::Values(HeaderRow{"77;timeout=30", "77", 30}, HeaderRow{"77", "77", 60},
                    HeaderRow{"77 ; timeout = 30", "77", 30}, HeaderRow{"77;Timeout=30", "77", 30},
                    HeaderRow{"77;TIMEOUT=30", "77", 30}, HeaderRow{" 77\t;\ttimeout=30 ", "77", 30},
                    HeaderRow{"77;timeout=\"30\"", "77", 30}, HeaderRow{"77;timeout=30.5", "77", 30},
                    HeaderRow{"77;timeout=30s", "77", 30}, HeaderRow{"77;timeout=30;x=y", "77", 30},
                    HeaderRow{"77;x=y;timeout=30", "77", 30}, HeaderRow{"77, timeout=30", "77", 30},
                    HeaderRow{"77;notimeout=30", "77", 60}, HeaderRow{"77;x-timeout=30", "77", 60},
                    HeaderRow{"77;timeout=0", "77", 60}, HeaderRow{"77;timeout=-5", "77", 60},
                    HeaderRow{"77;timeout=", "77", 60}, HeaderRow{"77;timeout", "77", 60},
                    HeaderRow{"77;timeout=soon", "77", 60}, HeaderRow{"77;timeout=99999999999", "77", 60},
                    HeaderRow{"77;", "77", 60}, HeaderRow{";timeout=30", "old", 30}, HeaderRow{"", "old", 60},
                    HeaderRow{" ", "old", 60}, HeaderRow{";", "old", 60},
                    HeaderRow{"a-b_c.d+e$f", "a-b_c.d+e$f", 60}, HeaderRow{"0", "0", 60},
                    HeaderRow{"77;timeout=10;timeout=20", "77", 20}));

struct AnswerRow {
  const char* name;
  std::map<std::string, std::string> sessions;  // Session header by method of the request; "KEEP": keep-alive
  std::vector<std::string> expected;            // session id of each keep-alive; "": none
};

class ChangingSession : public testing::TestWithParam<AnswerRow> {};

std::string field(const std::string& request, const std::string& name) {
  const auto at = request.find(name + ": ");
  if (at == std::string::npos) return {};
  const auto begin = at + name.size() + 2;
  return request.substr(begin, request.find("\r\n", begin) - begin);
}

TEST_P(ChangingSession, IsKeptAliveByItsNewestId) {
  std::vector<std::string> kept;
  bool plays = false;
  ScriptedServer server([&](const std::string& request) {
    const auto method = request.substr(0, request.find(' '));
    const bool keeps = plays && method != "TEARDOWN";
    plays = plays || method == "PLAY";
    const auto& sessions = GetParam().sessions;
    const auto given = sessions.find(keeps ? "KEEP" : method);
    std::string headers;
    if (given != sessions.end()) headers = "Session: " + given->second + "\r\n";
    if (keeps) kept.push_back(field(request, "Session"));
    if (keeps) return answer_to(request, headers) + rtp_on(0, static_cast<int>(kept.size()));
    if (method == "OPTIONS") return answer_to(request, headers + "Public: PLAY, GET_PARAMETER\r\n");
    if (method == "DESCRIBE") return answer_to(request, headers + "Content-Type: application/sdp\r\n", kH264);
    if (method == "SETUP") headers += "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n";
    return answer_to(request, headers);
  });
  {
    Viewer client(server.url());
    const auto wanted = static_cast<int>(GetParam().expected.size());
    EXPECT_EQ(client.play(wanted).size(), GetParam().expected.size());
    client.leave();
  }
  kept.resize(GetParam().expected.size());
  EXPECT_EQ(kept, GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(
    SessionHeader, ChangingSession,
    testing::Values(
        AnswerRow{"Setup", {{"SETUP", "a;timeout=1"}}, {"a", "a"}},
        AnswerRow{"Play", {{"PLAY", "b;timeout=1"}}, {"b", "b"}},
        AnswerRow{"Describe", {{"DESCRIBE", "c;timeout=1"}}, {"c", "c"}},
        AnswerRow{"Options", {{"OPTIONS", "d;timeout=1"}}, {"d", "d"}},
        AnswerRow{"AnotherInPlay", {{"SETUP", "a;timeout=1"}, {"PLAY", "b"}}, {"b", "b"}},
        AnswerRow{"AnotherLimitInPlay", {{"SETUP", "a;timeout=60"}, {"PLAY", "a;timeout=1"}}, {"a", "a"}},
        AnswerRow{"AnotherInSetup", {{"DESCRIBE", "x;timeout=1"}, {"SETUP", "a"}}, {"a", "a"}},
        AnswerRow{"AnotherInAKeepAlive", {{"SETUP", "a;timeout=1"}, {"KEEP", "k"}}, {"a", "k", "k"}},
        AnswerRow{"EmptyInPlay", {{"SETUP", "a;timeout=1"}, {"PLAY", ""}}, {"a"}},
        AnswerRow{"LimitAlone", {{"SETUP", ";timeout=1"}}, {"", ""}},
        AnswerRow{"OddSpaces", {{"SETUP", "  a ; Timeout = 1 "}}, {"a", "a"}}),
    [](const testing::TestParamInfo<AnswerRow>& row) { return std::string(row.param.name); });

TEST(SessionHeader, ReturnsToAnEarlierIdThatTheServerPrefers) {
  SessionHeader session;
  session.update("a;timeout=9");
  EXPECT_FALSE(session.return_to_previous()) << "there is no other";
  session.update("b");
  EXPECT_EQ(session.id, "b");
  EXPECT_TRUE(session.return_to_previous());
  EXPECT_EQ(session.id, "a");
  session.update("b");
  EXPECT_EQ(session.id, "a") << "it was refused";
  session.update("c");
  session.update("");
  EXPECT_FALSE(session.return_to_previous()) << "the server has accepted it";
  EXPECT_EQ(session.id, "c");
}

TEST(SessionKeptAlive, ReturnsToTheIdThatTheServerAcceptsWithTheSameRequest) {
  std::vector<std::string> kept;
  bool plays = false;
  ScriptedServer server([&](const std::string& request) {
    const bool keeps = plays && !request.starts_with("TEARDOWN");
    plays = plays || request.starts_with("PLAY");
    if (request.starts_with("PLAY")) return answer_to(request, "Session: late;timeout=1\r\n");
    if (!keeps) return good_answer(request);
    const auto id = field(request, "Session");
    kept.push_back(request.substr(0, request.find(' ')) + " " + id);
    const auto status = id == "late" ? "200 OK" : "454 Session Not Found";
    return answer_to(request, id == "late" ? "Session: other\r\n" : "", {}, status) +
           rtp_on(0, static_cast<int>(kept.size()));
  });
  {
    Viewer client(server.url());
    static_cast<void>(client.play(4));
    client.leave();
  }
  kept.resize(4);
  EXPECT_EQ(kept, (std::vector<std::string>{"GET_PARAMETER late", "GET_PARAMETER other", "GET_PARAMETER late",
                                            "GET_PARAMETER late"}));
}

/// Returns the method of each keep-alive. The server answers them with these statuses in turn.
std::vector<std::string> keep_alives(const std::vector<std::string>& statuses, const std::string& timeout) {
  std::vector<std::string> methods;
  bool plays = false;
  ScriptedServer server([&](const std::string& request) {
    if (request.starts_with("SETUP"))
      return answer_to(request,
                       "Session: 77;timeout=" + timeout + "\r\nTransport: RTP/AVP/TCP;interleaved=0-1\r\n");
    const bool keeps = plays && !request.starts_with("TEARDOWN");
    plays = plays || request.starts_with("PLAY");
    if (!keeps) return good_answer(request);
    methods.push_back(request.substr(0, request.find(' ')));
    const auto& status = statuses.at((methods.size() - 1) % statuses.size());
    return answer_to(request, {}, {}, status) + rtp_on(0, static_cast<int>(methods.size()));
  });
  {
    Viewer client(server.url());
    static_cast<void>(client.play(static_cast<int>(statuses.size())));
    client.leave();
  }
  methods.resize(statuses.size());
  return methods;
}

TEST(SessionKeptAlive, KeepsTheRequestThatWasAccepted) {
  EXPECT_EQ(keep_alives({"501 Not Implemented", "200 OK", "200 OK"}, "1"),
            (std::vector<std::string>{"GET_PARAMETER", "OPTIONS", "OPTIONS"}));
}

}  // namespace
}  // namespace freshframe::media::rtsp::test
