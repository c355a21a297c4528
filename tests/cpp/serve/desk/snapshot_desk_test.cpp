// Requests for past images: limits, rate limits, cancellation, and which addresses count as one client.
// SPDX-License-Identifier: Apache-2.0
#include "serve/desk/snapshot_desk.hpp"

#include "freshframe/error.hpp"
#include "freshframe/look.hpp"
#include "freshframe/pipeline.hpp"
#include "freshframe/serve.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/pipeline/pipeline_access.hpp"
#include "core/pipeline/pipeline_core.hpp"
#include "cpp/media/files.hpp"
#include "cpp/serve/client.hpp"
#include "cpp/support.hpp"
#include "serve/http/service.hpp"
#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <gtest/gtest.h>
#include <sys/resource.h>

namespace freshframe::test {
namespace {

using serve::Reply;
using serve::SnapshotDesk;

/// A Look in a pipeline that is never started.
class ServedLook : public Source<Frame>, public LookBack {
 public:
  [[nodiscard]] std::string default_name() const override { return "look"; }
  [[nodiscard]] bool live() const noexcept override { return true; }
  [[nodiscard]] NodeAbilities abilities() noexcept override { return {.look = this}; }
  std::optional<SourceItem<Frame>> read(const Context& /*context*/) override { return std::nullopt; }
};

/// Adds a Look to the pipeline. Returns it, so that the test can inspect it.
template <class Look>
Look* added(Pipeline& pipeline, const std::string& name) {
  auto look = std::make_unique<Look>();
  auto* const kept = look.get();
  static_cast<void>(pipeline.add(std::move(look), {.name = name}));
  return kept;
}

/// Returns one image immediately.
class QuickLook final : public ServedLook {
 public:
  void look(const LookQuestion& /*question*/, const Take& take) override {
    ++asked;
    priority = ::getpriority(PRIO_PROCESS, 0);  // priority of this thread
    take({.stamp = {}, .frame = numbered_frame(3)});
  }
  std::atomic<int> asked{0};
  std::atomic<int> priority{0};
};

/// Pretends to decode until the request is cancelled.
class EndlessLook final : public ServedLook {
 public:
  void look(const LookQuestion& question, const Take& /*take*/) override {
    ++began;
    wait_until([&] { return question.stop.stop_requested(); });
    ++ended;
  }
  std::atomic<int> began{0};
  std::atomic<int> ended{0};
};

struct Served {
  explicit Served(double seconds)
      : server(pipeline,
               {.look = {"quick", "endless"}, .looks_per_minute = 6000, .limits = {.look = seconds}}) {}

  /// Requests the endless look, and does not wait for the response. `then`: unread bytes after the request.
  [[nodiscard]] std::unique_ptr<RawClient> asks(const std::string& then = {}) const {
    auto client = std::make_unique<RawClient>(server);
    client->send("GET /api/look/endless.jpg HTTP/1.1\r\nHost: " + host_of(server) + "\r\n\r\n" + then);
    return client;
  }

  CheckedPipeline pipeline;
  QuickLook* quick = added<QuickLook>(pipeline, "quick");
  EndlessLook* endless = added<EndlessLook>(pipeline, "endless");
  Server server;
};

bool is_ok(const std::string& answer) {
  return answer.starts_with("HTTP/1.1 200");
}

TEST(ServeLook, ARequestWhoseClientDisconnectsEndsAndFreesItsPlace) {
  for (const char* then : {"", "GET /healthz HTTP/1.1\r\n"}) {  // even if unread bytes follow the request
    const Served served(3600);
    {
      std::vector<std::unique_ptr<RawClient>> clients;
      for (int n = 0; n < 4; ++n) clients.push_back(served.asks(then));
      wait_until([&] { return served.endless->began == 4; });
      EXPECT_TRUE(ask(served.server, "/api/look/quick.jpg").starts_with("HTTP/1.1 503"));
    }
    wait_until([&] { return served.endless->ended == 4; });
    wait_until([&] { return is_ok(ask(served.server, "/api/look/quick.jpg")); });
  }
}

TEST(ServeLook, ARequestThatTakesTooLongGetsAResponseAndFreesItsPlace) {
  const Served served(0.3);
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int n = 0; n < 4; ++n) clients.push_back(served.asks());
  for (const auto& client : clients) {
    std::string answer(12, ' ');
    net::read(client->socket(), net::buffer(answer));
    EXPECT_EQ(answer, "HTTP/1.1 503");
  }
  wait_until([&] { return served.endless->ended == 4; });
  wait_until([&] { return is_ok(ask(served.server, "/api/look/quick.jpg")); });
}

TEST(ServeLook, TheThreadOfARequestHasALowerPriorityThanThePipeline) {
  const Served served(3600);
  const int ours = ::getpriority(PRIO_PROCESS, 0);
  EXPECT_TRUE(is_ok(ask(served.server, "/api/look/quick.jpg")));
  EXPECT_EQ(served.quick->priority, std::min(19, ours + 10));
  EXPECT_EQ(::getpriority(PRIO_PROCESS, 0), ours);
}

/// A SnapshotDesk whose posted work is run by the test.
struct Desk {
  explicit Desk(double rate = 6000)
      : desk(core::PipelineAccess::core(pipeline), {"quick"}, rate, [this](std::function<void()> work) {
          const std::lock_guard lock(mutex);
          posted.push_back(std::move(work));
        }) {}
  [[nodiscard]] SnapshotDesk::Asked asks(const std::string& client) {
    return desk.ask({.name = "quick", .ages = {0}}, client, [this](const Reply&) { ++answers; });
  }

  CheckedPipeline pipeline;
  QuickLook* quick = added<QuickLook>(pipeline, "quick");
  std::mutex mutex;
  std::vector<std::function<void()>> posted;  // guarded by mutex
  int answers = 0;
  SnapshotDesk desk;
};

TEST(SnapshotDesks, RefuseARateThatIsOutOfRange) {
  for (const double rate : {0.0, -1.0, 6001.0, std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_THROW(Desk{rate}, OptionError) << rate;
  }
}

TEST(SnapshotDesks, ThatAreClosedRefuseQuestions) {
  Desk desk;
  ASSERT_TRUE(std::holds_alternative<std::uint64_t>(desk.asks("a")));
  desk.desk.close();
  const auto asked = desk.asks("a");
  ASSERT_TRUE(std::holds_alternative<Reply>(asked));
  EXPECT_EQ(std::get<Reply>(asked).status, 503U);
  ASSERT_EQ(desk.posted.size(), 1U);
  desk.posted[0]();
  EXPECT_EQ(desk.answers, 1);
}

TEST(SnapshotDesks, DoNotAnswerCancelledRequests) {
  Desk desk;
  const auto asked = desk.asks("a");
  desk.desk.give_up(std::get<std::uint64_t>(asked));
  desk.desk.close();
  desk.posted.at(0)();
  EXPECT_EQ(desk.answers, 0);
  EXPECT_EQ(desk.desk.info()[0].answered + desk.desk.info()[0].failed, 1U);
}

TEST(LookRates, CountAnIpv6NetworkAsOneClientAndEachIpv4Address) {
  const auto now = std::chrono::steady_clock::now();
  serve::LookRates rates(1);
  EXPECT_EQ(rates.take("2001:db8:1:2::7", now), 0);
  EXPECT_GT(rates.take("2001:db8:1:2:ffff::9", now), 0);
  EXPECT_EQ(rates.take("2001:db8:1:3::7", now), 0);
  EXPECT_EQ(rates.take("192.0.2.1", now), 0);
  EXPECT_GT(rates.take("::ffff:192.0.2.1", now), 0);
  EXPECT_EQ(rates.take("::ffff:192.0.2.2", now), 0);
  EXPECT_EQ(rates.take("a client", now), 0);
  EXPECT_GT(rates.take("a client", now), 0);
}

// Both requests have arrived when the server ends, after `steps` steps of its thread. No look may start after that.
TEST(ServeLook, AServerThatEndsBetweenTwoRequestsAsksNothingMore) {
  constexpr int kSteps = 40;
  for (int steps = 0; steps < kSteps; ++steps) {
    CheckedPipeline pipeline;
    const auto* const look = added<QuickLook>(pipeline, "quick");
    net::io_context io;
    net::local::stream_protocol::socket client(io);
    {
      serve::Service service(core::PipelineAccess::core(pipeline),
                             {.look = {"quick"}, .looks_per_minute = 6000}, serve::Gate({}, true, {}, 80));
      net::local::stream_protocol::socket link(service.io());
      net::local::connect_pair(client, link);
      const std::string head = " HTTP/1.1\r\nHost: localhost:80\r\n\r\n";
      net::write(client, net::buffer("GET /healthz" + head + "GET /api/look/quick.jpg" + head));
      service.welcome(serve::Socket(std::move(link)));
      for (int n = 0; n < steps; ++n) service.io().poll_one();
    }
    EXPECT_LE(look->asked, 1);
  }
}

}  // namespace
}  // namespace freshframe::test
