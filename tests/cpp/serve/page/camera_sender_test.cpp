// /api/camera: which pages may send a camera, which one is the sender, and the close codes of refusals.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/media.hpp"
#include "freshframe/pipeline.hpp"
#include "freshframe/serve.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "cpp/serve/client.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

constexpr unsigned kBadToken = 4401;
constexpr unsigned kPolicy = 1008;

/// A page that sends a camera. Expects only text messages.
class CameraClient : public WebSocketClient {
 public:
  CameraClient(const Server& server, const std::string& token) : WebSocketClient(server, "/api/camera") {
    if (!token.empty()) send(R"({"token":")" + token + "\"}");
  }

  /// Asks to send the camera. Returns the type of the answer.
  std::string ask(const std::string& camera, const std::string& client = "", bool take = false) {
    send(R"({"send":{"camera":")" + camera + R"(","client":")" + client + R"(","take":)" +
         (take ? "true" : "false") + "}}");
    return next_type();
  }
  std::string next_type() {
    last = receive().second;
    const auto at = last.find(R"("type":")") + 8;
    return last.substr(at, last.find('"', at) - at);
  }
  void send_frame(std::uint32_t number, std::size_t size = 100) {
    std::string message("\x10\x01\0\0", 4);
    append(message, number);
    append(message, std::uint64_t{0});
    append(message, std::bit_cast<std::uint64_t>(number / 30.));
    append(message, std::bit_cast<std::uint64_t>(1e9));
    message.resize(32 + size, '\x7F');
    socket().binary(true);
    send(message);
    socket().text(true);
  }
  std::string last;  // text

 private:
  template <class T>
  static void append(std::string& out, T number) {
    for (std::size_t i = 0; i < sizeof(T); ++i) out += static_cast<char>(number >> 8U * i & 255U);
  }
};

constexpr auto kDeclaration = R"({"camera":{"codec":"jpeg","width":64,"height":48,"fps":30}})";

/// A pipeline with two sources that browsers feed. It does not run, so nothing takes their frames.
class CameraSenderTest : public testing::Test {
 protected:
  CameraSenderTest() {
    pipeline_.add(open("browser:", {.width = 64, .height = 48, .fps = 30.}), {.name = "door"});
    pipeline_.add(open("browser:"), {.name = "hall"});
    server_ = std::make_unique<Server>(pipeline_);
    tokens_ = server_->camera_tokens();
  }
  [[nodiscard]] CameraClient page(const std::string& camera) const { return {*server_, tokens_.at(camera)}; }
  /// Becomes the sender, and declares the format of its frames.
  static void begin(CameraClient& client) {
    EXPECT_EQ(client.ask("door"), "yours");
    client.send(kDeclaration);
  }

  Pipeline pipeline_;
  std::unique_ptr<Server> server_;
  std::map<std::string, std::string> tokens_;
};

TEST_F(CameraSenderTest, SaysWhatTheSourceAskedForAndTellsTheTime) {
  auto client = page("door");
  EXPECT_EQ(client.ask(""), "yours") << "the token says which camera";
  EXPECT_EQ(client.last, R"({"type":"yours","width":64,"height":48,"fps":30,"bitrate":8294})");
  client.send(R"({"time":12.5})");
  EXPECT_EQ(client.next_type(), "time");
  EXPECT_TRUE(client.last.starts_with(R"({"type":"time","time":12.5,"now":)")) << client.last;
  auto other = page("hall");
  EXPECT_EQ(other.ask("hall"), "yours");
  EXPECT_EQ(other.last, R"({"type":"yours","width":null,"height":null,"fps":null,"bitrate":null})");
}

TEST_F(CameraSenderTest, NeedsTheTokenOfItsCameraFirst) {
  EXPECT_EQ(tokens_.size(), 2U);
  EXPECT_NE(tokens_.at("door"), tokens_.at("hall"));
  EXPECT_EQ(CameraClient(*server_, "wrong").close_code(), kBadToken);
  CameraClient without(*server_, "");
  without.send(R"({"send":{"camera":"door"}})");
  EXPECT_EQ(without.close_code(), kBadToken);
  auto other = page("hall");
  other.send(R"({"send":{"camera":"door"}})");
  EXPECT_EQ(other.close_code(), kBadToken);
  CameraClient frame(*server_, "");
  frame.send_frame(0);
  EXPECT_EQ(frame.close_code(), kBadToken);
}

TEST(CameraSender, ClosesAPageWithoutATokenInTime) {
  Pipeline pipeline;
  pipeline.add(open("browser:"), {.name = "door"});
  const Server server(pipeline, {.limits = {.head = 0.3}});
  EXPECT_EQ(CameraClient(server, "").close_code(), kBadToken);
}

TEST_F(CameraSenderTest, HasOneSenderUntilAnotherTakesOver) {
  auto first = page("door");
  begin(first);
  auto second = page("door");
  EXPECT_EQ(second.ask("door", "2"), "busy");
  EXPECT_EQ(second.ask("door", "2", true), "yours");
  EXPECT_EQ(first.next_type(), "taken");
  first.send_frame(0);  // was in flight: ignored
  first.send(R"({"time":1})");
  EXPECT_EQ(first.next_type(), "time");
  second.socket().close(boost::beast::websocket::close_code::normal);
  EXPECT_EQ(first.next_type(), "free");
  EXPECT_EQ(first.ask("door", "1"), "yours");
}

TEST_F(CameraSenderTest, LetsAReloadedPageReplaceItself) {
  auto first = page("door");
  EXPECT_EQ(first.ask("door", "tab"), "yours");
  auto again = page("door");
  EXPECT_EQ(again.ask("door", "tab"), "yours");
  EXPECT_EQ(first.next_type(), "taken");
}

TEST_F(CameraSenderTest, RefusesFramesThatBreakTheRules) {
  auto undeclared = page("door");
  EXPECT_EQ(undeclared.ask("door"), "yours");
  undeclared.send_frame(0);
  EXPECT_EQ(undeclared.close_code(), kPolicy);
  auto twice = page("door");
  begin(twice);
  twice.send_frame(5);
  twice.send_frame(5);
  EXPECT_EQ(twice.close_code(), kPolicy);
  auto large = page("door");
  begin(large);
  // The header of a masked binary message of 3 MiB, without the content.
  const std::string head("\x82\xFF\0\0\0\0\0\x30\0\0mask", 14);
  net::write(large.socket().next_layer(), net::buffer(head));
  EXPECT_EQ(large.close_code(), boost::beast::websocket::close_code::too_big);
  auto text = page("door");
  begin(text);
  text.send(R"({"frames":1})");
  EXPECT_EQ(text.close_code(), kPolicy);
  auto honest = page("door");
  EXPECT_EQ(honest.ask("door"), "yours");
}

TEST_F(CameraSenderTest, RefusesAFlood) {
  auto frames = page("door");
  begin(frames);
  for (std::uint32_t i = 0; i < 65; ++i) frames.send_frame(i);  // nothing reads them
  EXPECT_EQ(frames.close_code(), kPolicy);
  auto texts = page("door");
  while (texts.socket().next_layer().available() == 0) texts.send(R"({"hidden":true})");  // gets no response
  EXPECT_EQ(texts.close_code(), kPolicy);
}

TEST_F(CameraSenderTest, KnowsWhatThePageSaysInItsState) {
  auto client = page("door");
  begin(client);
  client.send(R"({"state":"no_camera","message":"this device has <no> camera","report":{"camera":7}})");
  client.send(R"({"time":1})");
  EXPECT_EQ(client.next_type(), "time");
  const auto state = body_of(ask(*server_, "/api/state"));
  EXPECT_NE(state.find(R"("message":"this device has \u003cno\u003e camera")"), std::string::npos) << state;
  EXPECT_NE(state.find(R"("camera_frames":7)"), std::string::npos) << state;
  EXPECT_NE(state.find(R"("sender_token":")" + tokens_.at("door") + "\""), std::string::npos) << state;
  EXPECT_NE(body_of(ask(*server_, "/metrics")).find("freshframe_sender_camera_frames_total"),
            std::string::npos);
}

TEST_F(CameraSenderTest, ServesAnHonestPageAfterManyHostileOnes) {
  std::mt19937 random(7);  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same messages in each run
  const std::vector<std::string> texts = {
      R"({"send":{"camera":"door","client":"a","take":true}})", kDeclaration, R"({"time":1,"hidden":true})",
      R"({"state":"live","message":"","report":{"sent":1,"failures":["a"]}})"};
  for (int i = 0; i < 200; ++i) {
    auto client = page("door");
    ErrorCode error;  // ignored: the server may already have closed the connection
    for (int n = 0; n < 8 && !error; ++n) {
      auto text = texts[random() % texts.size()];
      if (n > 3) text[random() % text.size()] = static_cast<char>(random());
      const bool is_binary = random() % 4 == 0;
      client.socket().binary(is_binary);
      if (is_binary) text = "\x10\x01" + text + std::string(random() % 64, '\0');
      (void)client.socket().write(net::buffer(text), error);
    }
  }
  auto honest = page("door");
  honest.send(R"({"send":{"camera":"door","client":"honest","take":true}})");
  EXPECT_EQ(honest.next_type(), "yours");
}

TEST_F(CameraSenderTest, KeepsWhetherThePageIsHidden) {
  auto client = page("door");
  begin(client);
  client.send(R"({"hidden":true})");
  client.send(R"({"time":1,"report":{"camera":7}})");
  EXPECT_EQ(client.next_type(), "time");
  const auto state = body_of(ask(*server_, "/api/state"));
  EXPECT_NE(state.find(R"("hidden":true)"), std::string::npos) << state;
}

TEST_F(CameraSenderTest, RefusesFramesOfAPageThatNeverWasTheSender) {
  auto client = page("door");
  client.send_frame(0);
  EXPECT_EQ(client.close_code(), kPolicy);
}

TEST_F(CameraSenderTest, SharesThePipelineWithAnotherServer) {
  auto client = page("door");
  begin(client);
  auto second = std::make_unique<Server>(pipeline_, ServeOptions{.view = std::vector<std::string>()});
  EXPECT_TRUE(second->camera_tokens().empty()) << "the first server has the cameras";
  second.reset();
  EXPECT_EQ(server_->camera_tokens(), tokens_);
  client.send(R"({"time":1})");
  EXPECT_EQ(client.next_type(), "time");
  EXPECT_NO_THROW(pipeline_.start());
  pipeline_.stop();
}

TEST(CameraSender, ConnectsAgainWhenItsSourceIsReplaced) {
  Pipeline pipeline;
  const auto door = pipeline.add(open("browser:"), {.name = "door"});
  Server server(pipeline);
  pipeline.start();
  for (int n = 0; n < 3; ++n) {
    CameraClient client(server, server.camera_tokens().at("door"));
    EXPECT_EQ(client.ask("door"), "yours");
    pipeline.replace(door, open("browser:"));
    EXPECT_EQ(client.close_code(), boost::beast::websocket::close_code::service_restart);
  }
  pipeline.stop();
}

TEST(CameraSender, LeavesItsCameraForAnotherOne) {
  Pipeline pipeline;
  pipeline.add(open("browser:"), {.name = "door"});
  pipeline.add(open("browser:"), {.name = "hall"});
  Server server(pipeline, {.token = "a-token-of-the-tests"});
  CameraClient first(server, "a-token-of-the-tests");
  EXPECT_EQ(first.ask("door"), "yours");
  EXPECT_EQ(first.ask("hall"), "yours");
  CameraClient second(server, server.camera_tokens().at("door"));
  EXPECT_EQ(second.ask("door"), "yours") << "the first page left it";
}

TEST(CameraSender, RefusesACameraThatDoesNotExistOrIsNotNamed) {
  Pipeline pipeline;
  pipeline.add(open("browser:"), {.name = "door"});
  pipeline.add(open("browser:"), {.name = "hall"});
  const Server server(pipeline, {.token = "a-token-of-the-tests"});
  const auto refusal = [&server](const std::string& camera) {
    CameraClient client(server, "a-token-of-the-tests");
    client.send(R"({"send":{"camera":")" + camera + "\"}}");
    EXPECT_EQ(client.close_code(), 4404U);
    return std::string(client.socket().reason().reason.c_str());
  };
  EXPECT_EQ(refusal("yard"), "the program has no camera of this name");
  EXPECT_EQ(refusal(""), "no camera was named, and the program has none or several");
}

TEST_F(CameraSenderTest, NotifiesThePageWhenTheServerCloses) {
  auto client = page("door");
  begin(client);
  server_->close();
  EXPECT_TRUE(server_->camera_tokens().empty());
  EXPECT_EQ(client.close_code(), 0U) << "the connection just ends";
}

TEST(CameraRoute, IsOpenToItsOwnPageAndToListedOrigins) {
  Pipeline pipeline;
  pipeline.add(open("browser:"), {.name = "door"});
  const Server server(pipeline, {.origins = {"https://my.site"}});
  const std::string upgrade =
      "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
  const auto status = [&](const std::string& origin) {
    RawClient client(server);
    client.send("GET /api/camera HTTP/1.1\r\nHost: " + host_of(server) + "\r\nConnection: Upgrade\r\n" +
                upgrade + (origin.empty() ? "" : "Origin: " + origin + "\r\n") + "\r\n");
    std::string start(12, ' ');
    net::read(client.socket(), net::buffer(start));
    return start.substr(9);
  };
  EXPECT_EQ(status(""), "101");
  EXPECT_EQ(status("http://" + host_of(server)), "101");
  EXPECT_EQ(status("https://my.site"), "101");
  EXPECT_EQ(status("https://evil.site"), "403");
  EXPECT_TRUE(ask(server, "/api/camera").starts_with("HTTP/1.1 400")) << "not a WebSocket";
  EXPECT_TRUE(ask(server, "/camera").starts_with("HTTP/1.1 200"));
}

TEST(CameraRoute, ServesThePageWithoutTheTokenOfTheDashboard) {
  Pipeline pipeline;
  pipeline.add(open("browser:"), {.name = "door"});
  const Server server(pipeline, {.token = "a-token-of-the-tests"});
  EXPECT_TRUE(ask(server, "/camera").starts_with("HTTP/1.1 200"));
  EXPECT_TRUE(ask(server, "/camera.js").starts_with("HTTP/1.1 200"));
  EXPECT_TRUE(ask(server, "/api/state").starts_with("HTTP/1.1 401"));
}

}  // namespace
}  // namespace freshframe::test
