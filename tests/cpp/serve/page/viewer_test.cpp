// Dashboards and pages over real sockets: only one state and one image are in flight, followed by the newest
// one, and no viewer waits for another.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/media.hpp"
#include "freshframe/pipeline.hpp"
#include "freshframe/serve.hpp"

#include <chrono>
#include <cstdint>
#include <future>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/pipeline/pipeline_core.hpp"
#include "cpp/core/test_frames.hpp"
#include "cpp/core/test_nodes.hpp"
#include "cpp/serve/client.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

using Views = std::vector<std::string>;

std::unique_ptr<MockCamera> camera(double fps = 100) {
  FrameBuilder builder({.width = 64, .height = 48, .format = PixelFormat::I420, .range = ColorRange::Full});
  for (int i = 0; i < 3; ++i) {
    std::memset(builder.plane(i), 100 + i,
                static_cast<std::size_t>(builder.stride(i)) * static_cast<std::size_t>(i == 0 ? 48 : 24));
  }
  return std::make_unique<MockCamera>(std::move(builder).publish(pixel_ops()), fps);
}

std::int64_t number_in(const std::string& json, const std::string& key) {
  const auto at = json.find("\"" + key + "\":");
  return at == std::string::npos ? -1 : std::stoll(json.substr(at + key.size() + 3));
}

TEST(ServeViewer, GetsTheHistoryThenStatesEachAfterTheAcknowledgementOfTheLast) {
  CheckedPipeline pipeline;
  pipeline.add(camera(), {.name = "cam"});
  const Server server(pipeline);
  LiveClient client(server);
  EXPECT_TRUE(client.receive().second.starts_with(R"({"type":"history")"));
  EXPECT_TRUE(client.receive().second.starts_with(R"({"type":"state","schema":1,)"));
  // Without an acknowledgement, the server sends no further messages. A second viewer waits for four states.
  LiveClient other(server);
  for (int i = 0; i < 4; ++i) (void)other.next_state();
  EXPECT_EQ(client.socket().next_layer().available(), 0U);
  client.send(R"({"ack":"state"})");
  EXPECT_TRUE(client.receive().second.starts_with(R"({"type":"state")"));
}

TEST(ServeViewer, SeesPicturesInOrderAndTheNewestAfterAPause) {
  CheckedPipeline pipeline;
  pipeline.add(camera(), {.name = "cam"});
  const Server server(pipeline);
  pipeline.start();
  JpegClient client(server, "cam");
  double last = -1;
  for (int i = 0; i < 5; ++i) {
    const auto [pts, jpeg] = client.next_picture();
    EXPECT_TRUE(jpeg.starts_with("\xFF\xD8"));
    EXPECT_GT(pts, last);
    last = pts;
  }
}

TEST(ServeViewer, PicturesAreEncodedOncePerPictureAndOnlyForThoseWhoLook) {
  CheckedPipeline pipeline;
  const auto port = pipeline.add(camera(), {.name = "cam"});
  auto reader = pipeline.reader(port);
  const Server server(pipeline);
  pipeline.start();
  LiveClient watcher(server);  // receives only states, no images
  for (int i = 0; i < 50; ++i) (void)reader.get();
  EXPECT_EQ(number_in(watcher.next_state(), "encoded"), 0);
  std::vector<std::unique_ptr<JpegClient>> clients;
  for (int i = 0; i < 5; ++i) clients.push_back(std::make_unique<JpegClient>(server, "cam"));
  std::set<double> seen;
  for (int i = 0; i < 6; ++i) {
    for (const auto& client : clients) seen.insert(client->next_picture().first);
  }
  (void)watcher.next_state();  // an old state, sent before the images
  const auto encoded = number_in(watcher.next_state(), "encoded");
  EXPECT_GE(encoded, static_cast<std::int64_t>(seen.size()));
  EXPECT_LT(encoded, 5 * 6);
  for (const auto& client : clients) client->send(R"({"watch":[]})");
  std::string state;
  do state = watcher.next_state();
  while (number_in(state.substr(state.find("\"encoded\"")), "viewers") != 0);
  (void)watcher.next_state();  // by then, messages in flight have been counted
  const auto before = number_in(watcher.next_state(), "encoded");
  for (int i = 0; i < 50; ++i) (void)reader.get();
  EXPECT_EQ(number_in(watcher.next_state(), "encoded"), before);
}

TEST(ServeViewer, AViewerThatDoesNotReadDelaysNoOtherAndIsDisconnected) {
  CheckedPipeline pipeline;
  pipeline.add(camera(), {.name = "cam"});
  const Server server(pipeline, {.limits = {.acknowledge = 0.5}});
  pipeline.start();
  const LiveClient deaf(server);
  const JpegClient blind(server, "cam");
  JpegClient page(server, "cam");
  for (int i = 0; i < 10; ++i) (void)page.next_picture();
  LiveClient client(server);
  std::string state;
  do state = client.next_state();
  while (number_in(state.substr(state.rfind("\"viewers\"")), "viewers") != 1 ||
         number_in(state.substr(state.find("\"encoded\"")), "viewers") != 1);
}

TEST(ServeViewer, APageThatSendsAnythingElseIsClosedWithPolicyViolation) {
  const CheckedPipeline pipeline;
  const Server server(pipeline);
  LiveClient client(server);
  client.send(R"( { "ack" : "state" } )");
  client.send(R"({"ack":"everything"})");
  EXPECT_EQ(client.close_code(), 1008U);
  for (const auto* text : {"", "{", "{}", "[]", "null", R"({"ack":1})", R"({"ack":"state"}x)",
                           R"({"ack":"state","ack":"state"})", R"({"ack":"state","width":5})",
                           R"({"ack":"picture"})", R"({"view":["cam"]})", R"({"ack":"\ud800"})"}) {
    LiveClient other(server);
    other.send(text);
    EXPECT_EQ(other.close_code(), 1008U) << text;
  }
  LiveClient binary(server);
  binary.socket().binary(true);
  binary.send(R"({"ack":"state"})");
  EXPECT_EQ(binary.close_code(), 1008U);
  LiveClient large(server);
  ErrorCode ignored;
  large.socket().write(net::buffer(std::string(100000, ' ')), ignored);
  EXPECT_NE(large.close_code(), 1000U);
  LiveClient flood(server);
  for (int i = 0; i < 1000; ++i) {
    ErrorCode closed;
    flood.socket().write(net::buffer(std::string(R"({"ack":"state"})")), closed);
    if (closed) break;
  }
  EXPECT_NE(flood.close_code(), 1000U);
  EXPECT_TRUE(ask(server, "/api/state").starts_with("HTTP/1.1 200"));
}

TEST(ServeViewer, ADropAnErrorAndTheEndAreEvents) {
  CheckedPipeline pipeline;
  const auto port = pipeline.add(count_source(1000, Kind::Live), {.name = "count"});
  Gate gate;
  pipeline.add(
      make_node<int, int>([&](const Sample<int>& sample, const Context& context) -> std::optional<int> {
        gate.pass(context.stop);
        if (sample.value > 3) throw Error("too much </script>");
        return sample.value;
      }),
      port, {.name = "picky"});
  const Server server(pipeline);
  pipeline.start();
  LiveClient client(server);
  std::string state;
  do state = client.next_state();
  while (!contains(state, R"("kind":"drop","subject":"count-\u003epicky")"));
  gate.open();
  do state = client.next_state();
  while (!contains(state, R"("phase":"failed")"));
  EXPECT_TRUE(contains(
      state, R"("error":{"node":"picky","message":"too much \u003c/script\u003e","traceback":null})"));
  EXPECT_TRUE(contains(state, R"("kind":"error","subject":"picky")"));
}

TEST(ServeViewer, ServersComeAndGoWhileThePipelineRuns) {
  CheckedPipeline pipeline;
  pipeline.add(camera(), {.name = "cam"});
  pipeline.start();
  const int bound = pipeline.stats().pool.bound;
  for (int i = 0; i < 5; ++i) {
    Server server(pipeline, {.view = Views{"cam"}});
    EXPECT_EQ(pipeline.stats().pool.bound, bound + 1);
    EXPECT_TRUE(
        contains(message_of<StateError>([&] { const Server second(pipeline, {.view = Views{"cam"}}); }),
                 "another viewer already receives the frames"));
    JpegClient client(server, "cam");
    (void)client.next_picture();
    server.close();
    server.close();
    EXPECT_EQ(client.close_code(), 0U);  // the connection was cut
  }
  EXPECT_EQ(pipeline.stats().pool.bound, bound);
}

TEST(ServeViewer, ASnapshotIsTheNewestPictureOfItsPort) {
  CheckedPipeline pipeline;
  pipeline.add(camera(), {.name = "a cam"});
  const Server server(pipeline);
  pipeline.start();
  const auto answer = ask(server, "/api/picture/a%20cam.jpg");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n"));
  EXPECT_TRUE(body_of(answer).starts_with("\xFF\xD8"));
}

// Requests an image of `cam` while the feed sends a frame every 50 ms. Adds their number to `given`. Returns the
// response's sequence number.
std::int64_t ask_while_fed(const Server& server, Feed<Frame>& feed, std::int64_t& given) {
  auto answer = std::async(std::launch::async, [&] { return ask(server, "/api/picture/cam.jpg"); });
  do {
    feed.push_and_settle(gray_frame(1));
    ++given;
  } while (answer.wait_for(std::chrono::milliseconds(50)) != std::future_status::ready);
  const auto text = answer.get();
  return std::stoll(text.substr(text.find("X-Seq: ") + 7));
}

TEST(ServeViewer, ASnapshotIsTakenAfterTheRequestWhereThePortHasSentAnother) {
  Feed<Frame> feed;
  CheckedPipeline pipeline;
  pipeline.add(feed_source(feed, Kind::Live), {.name = "cam"});
  const Server server(pipeline);
  pipeline.start();
  std::int64_t given = 0;
  for (int i = 0; i < 5; ++i) {
    feed.push_and_settle(gray_frame(1));
    const auto newest = given++;
    EXPECT_GT(ask_while_fed(server, feed, given), newest);
  }
}

TEST(ServeViewer, ASnapshotIsTheLastPictureWhereThePortHasSentNoOther) {
  Feed<Frame> feed;
  CheckedPipeline pipeline;
  pipeline.add(feed_source(feed, Kind::Live), {.name = "cam"});
  const Server server(pipeline);
  pipeline.start();
  std::int64_t given = 0;
  constexpr int kAttempts = 20;  // on a slow machine, another frame may be sent before the response arrives
  for (int i = 0; i < kAttempts; ++i) {
    const auto seq = ask_while_fed(server, feed, given);
    if (seq != given - 1) continue;
    const auto again = ask(server, "/api/picture/cam.jpg");
    if (again.starts_with("HTTP/1.1 200")) {
      EXPECT_NE(again.find("X-Seq: " + std::to_string(seq) + "\r\n"), std::string::npos) << again;
      return;
    }
  }
  FAIL() << "no request got the picture that the server had";
}

}  // namespace
}  // namespace freshframe::test
