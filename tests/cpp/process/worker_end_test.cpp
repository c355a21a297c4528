// A worker's end without a process: images in slabs, leases, results, rejected messages.
// SPDX-License-Identifier: Apache-2.0
#include "process/worker/worker_end.hpp"

#include "freshframe/error.hpp"
#include "freshframe/frame.hpp"

#include <cstring>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cpp/support.hpp"
#include "process/memory/memory_file.hpp"
#include "process/memory/slab_pool.hpp"
#include "process/wire/channel.hpp"
#include "process/wire/messages.hpp"
#include <gtest/gtest.h>

namespace freshframe::process {
namespace {

std::span<const std::byte> payload_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

struct Ends {
  Ends() : Ends(Channel::make_pair()) {}
  explicit Ends(std::pair<Descriptor, Descriptor> sockets)
      : parent(std::move(sockets.first), false), worker(std::move(sockets.second), 0, basic_pixel_ops()) {}

  void announce(const Slab& slab) {
    const int file = slab.descriptor();
    ASSERT_EQ(parent.send(write(SlabMessage{slab.id(), slab.size()}).bytes(), {&file, 1}),
              Channel::Sent::Yes);
  }
  void ask(std::uint64_t id, std::uint64_t offset) {
    RequestMessage message{
        .id = id, .lease = id, .stamp = {}, .node = 0, .dropped = 0, .forms = {}, .value = {}};
    message.forms.push_back({{.width = 64, .height = 48, .format = PixelFormat::Gray}, {{1, offset, 64}}});
    ASSERT_EQ(parent.send(write(message).bytes()), Channel::Sent::Yes);
  }
  template <class Message>
  Message answer(ToParent kind, Message (*read)(ByteReader&)) {
    EXPECT_EQ(parent.receive(Channel::Wait::Yes), Channel::Received::Message);
    ByteReader reader(parent.bytes());
    EXPECT_EQ(read_to_parent(reader), kind);
    return read(reader);
  }
  void reply(const WorkerResult& result) { worker.reply_all({&result, 1}); }

  Channel parent;
  WorkerEnd worker;
};

/// A worker that has received sample 5, which has a frame.
struct AskedWorker : Ends {
  AskedWorker() {
    announce(slab);
    ask(5, 0);
    EXPECT_TRUE(worker.receive(request));
  }

  const Slab slab{1, 1 << 20};
  WorkerRequest request;
};

TEST(WorkerEnd, SeesThePictureWhereItLies) {
  Ends ends;
  const Slab slab(1, 1 << 20);
  std::memset(slab.data() + 4096, 9, 64 * 48);
  ends.announce(slab);
  ends.ask(5, 4096);
  WorkerRequest request;
  ASSERT_TRUE(ends.worker.receive(request));
  EXPECT_EQ(request.sample.frame.planes()[0].row(47)[63], 9);
  slab.data()[4096] = std::byte{8};
  EXPECT_EQ(request.sample.frame.planes()[0].row(0)[0], 8);
}

TEST(WorkerEnd, GivesTheLeaseBackWithTheReplyOnceTheFrameIsDropped) {
  AskedWorker ends;
  const auto kept = ends.request.sample.frame;
  ends.request = {};
  ends.worker.reply_all({});
  EXPECT_TRUE(ends.answer(ToParent::Reply, &read<ReplyMessage>).released.empty());
  ends.ask(6, 0);
  ASSERT_TRUE(ends.worker.receive(ends.request));
  ends.request = {};
  ends.worker.reply_all({});
  EXPECT_EQ(ends.answer(ToParent::Reply, &read<ReplyMessage>).released, std::vector<std::uint64_t>{6});
}

TEST(WorkerEnd, ReportsImmediatelyAFrameThatIsReleasedBetweenSamples) {
  AskedWorker ends;
  auto kept = ends.request.sample.frame;
  ends.request = {};
  ends.worker.reply_all({});
  (void)ends.answer(ToParent::Reply, &read<ReplyMessage>);
  kept = {};
  EXPECT_EQ(ends.answer(ToParent::Released, &read<ReleasedMessage>).leases, std::vector<std::uint64_t>{5});
}

TEST(WorkerEnd, AnswersEachSampleOnce) {
  AskedWorker ends;
  ends.worker.reply_all({});
  (void)ends.answer(ToParent::Reply, &read<ReplyMessage>);
  EXPECT_THROW(ends.worker.reply_all({}), Error);
  EXPECT_THROW(ends.reply({{}, ends.request.sample.frame, {}}), Error);
}

TEST(WorkerEnd, SendsItsInputBackByItsFormat) {
  AskedWorker ends;
  ends.reply({{}, ends.request.sample.frame, {}});
  const auto reply = ends.answer(ToParent::Reply, &read<ReplyMessage>);
  EXPECT_EQ(reply.kind, ResultKind::Input);
  EXPECT_EQ(reply.form, PixelFormat::Gray);
}

TEST(WorkerEnd, CopiesAPictureOfItsOwnIntoMemoryOfTheParent) {
  AskedWorker ends;
  FrameBuilder builder({.width = 100, .height = 10, .format = PixelFormat::Gray});
  std::memset(builder.plane(0), 77, builder.size_bytes());
  const auto made = std::move(builder).publish();
  std::jthread worker([&] { ends.reply({{}, made, {}}); });
  const auto needed = ends.answer(ToParent::Need, &read<NeedMessage>).bytes;
  EXPECT_EQ(needed, 128U * 10);
  const auto results = make_memory_file("results", 4096);
  seal(results, Sealed::Size);
  const int file = results.get();
  ASSERT_EQ(ends.parent.send(write(MemoryMessage{4096, {}}).bytes(), {&file, 1}), Channel::Sent::Yes);
  const auto reply = ends.answer(ToParent::Reply, &read<ReplyMessage>);
  EXPECT_EQ(reply.kind, ResultKind::Picture);
  std::vector<std::byte> pixels(needed);
  ASSERT_TRUE(read_file(file, pixels));
  EXPECT_EQ(pixels[99], std::byte{77});
}

TEST(WorkerEnd, LaysTheResultsOfACallOneBehindTheOther) {
  AskedWorker ends;
  const std::vector<std::byte> large(kMostInline + 1, std::byte{7});
  const std::vector<std::byte> small(10, std::byte{8});
  std::vector<WorkerResult> results(3);
  results[0].value = {1, {large}, {}};
  results[1].value = {1, {small}, {}};
  results[1].like = Stamp{.seq = 3, .part = 4};
  results[2].value = {1, {large}, {}};
  std::jthread worker([&] { ends.worker.reply_all(results); });
  const auto needed = ends.answer(ToParent::Need, &read<NeedMessage>).bytes;
  EXPECT_GE(needed, 2 * large.size());
  const auto memory = make_memory_file("results", static_cast<std::size_t>(needed));
  seal(memory, Sealed::Size);
  const int file = memory.get();
  ASSERT_EQ(ends.parent.send(write(MemoryMessage{needed, {}}).bytes(), {&file, 1}), Channel::Sent::Yes);
  for (const std::uint32_t more : {2U, 1U, 0U}) {
    const auto reply = ends.answer(ToParent::Reply, &read<ReplyMessage>);
    EXPECT_EQ(reply.more, more);
    EXPECT_EQ(reply.value.shared, more != 1);
    EXPECT_EQ(reply.like.has_value(), more == 1);
    if (reply.like) {
      EXPECT_EQ(reply.like->part, 4);
    }
    if (!reply.value.shared) continue;
    std::vector<std::byte> bytes(large.size());
    ASSERT_TRUE(read_file(file, bytes, reply.value.offset));
    EXPECT_EQ(bytes, large);
  }
}

TEST(WorkerEnd, FailsWithTheParentsReasonIfThereIsNoMemory) {
  AskedWorker ends;
  std::jthread parent([&] {
    (void)ends.answer(ToParent::Need, &read<NeedMessage>);
    ASSERT_EQ(ends.parent.send(write(MemoryMessage{0, "too much"}).bytes()), Channel::Sent::Yes);
  });
  const std::vector<std::byte> large(kMostInline + 1);
  try {
    ends.reply({{1, {large}, {}}, {}, {}});
    FAIL() << "there is no memory";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "too much");
  }
}

TEST(WorkerEnd, KeepsItsMemoryAfterARefusalAndReportsItsSize) {
  AskedWorker ends;
  const auto results = make_memory_file("results", 1 << 20);
  seal(results, Sealed::Size);
  const int file = results.get();
  std::jthread parent([&] {
    const auto first = ends.answer(ToParent::Need, &read<NeedMessage>);
    EXPECT_EQ(first.has, 0U);
    const std::uint64_t size = 1 << 20;
    ASSERT_EQ(ends.parent.send(write(MemoryMessage{size, {}}).bytes(), {&file, 1}), Channel::Sent::Yes);
    const auto second = ends.answer(ToParent::Need, &read<NeedMessage>);
    EXPECT_EQ(second.has, size);
    ASSERT_EQ(ends.parent.send(write(MemoryMessage{0, "too much"}).bytes()), Channel::Sent::Yes);
    const auto third = ends.answer(ToParent::Need, &read<NeedMessage>);
    EXPECT_EQ(third.has, size) << "the refusal has taken the worker's memory away";
    ASSERT_EQ(ends.parent.send(write(MemoryMessage{0, {}}).bytes()), Channel::Sent::Yes);
    EXPECT_EQ(ends.answer(ToParent::Reply, &read<ReplyMessage>).kind, ResultKind::Value);
  });
  const std::vector<std::byte> fits(kMostInline + 1);
  const std::vector<std::byte> large(2 << 20);
  const std::vector<WorkerResult> several{{{1, {large}, {}}, {}, {}}};
  EXPECT_THROW(ends.worker.reply_all(several), Error);
  EXPECT_THROW(ends.worker.reply_all(several), Error);
  ends.reply({{1, {fits}, {}}, {}, {}});
}

TEST(WorkerEnd, RefusesPlanesOutsideTheirSlab) {
  Ends ends;
  const Slab slab(1, 1 << 20);
  ends.announce(slab);
  ends.ask(5, (1 << 20) - 64 * 48 + 1);
  WorkerRequest request;
  EXPECT_THROW((void)ends.worker.receive(request), ProtocolError);
}

TEST(WorkerEnd, RefusesAMissingSlab) {
  Ends ends;
  ends.ask(5, 0);
  WorkerRequest request;
  EXPECT_THROW((void)ends.worker.receive(request), ProtocolError);
}

TEST(WorkerEnd, RefusesASlabOfAnotherSizeThanItsFile) {
  Ends ends;
  const Slab slab(1, 1 << 20);
  const int file = slab.descriptor();
  ASSERT_EQ(ends.parent.send(write(SlabMessage{1, 2 << 20}).bytes(), {&file, 1}), Channel::Sent::Yes);
  WorkerRequest request;
  EXPECT_THROW((void)ends.worker.receive(request), ProtocolError);
}

TEST(WorkerEnd, KeepsTheMemoryOfAFrameWhoseSlabWasRemoved) {
  Ends ends;
  WorkerRequest request;
  {
    const Slab slab(1, 1 << 20);
    std::memset(slab.data(), 3, 64 * 48);
    ends.announce(slab);
    ends.ask(5, 0);
    ASSERT_TRUE(ends.worker.receive(request));
  }
  ASSERT_EQ(ends.parent.send(write(SlabGoneMessage{1}).bytes()), Channel::Sent::Yes);
  ends.parent.end_sending();
  WorkerRequest next;
  EXPECT_FALSE(ends.worker.receive(next));
  EXPECT_TRUE(ends.worker.has_ended());
  EXPECT_EQ(request.sample.frame.planes()[0].row(47)[63], 3);
}

TEST(WorkerEnd, ReadsItsTask) {
  Ends ends;
  const auto payload = make_message_file(payload_of("task"));
  const auto stacks = make_memory_file("stacks", 1);
  const int files[] = {payload.get(), stacks.get()};
  ASSERT_EQ(ends.parent.send(write(InitMessage{4, "node"}).bytes(), files), Channel::Sent::Yes);
  const auto init = ends.worker.init();
  EXPECT_EQ(init.payload.size(), 4U);
  EXPECT_EQ(init.node, "node");
  EXPECT_TRUE(static_cast<bool>(init.stacks));
}

TEST(WorkerEnd, ReportsRemovedSourcesInOrderWithTheSamples) {
  AskedWorker ends;
  ASSERT_EQ(ends.parent.send(write(SourceGoneMessage{{{3, "door"}, {5, "yard"}}}).bytes()),
            Channel::Sent::Yes);
  ends.request = {};
  ends.worker.reply_all({});
  ASSERT_TRUE(ends.worker.receive(ends.request));
  ASSERT_EQ(ends.request.gone.size(), 2U);
  EXPECT_EQ(ends.request.gone[0].number, 3);
  EXPECT_EQ(ends.request.gone[0].name, "door");
  EXPECT_EQ(ends.request.gone[1].name, "yard");
  ends.ask(6, 0);
  ends.request = {};
  ASSERT_TRUE(ends.worker.receive(ends.request));
  EXPECT_TRUE(ends.request.gone.empty());
  EXPECT_EQ(ends.request.id, 6U);
}

TEST(WorkerEnd, ReportsALostLogRecordIfTheParentDoesNotRead) {
  Ends ends;
  int sent = 0;
  while (sent < 100'000 && ends.worker.log(30, "x", "text")) ++sent;
  EXPECT_LT(sent, 100'000);
  EXPECT_EQ(ends.answer(ToParent::Log, &read<LogMessage>).text, "text");
}

TEST(WorkerEnd, KeepsALeaseThatAFullSocketDoesNotTakeForTheNextReply) {
  AskedWorker ends;
  auto kept = ends.request.sample.frame;
  ends.request = {};
  ends.worker.reply_all({});
  ends.ask(6, 0);
  while (ends.worker.log(30, "x", "text")) continue;
  kept = {};  // between samples, so it would be reported immediately if the socket were not full
  while (ends.parent.receive(Channel::Wait::No) == Channel::Received::Message) continue;
  ASSERT_TRUE(ends.worker.receive(ends.request));
  ends.worker.reply_all({});
  EXPECT_EQ(ends.answer(ToParent::Reply, &read<ReplyMessage>).released, std::vector<std::uint64_t>{5});
}

TEST(WorkerEnd, ReportsMoreLeasesThanFitIntoOneMessage) {
  AskedWorker ends;
  constexpr std::uint64_t kCount = kMostReleased + 200;
  std::vector<Frame> kept;
  std::uint64_t id = 5;
  for (std::uint64_t i = 1; i < kCount; ++i) {
    kept.push_back(std::move(ends.request.sample.frame));
    ends.request = {};
    ends.worker.reply_all({});
    (void)ends.answer(ToParent::Reply, &read<ReplyMessage>);
    ends.ask(++id, 0);
    ASSERT_TRUE(ends.worker.receive(ends.request));
  }
  kept.clear();  // while a sample is being processed
  ends.request = {};
  ends.worker.reply_all({});
  const auto first = ends.answer(ToParent::Reply, &read<ReplyMessage>).released.size();
  const auto second = ends.answer(ToParent::Released, &read<ReleasedMessage>).leases.size();
  EXPECT_EQ(first, kMostReleased);
  EXPECT_EQ(first + second, kCount);
}

TEST(WorkerEnd, RefusesAnswersAndTasksThatCannotBe) {
  const auto refuses = [](const ByteWriter& message, std::span<const int> files) {
    Ends ends;
    EXPECT_EQ(ends.parent.send(message.bytes(), files), Channel::Sent::Yes);
    WorkerRequest request;
    EXPECT_THROW((void)ends.worker.receive(request), ProtocolError);
  };
  const auto file = make_memory_file("test", 4096);
  const int number = file.get();
  refuses(write(SlabMessage{1, 4096}), {});
  refuses(write(SlabGoneMessage{1}), {});
  refuses(write(MemoryMessage{4096, {}}), {});
  refuses(write(MemoryMessage{8192, {}}), {&number, 1});
  refuses(write(InitMessage{4, {}}), {});
  Ends ends;
  ASSERT_EQ(ends.parent.send(write(InitMessage{4, {}}).bytes()), Channel::Sent::Yes);
  EXPECT_THROW((void)ends.worker.init(), ProtocolError);
}

}  // namespace
}  // namespace freshframe::process
