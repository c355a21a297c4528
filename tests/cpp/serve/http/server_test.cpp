// The server's HTTP over real sockets: answers, protection, limits.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/pipeline.hpp"
#include "freshframe/serve.hpp"

#include <memory>
#include <string>
#include <vector>

#include "cpp/core/test_nodes.hpp"
#include "cpp/serve/client.hpp"
#include "cpp/support.hpp"
#include "serve/request/web_files.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

std::string request_of(const Server& server, const std::string& line, const std::string& headers = {}) {
  RawClient client(server);
  client.send(line + "\r\nHost: " + host_of(server) + "\r\nConnection: close\r\n" + headers + "\r\n");
  return client.read_all();
}

TEST(ServeHttp, AnswersWhatThereIsAndProtectsEveryAnswer) {
  const CheckedPipeline pipeline;
  const Server server(pipeline);
  EXPECT_EQ(server.url(), "http://" + host_of(server) + "/");
  for (const char* target : {"/api/state", "/metrics", "/healthz", "/nothing", "/api/picture/x.jpg"}) {
    const auto answer = ask(server, target);
    for (const char* header : {"X-Content-Type-Options: nosniff", "Referrer-Policy: no-referrer",
                               "frame-ancestors 'none'", "script-src 'self'", "Cache-Control: no-store"}) {
      EXPECT_TRUE(contains(answer, header)) << target << "\n" << answer;
    }
    EXPECT_FALSE(contains(answer, "unsafe-inline"));
  }
  EXPECT_TRUE(ask(server, "/api/state").starts_with("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"));
  EXPECT_TRUE(contains(ask(server, "/api/state"), R"("phase":"created")"));
  EXPECT_TRUE(ask(server, "/healthz").starts_with("HTTP/1.1 503"));
  EXPECT_TRUE(ask(server, "/nothing").starts_with("HTTP/1.1 404"));
}

TEST(ServeHttp, ProgramsOwnDocumentsComeFirst) {
  const auto documents = std::make_shared<Documents>();
  const Server server(ServeOptions{.documents = documents});
  EXPECT_TRUE(ask(server, "/api/fleet").starts_with("HTTP/1.1 404"));
  EXPECT_EQ(documents->request_count(), 0U);
  documents->set("/api/fleet", {.body = "{}"});
  documents->set("/healthz", {.type = "text/plain", .body = "two agents are down\n", .status = 503});
  EXPECT_TRUE(ask(server, "/api/fleet").starts_with("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"));
  EXPECT_TRUE(ask(server, "/api/fleet").ends_with("\r\n\r\n{}"));
  EXPECT_TRUE(ask(server, "/healthz").starts_with("HTTP/1.1 503"));
  EXPECT_TRUE(ask(server, "/healthz").ends_with("two agents are down\n"));
  documents->set("/api/fleet", {.body = "{\"name\":\"yard\"}"});
  EXPECT_TRUE(ask(server, "/api/fleet").ends_with("{\"name\":\"yard\"}"));
  EXPECT_EQ(documents->request_count(), 5U);
  EXPECT_TRUE(contains(ask(server, "/"), "main.js"));
  documents->set("/", {.type = "text/html", .body = "<p>the program's own</p>"});
  EXPECT_TRUE(ask(server, "/").ends_with("<p>the program's own</p>"));
}

TEST(ServeHttp, NoPathReachesTheFileSystem) {
  const CheckedPipeline pipeline;
  const Server server(pipeline);
  for (const char* target :
       {"/../../../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd", "/etc/passwd", "/index.html",
        "/./", "/..", "/api/picture/../../etc/passwd.jpg"}) {
    EXPECT_TRUE(ask(server, target).starts_with("HTTP/1.1 404")) << target;
  }
}

TEST(ServeHttp, RefusesOtherMethodsBodiesAndInvalidHttp) {
  const CheckedPipeline pipeline;
  const Server server(pipeline);
  for (const char* method : {"POST", "PUT", "DELETE", "CONNECT", "TRACE", "PATCH"}) {
    const auto answer = request_of(server, std::string(method) + " /api/state HTTP/1.1");
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 405")) << method << answer;
    EXPECT_TRUE(contains(answer, "Allow: GET, HEAD, OPTIONS\r\n"));
  }
  EXPECT_TRUE(request_of(server, "BREW /api/state HTTP/1.1").starts_with("HTTP/1.1 501"));
  EXPECT_TRUE(request_of(server, "GET / HTTP/1.1", "Content-Length: 5\r\n").starts_with("HTTP/1.1 413"));
  EXPECT_TRUE(
      request_of(server, "GET / HTTP/1.1", "Transfer-Encoding: chunked\r\n").starts_with("HTTP/1.1 413"));
  EXPECT_TRUE(request_of(server, "GET ftp://x/ HTTP/1.1").starts_with("HTTP/1.1 400"));
  EXPECT_TRUE(request_of(server, "GET http://x/ HTTP/1.1").starts_with("HTTP/1.1 403")) << "another host";
  EXPECT_TRUE(request_of(server, "GET / HTTP/1.1", "Host: localhost\r\n").starts_with("HTTP/1.1 400"));
  EXPECT_TRUE(request_of(server, "nonsense").starts_with("HTTP/1.1 400"));
  RawClient nobody(server);
  nobody.send("GET / HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(nobody.read_all().starts_with("HTTP/1.1 400"));
}

TEST(ServeHttp, RefusesStrangersNamesAndPages) {
  const CheckedPipeline pipeline;
  const Server server(pipeline);
  RawClient rebound(server);
  rebound.send("GET /api/state HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(rebound.read_all().starts_with("HTTP/1.1 403"));
  EXPECT_TRUE(ask(server, "/api/state", "Origin: http://evil.example\r\n").starts_with("HTTP/1.1 403"));
  EXPECT_TRUE(ask(server, "/api/live",
                  "Origin: http://evil.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n")
                  .starts_with("HTTP/1.1 403"));
  EXPECT_TRUE(
      ask(server, "/api/state", "Origin: http://" + host_of(server) + "\r\n").starts_with("HTTP/1.1 200"));
}

TEST(ServeHttp, LimitsAddressAndHeaders) {
  const CheckedPipeline pipeline;
  const Server server(pipeline);
  EXPECT_TRUE(ask(server, "/" + std::string(3000, 'a')).starts_with("HTTP/1.1 414"));
  EXPECT_TRUE(ask(server, "/" + std::string(9000, 'a')).starts_with("HTTP/1.1 414"));
  EXPECT_TRUE(ask(server, "/", "X: " + std::string(9000, 'a') + "\r\n").starts_with("HTTP/1.1 431"));
}

TEST(ServeHttp, AnswersRequestsOneAfterTheOtherOnOneConnection) {
  const CheckedPipeline pipeline;
  const Server server(pipeline);
  RawClient client(server);
  const std::string one = "GET /healthz HTTP/1.1\r\nHost: " + host_of(server) + "\r\n";
  client.send(one + "\r\n" + one + "\r\n" + one + "Connection: close\r\n\r\n");
  const auto answers = client.read_all();
  std::size_t count = 0;
  for (auto at = answers.find("HTTP/1.1 503"); at != std::string::npos;
       at = answers.find("HTTP/1.1 503", at + 1)) {
    ++count;
  }
  EXPECT_EQ(count, 3U);
}

TEST(ServeHttp, CutsConnectionsThatTakeTooLong) {
  const CheckedPipeline pipeline;
  const Server server(pipeline, {.limits = {.head = 0.3, .idle = 0.3}});
  RawClient silent(server);
  EXPECT_EQ(silent.read_all(), "");
  RawClient drips(server);  // single bytes do not extend its timeout
  drips.send("GET /healthz HT");
  EXPECT_EQ(drips.read_all(), "");
  RawClient idles(server);
  idles.send("GET /healthz HTTP/1.1\r\nHost: " + host_of(server) + "\r\n\r\n");
  EXPECT_TRUE(idles.read_all().starts_with("HTTP/1.1 503"));
}

TEST(ServeHttp, ReportsTooManyConnections) {
  const CheckedPipeline pipeline;
  const Server server(pipeline, {.limits = {.connections = 2}});
  RawClient first(server);
  RawClient second(server);
  // The responses prove that the server has accepted the connections.
  for (RawClient* client : {&first, &second}) {
    client->send("GET /healthz HTTP/1.1\r\nHost: " + host_of(server) + "\r\n\r\n");
    std::string some(12, '\0');
    net::read(client->socket(), net::buffer(some));
    EXPECT_EQ(some, "HTTP/1.1 503");
  }
  const auto answer = ask(server, "/api/state");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 503")) << answer;
  EXPECT_TRUE(contains(answer, "too many connections"));
  first.socket().close();
  wait_until([&] { return ask(server, "/api/state").starts_with("HTTP/1.1 200"); });
}

TEST(ServeHttp, IdleConnectionsWithoutTheTokenKeepNoOtherOut) {
  const CheckedPipeline pipeline;
  const std::string token = "0123456789abcdef";
  const Server server(pipeline, {.token = token, .limits = {.connections = 8, .unknown = 8}});
  std::vector<std::unique_ptr<RawClient>> idle;
  for (int i = 0; i < 60; ++i) idle.push_back(std::make_unique<RawClient>(server));
  for (int i = 0; i < 3; ++i) {
    const auto answer = ask(server, "/api/state", "Authorization: Bearer " + token + "\r\n");
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 200")) << answer;
  }
  EXPECT_EQ(idle.front()->read_all(), "");  // closed in favour of a newer connection
}

TEST(ServeHttp, AnIdleConnectionWithoutTheTokenIsCutAsEarlyAsASilentOne) {
  const CheckedPipeline pipeline;
  const Server server(pipeline, {.token = "0123456789abcdef", .limits = {.head = 0.3, .idle = 3600}});
  RawClient client(server);
  client.send("GET /api/state HTTP/1.1\r\nHost: " + host_of(server) + "\r\n\r\n");
  EXPECT_TRUE(client.read_all().starts_with("HTTP/1.1 401"));  // and the connection is closed
}

TEST(ServeHttp, RefusesOptionsThatCannotBe) {
  const CheckedPipeline pipeline;
  const auto refusal = [&](const ServeOptions& options) {
    return message_of<OptionError>([&] { const Server server(pipeline, options); });
  };
  EXPECT_TRUE(contains(refusal({.host = "example.org"}), "needs an address"));
  EXPECT_TRUE(contains(refusal({.host = ""}), "needs an address"));
  EXPECT_TRUE(contains(refusal({.token = "short"}), "16 to 256 characters"));
  EXPECT_TRUE(contains(refusal({.view = std::vector<std::string>{"nowhere"}}), "no node 'nowhere'"));
  const Server server(pipeline);
  EXPECT_TRUE(
      contains(message_of<Error>([&] { const Server same(pipeline, {.port = endpoint_of(server).port()}); }),
               "port 0 chooses a free one"));
}

TEST(ServeHttp, ServesThePagesFilesWithTheirTypesAndNotAgainWhenTheyAreKnown) {
  const CheckedPipeline pipeline;
  const Server server(pipeline);
  for (const auto& file : serve::web_files()) {
    const std::string path(file.path);
    const auto answer = ask(server, path);
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\nContent-Type: " + std::string(file.type) + "\r\n"))
        << path;
    EXPECT_TRUE(contains(answer, "ETag: " + std::string(file.etag) + "\r\n")) << path;
    EXPECT_EQ(body_of(answer), file.body) << path;
    const auto again = ask(server, path, "If-None-Match: " + std::string(file.etag) + "\r\n");
    EXPECT_TRUE(again.starts_with("HTTP/1.1 304")) << path;
    EXPECT_EQ(body_of(again), "") << path;
  }
}

}  // namespace
}  // namespace freshframe::test
