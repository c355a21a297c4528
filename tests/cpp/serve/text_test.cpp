// Texts of the server: JSON, the page's messages, addresses, tokens.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/media.hpp"
#include "freshframe/metrics.hpp"
#include "freshframe/pipeline.hpp"

#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "core/pipeline/changes/changes.hpp"
#include "core/pipeline/pipeline_core.hpp"
#include "serve/http/gate.hpp"
#include "serve/http/query.hpp"
#include "serve/state/json.hpp"
#include "serve/state/sampler.hpp"
#include "serve/state/state_json.hpp"
#include <gtest/gtest.h>

using namespace freshframe::serve;  // NOLINT(google-build-using-namespace)

namespace {

std::string json_of(std::string_view text) {
  std::string out;
  append_json(out, text);
  return out;
}

TEST(Json, EscapesWhatCouldEndAStringAScriptOrALine) {
  EXPECT_EQ(json_of("plain é"), "\"plain é\"");
  EXPECT_EQ(json_of("a\"b\\c"), R"("a\"b\\c")");
  EXPECT_EQ(json_of("</script>&"), R"("\u003c/script\u003e\u0026")");
  EXPECT_EQ(json_of(std::string_view("\0\n\x1f\x7f", 4)), R"("\u0000\u000a\u001f\u007f")");
  EXPECT_EQ(json_of("\xE2\x80\xA8\xE2\x80\xA9"), R"("\u2028\u2029")");
}

TEST(Json, ReplacesInvalidUtf8) {
  EXPECT_EQ(json_of("a\xFFz"), "\"a\xEF\xBF\xBDz\"");
  EXPECT_EQ(json_of("\xC0\xAF"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");                  // overlong encoding of /
  EXPECT_EQ(json_of("\xED\xA0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");  // a lone surrogate
  EXPECT_EQ(json_of("\xF4\x90\x80\x80").find('\xF4'), std::string::npos);          // above U+10FFFF
  EXPECT_EQ(json_of("\xE2\x82"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");                  // cut off
  EXPECT_EQ(json_of("\xF0\x9F\x98\x80"), "\"\xF0\x9F\x98\x80\"");
}

TEST(Json, WritesCommasAndNumbers) {
  JsonWriter json;
  json.begin_object().member("a", 1).key("b").begin_array().value(0.5).value(true).null();
  json.value(std::nan("")).value(std::numeric_limits<double>::infinity()).value(1e300).end_array();
  json.key("c").begin_object().end_object().member("d", "x").end_object();
  EXPECT_EQ(std::move(json).take(), R"({"a":1,"b":[0.5,true,null,null,null,1e+300],"c":{},"d":"x"})");
}

TEST(Metrics, ReadsTheGilFindingsWithoutItsLock) {
  const freshframe::Pipeline pipeline;
  std::unique_ptr<freshframe::Metrics> metrics;
  bool inner = false;
  metrics = std::make_unique<freshframe::Metrics>(pipeline, [&] {
    freshframe::GilFindings found;
    found.watching = true;
    found.stalls = 3;
    if (!std::exchange(inner, true)) {
      EXPECT_NE(metrics->text().find("freshframe_gil_stalls_total{pipeline=\"pipeline\"} 3"),
                std::string::npos);
    }
    return found;
  });
  EXPECT_NE(metrics->text().find("freshframe_gil_stalls_total"), std::string::npos);
  EXPECT_TRUE(inner);
}

TEST(StateJson, HasTheSettingsOfACamera) {
  const auto core = std::make_shared<freshframe::core::PipelineCore>(freshframe::Pipeline::Options{});
  static_cast<void>(freshframe::core::add_node(*core, freshframe::open("demo:circles"), {}, {}));
  Sampler sampler(core);
  sampler.sample(Sampler::Time::clock::now(), {});
  auto& source = *sampler.snapshot().graph.stats.nodes.at(0).source;
  source.settings = {{"exposure", 100}, {"gain", std::nullopt}};
  source.settings_reason = "too bright";
  EXPECT_NE(state_json(sampler, false)
                .find(R"("settings":{"exposure":100,"gain":"auto"},"settings_reason":"too bright")"),
            std::string::npos);
}

TEST(Gate, DecodesAddresses) {
  EXPECT_EQ(strictly_decoded("a%20b%2Fc+d", false), "a b/c+d");
  EXPECT_EQ(strictly_decoded("a+b", true), "a b");
  for (const char* text : {"%", "%4", "%zz", "%00"}) EXPECT_FALSE(strictly_decoded(text, false)) << text;
}

TEST(Query, DistinguishesMissingFromUnreadableAndZero) {
  using Is = Parameter;
  const auto value = [](const char* query) { return query_value(query, "at"); };
  EXPECT_EQ(value("a=1&at=x%3D&at=y").text, "x=");
  EXPECT_EQ(value("at").is, Is::Read);
  for (const char* query : {"", "ats=1&&=", "%61t=1"}) EXPECT_EQ(value(query).is, Is::Absent) << query;
  for (const char* query : {"at=%", "at=-3%zz", "at=-3%00"})
    EXPECT_EQ(value(query).is, Is::Unreadable) << query;
  double number = 7;
  EXPECT_EQ(read_number("b=1", "at", -5, 5, number), Is::Absent);
  for (const char* query : {"at=", "at=x", "at=3x", "at=6", "at=nan", "at=inf", "at=+3", "at=3%", "at= 3"})
    EXPECT_EQ(read_number(query, "at", -5, 5, number), Is::Unreadable) << query;
  EXPECT_EQ(number, 7);
  EXPECT_EQ(read_number("at=0", "at", -5, 5, number), Is::Read);
  EXPECT_EQ(number, 0);
  EXPECT_TRUE(has_parameter("at=%zz", "at"));
}

TEST(Query, RefusesWhatWouldBeAnsweredAsAnotherQuestion) {
  EXPECT_EQ(find_query_fault("", {}), "");
  EXPECT_EQ(find_query_fault("a=1&&b=2", {"a", "b"}), "");
  for (const char* query : {"c=1", "a=1&c", "a=%", "%=1", "a=1&a=1", "=1", "A=1"})
    EXPECT_NE(find_query_fault(query, {"a", "b"}), "") << query;
  EXPECT_EQ(find_query_fault("c=1", {"a", "b"}), "there is no parameter 'c' here: the parameters are a, b");
  EXPECT_EQ(find_query_fault("c=1", {}), "there is no parameter 'c' here: this address takes none");
}

TEST(Gate, ComparesTokensOfAnyLengths) {
  EXPECT_TRUE(equal_in_constant_time("abc", "abc"));
  EXPECT_FALSE(equal_in_constant_time("abz", "abc"));
  EXPECT_FALSE(equal_in_constant_time("ab", "abc"));
  EXPECT_FALSE(equal_in_constant_time("abcabc", "abc"));
  EXPECT_FALSE(equal_in_constant_time("", "abc"));
}

TEST(Gate, MakesTokensThatDiffer) {
  std::set<std::string> tokens;
  for (int i = 0; i < 100; ++i) tokens.insert(make_token());
  EXPECT_EQ(tokens.size(), 100U);
  for (const auto& token : tokens) {
    EXPECT_EQ(token.size(), 32U);
    EXPECT_TRUE(is_plain_token(token));
  }
}

TEST(Gate, OnLoopbackAnswersToLoopbackNamesOnly) {
  const Gate gate({}, true, "box", 80);
  for (const char* host : {"127.0.0.1:8080", "127.1.2.3", "localhost", "LocalHost:1", "[::1]:99", "[::1]"}) {
    EXPECT_EQ(gate.judge({.host = host}), Verdict::Welcome) << host;
  }
  for (const char* host :
       {"", "evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "box", "10.0.0.1",
        "localhost:", "localhost:x", "localhost:1234567", "[::1", "0x7f.1", "localhost@evil"}) {
    EXPECT_EQ(gate.judge({.host = host}), Verdict::WrongHost) << host;
  }
}

TEST(Gate, ElsewhereAnswersToAddressesAndTheMachinesName) {
  const Gate gate("0123456789abcdef", false, "Box", 80);
  const RequestHead head{.authorization = "Bearer 0123456789abcdef"};
  for (const char* host : {"10.0.0.1:8080", "[fe80::1]:80", "localhost", "box:80"}) {
    auto with_host = head;
    with_host.host = host;
    EXPECT_EQ(gate.judge(with_host), Verdict::Welcome) << host;
  }
  for (const RequestHead& rebound : {RequestHead{}, RequestHead{.cookie = "freshframe_80=0123456789abcdef"},
                                     RequestHead{.authorization = "Bearer 0123456789abcdeX"}}) {
    auto with_host = rebound;
    with_host.host = "evil.example";
    EXPECT_EQ(gate.judge(with_host), Verdict::WrongHost);
  }
}

TEST(Gate, AProgramWithTheTokenMayUseAnyNameButNotFromAPage) {
  const Gate gate("0123456789abcdef", false, "box", 80);
  const RequestHead program{.host = "watch:8080", .authorization = "Bearer 0123456789abcdef"};
  EXPECT_EQ(gate.judge(program), Verdict::Welcome);
  auto page = program;
  for (const char* origin : {"http://evil.example", "http://watch:8080"}) {
    page.origin = origin;
    EXPECT_EQ(gate.judge(page), Verdict::WrongOrigin);
  }
  const Gate open({}, true, "box", 80);
  EXPECT_EQ(open.judge({.host = "watch:8080", .authorization = "Bearer "}), Verdict::WrongHost);
}

TEST(Gate, PagesOfOtherOriginsAreRefused) {
  const Gate gate({}, true, "box", 80);
  EXPECT_EQ(gate.judge({.host = "localhost:80", .origin = "http://localhost:80"}), Verdict::Welcome);
  for (const char* origin :
       {"http://evil.example", "null", "", "https://localhost:80", "http://localhost:81"}) {
    EXPECT_EQ(gate.judge({.host = "localhost:80", .origin = origin}), Verdict::WrongOrigin) << origin;
  }
}

TEST(Gate, TakesTheTokenFromHeaderAndCookie) {
  const Gate gate("0123456789abcdef", true, "box", 80);
  const auto judge = [&](std::string_view authorization, std::string_view cookie) {
    return gate.judge({.host = "localhost", .authorization = authorization, .cookie = cookie});
  };
  EXPECT_EQ(judge("Bearer 0123456789abcdef", ""), Verdict::Welcome);
  EXPECT_EQ(judge("bearer 0123456789abcdef", ""), Verdict::Welcome);
  EXPECT_EQ(judge("", "x=y; freshframe_80=0123456789abcdef; z=1"), Verdict::Welcome);
  for (const char* cookie : {"freshframe_80=", "freshframe_80", "freshframe_8=0123456789abcdef",
                             "freshframe_80=0", "xfreshframe_80=0123456789abcdef"}) {
    EXPECT_EQ(judge("", cookie), Verdict::NoToken) << cookie;
  }
  for (const char* header : {"", "Bearer", "Bearer ", "Basic 0123456789abcdef", "Bearer 0123456789abcdeF"}) {
    EXPECT_EQ(judge(header, ""), Verdict::NoToken) << header;
  }
}

}  // namespace
