// The socket between processes.
// SPDX-License-Identifier: Apache-2.0
#include "process/wire/channel.hpp"

#include <string>
#include <utility>
#include <vector>

#include "cpp/support.hpp"
#include "process/memory/memory_file.hpp"
#include "process/memory/slab_pool.hpp"
#include "process/wire/bytes.hpp"
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

namespace freshframe::process {
namespace {

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

std::pair<Channel, Channel> make_channels() {
  auto [parent, worker] = Channel::make_pair();
  return {Channel(std::move(parent), false), Channel(std::move(worker), true)};
}

TEST(Channel, BringsMessagesWholeAndInOrder) {
  auto [parent, worker] = make_channels();
  EXPECT_EQ(parent.send(bytes_of("one")), Channel::Sent::Yes);
  EXPECT_EQ(parent.send(bytes_of("three")), Channel::Sent::Yes);
  ASSERT_EQ(worker.receive(Channel::Wait::Yes), Channel::Received::Message);
  EXPECT_EQ(worker.bytes().size(), 3U);
  ASSERT_EQ(worker.receive(Channel::Wait::No), Channel::Received::Message);
  EXPECT_EQ(worker.bytes().size(), 5U);
  EXPECT_EQ(worker.receive(Channel::Wait::No), Channel::Received::Nothing);
}

TEST(Channel, BringsDescriptorsToTheWorker) {
  auto [parent, worker] = make_channels();
  const auto file = make_message_file(bytes_of("content"));
  const int number = file.get();
  ASSERT_EQ(parent.send(bytes_of("file"), {&number, 1}), Channel::Sent::Yes);
  ASSERT_EQ(worker.receive(Channel::Wait::Yes), Channel::Received::Message);
  ASSERT_EQ(worker.descriptors().size(), 1U);
  EXPECT_EQ(file_size(worker.descriptors()[0].get()), 7U);
}

TEST(Channel, TheParentAcceptsNoDescriptors) {
  auto [parent, worker] = make_channels();
  const auto file = make_message_file(bytes_of("content"));
  const int number = file.get();
  ASSERT_EQ(worker.send(bytes_of("file"), {&number, 1}), Channel::Sent::Yes);
  EXPECT_THROW((void)parent.receive(Channel::Wait::Yes), ProtocolError);
  EXPECT_TRUE(parent.descriptors().empty());
}

TEST(Channel, RefusesAMessageThatIsTooLong) {
  auto [parent, worker] = make_channels();
  const std::vector<std::byte> large(Channel::kMostBytes + 1);
  ASSERT_EQ(worker.send(large), Channel::Sent::Yes);
  EXPECT_THROW((void)parent.receive(Channel::Wait::Yes), ProtocolError);
}

TEST(Channel, IsFullIfThePeerDoesNotRead) {
  auto [parent, worker] = make_channels();
  int sent = 0;
  while (sent < 100'000 && parent.send(bytes_of("small")) == Channel::Sent::Yes) ++sent;
  EXPECT_LT(sent, 100'000);
  EXPECT_EQ(parent.send(bytes_of("small")), Channel::Sent::Full);
  ASSERT_EQ(worker.receive(Channel::Wait::No), Channel::Received::Message);
}

TEST(Channel, ReportsADisconnectedPeerAfterItsLastMessage) {
  auto [parent, worker] = make_channels();
  ASSERT_EQ(worker.send(bytes_of("last")), Channel::Sent::Yes);
  worker.close();
  EXPECT_EQ(parent.send(bytes_of("more")), Channel::Sent::Gone);
  ASSERT_EQ(parent.receive(Channel::Wait::No), Channel::Received::Message);
  EXPECT_EQ(parent.receive(Channel::Wait::No), Channel::Received::End);
}

TEST(Channel, ReceivesTheReplyOfAWorkerThatDiedWithUnreadMessages) {
  auto [parent, worker] = make_channels();
  ASSERT_EQ(parent.send(bytes_of("unread")), Channel::Sent::Yes);
  ASSERT_EQ(worker.send(bytes_of("reply")), Channel::Sent::Yes);
  worker.close();
  bool got = false;
  auto received = Channel::Received::Nothing;
  do {  // the reset may be reported first
    received = parent.receive(Channel::Wait::No);
    got = got || received == Channel::Received::Message;
    if (received == Channel::Received::End && !got) received = parent.receive(Channel::Wait::No);
    got = got || received == Channel::Received::Message;
  } while (received == Channel::Received::Message);
  EXPECT_TRUE(got);
}

TEST(Channel, RefusesAMessageIfItsDescriptorCannotBeReceived) {
  if (test::kSanitized)
    GTEST_SKIP() << "UBSan looks at an exception through a pipe, for which there is no room";
  auto [parent, worker] = make_channels();
  const auto file = make_message_file(bytes_of("content"));
  const int number = file.get();
  ASSERT_EQ(parent.send(bytes_of("file"), {&number, 1}), Channel::Sent::Yes);
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const rlimit none{0, before.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &none);
  EXPECT_THROW((void)worker.receive(Channel::Wait::Yes), ProtocolError);
  ::setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_TRUE(worker.descriptors().empty());
}

TEST(Channel, ClosesItsSocketsAndWhatItReceivesOnExec) {
  auto [parent, worker] = make_channels();
  const auto file = make_message_file(bytes_of("content"));
  const int number = file.get();
  ASSERT_EQ(parent.send(bytes_of("file"), {&number, 1}), Channel::Sent::Yes);
  ASSERT_EQ(worker.receive(Channel::Wait::Yes), Channel::Received::Message);
  const Slab slab(1, 4096);
  for (const int each : {parent.descriptor(), worker.descriptor(), number, worker.descriptors().at(0).get(),
                         slab.descriptor()}) {
    EXPECT_EQ(::fcntl(each, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  }
}

}  // namespace
}  // namespace freshframe::process
