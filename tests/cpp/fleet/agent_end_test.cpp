// An agent's end of its channel: renewals, orders and batches. The test takes the controller's place.
// SPDX-License-Identifier: Apache-2.0
#include "fleet/agent_end.hpp"

#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "process/wire/bytes.hpp"
#include <gtest/gtest.h>
#include <sys/socket.h>

namespace freshframe::fleet {
namespace {

using namespace std::chrono_literals;

constexpr Run kRun{.epoch = 7, .camera = 3};

/// The other end of an agent's socket.
class Controller {
 public:
  Controller() {
    int sockets[2] = {-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
    socket_ = process::Descriptor(sockets[0]);
    agents_ = process::Descriptor(sockets[1]);
  }
  [[nodiscard]] process::Descriptor take_agents() { return std::move(agents_); }
  void hang_up() { socket_.reset(); }

  /// Returns the next message, without its length prefix.
  Message receive() {
    std::uint32_t size = 0;
    read(&size, sizeof size);
    Message message(size);
    read(message.data(), size);
    return message;
  }
  Message batch() {
    while (true) {
      auto message = receive();
      if (message.at(0) == static_cast<std::byte>(ToController::Batch)) return message;
    }
  }
  static process::ByteWriter begin(ToAgent kind) {
    process::ByteWriter writer;
    writer.put(std::uint32_t{0});
    writer.put(kind);
    return writer;
  }
  void send(const process::ByteWriter& writer) {
    const auto message = finish_message({writer.bytes().begin(), writer.bytes().end()});
    ASSERT_EQ(::send(socket_.get(), message->data(), message->size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(message->size()));
  }

 private:
  void read(void* into, std::size_t size) {
    ASSERT_EQ(::recv(socket_.get(), into, size, MSG_WAITALL), static_cast<ssize_t>(size));
  }

  process::Descriptor socket_;
  process::Descriptor agents_;
};

std::string text_of(const Order& order) {
  return {reinterpret_cast<const char*>(order.data()), order.size()};
}

Order next_order(AgentEnd& agent) {
  while (true) {
    if (auto order = agent.next_order(1s)) return *order;
  }
}

void send_order(Controller& controller, const std::string& text) {
  auto writer = Controller::begin(ToAgent::Order);
  writer.put_bytes(std::as_bytes(std::span(text)));
  controller.send(writer);
}

// Adds reader 1, which reads the output "tracks".
void add_reader(Controller& controller) {
  auto reader = Controller::begin(ToAgent::Reader);
  reader.put(std::uint32_t{1});
  reader.put_text("tracks");
  controller.send(reader);
}

// Pulls for reader 1: at most ten results of 1000 bytes.
void send_pull(Controller& controller) {
  auto pull = Controller::begin(ToAgent::Pull);
  pull.put(std::uint32_t{1});
  pull.put(std::uint32_t{10});
  pull.put(std::uint32_t{1000});
  controller.send(pull);
}

TEST(AgentEnd, BringsOrdersInTheirOrder) {
  Controller controller;
  AgentEnd agent(controller.take_agents(), 0, {});
  send_order(controller, "first");
  send_order(controller, "second");
  EXPECT_EQ(text_of(next_order(agent)), "first");
  EXPECT_EQ(text_of(next_order(agent)), "second");
}

TEST(AgentEnd, APullWaitsForAResult) {
  Controller controller;
  AgentEnd agent(controller.take_agents(), 0, {});
  add_reader(controller);
  send_pull(controller);
  send_order(controller, "both were heard");
  static_cast<void>(next_order(agent));
  agent.open_run(kRun);
  const auto stream = agent.open_stream(kRun, "tracks");
  const std::string value = "pickle";
  const auto bytes = std::as_bytes(std::span(value));
  EXPECT_TRUE(
      agent.put(*stream, std::chrono::steady_clock::now(),
                {.seq = 5,
                 .pts = 0.5,
                 .time = 1,
                 .bytes = std::make_shared<const std::vector<std::byte>>(bytes.begin(), bytes.end())}));
  const auto batch = controller.batch();
  EXPECT_EQ(std::memcmp(batch.data() + batch.size() - value.size(), value.data(), value.size()), 0);
}

TEST(AgentEnd, ASecondResultIsNotGatheredWhereResultsAreRare) {
  Controller controller;
  AgentOptions options;
  options.gather = 1h;
  AgentEnd agent(controller.take_agents(), 0, options);
  add_reader(controller);
  agent.open_run(kRun);
  const auto stream = agent.open_stream(kRun, "tracks");
  for (int i = 0; i < 2; ++i) {
    send_pull(controller);
    send_order(controller, "both were heard");
    static_cast<void>(next_order(agent));
    EXPECT_TRUE(agent.put(
        *stream, std::chrono::steady_clock::now(),
        {.seq = 5, .pts = 0.5, .time = 1, .bytes = std::make_shared<const std::vector<std::byte>>(6)}));
    EXPECT_FALSE(controller.batch().empty());
  }
}

TEST(Runs, RefuseResultsOfARunThatWasClosed) {
  Runs runs;
  const auto now = std::chrono::steady_clock::now();
  EXPECT_FALSE(runs.note_result(kRun, now));
  runs.open(kRun);
  EXPECT_TRUE(runs.note_result(kRun, now));
  EXPECT_EQ(runs.records().at(0).results, 1U);
  runs.close(kRun);
  EXPECT_FALSE(runs.note_result(kRun, now));
  EXPECT_TRUE(runs.records().empty());
  runs.close(kRun);
}

TEST(AgentEnd, EndsWhenTheControllerDisconnects) {
  Controller controller;
  AgentEnd agent(controller.take_agents(), 0, {});
  controller.hang_up();
  while (!agent.has_ended()) static_cast<void>(agent.next_order(10ms));
}

TEST(AgentEnd, EndsOnAnInvalidMessage) {
  Controller controller;
  AgentEnd agent(controller.take_agents(), 0, {});
  auto writer = Controller::begin(ToAgent::Pull);
  controller.send(writer);  // the message is incomplete
  while (!agent.has_ended()) static_cast<void>(agent.next_order(10ms));
}

TEST(AgentEnd, LimitsPendingRenewalsIfTheControllerHangs) {
  Controller controller;
  AgentOptions options;
  options.renew = 1ms;
  constexpr std::uint32_t kManyRuns = 5'000;
  constexpr std::size_t kOneRenewal = kManyRuns * sizeof(CameraRecord);
  AgentEnd end(controller.take_agents(), 0, options);
  for (std::uint32_t camera = 0; camera < kManyRuns; ++camera) end.open_run({.epoch = 1, .camera = camera});
  std::this_thread::sleep_for(500ms);  // hundreds of renewals that are not read
  std::size_t bytes = 0;
  const auto asked = boot_now().count();
  while (true) {  // until a renewal that was requested after the sleep
    const auto message = controller.receive();
    process::ByteReader reader(message);
    if (reader.get<std::uint8_t>() != static_cast<std::uint8_t>(ToController::Renewal)) continue;
    if (reader.get<std::int64_t>() > asked) break;
    bytes += message.size();
  }
  EXPECT_LT(bytes, (16U << 20) + 2 * kOneRenewal);
}

}  // namespace
}  // namespace freshframe::fleet
