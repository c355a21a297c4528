// Queue policies as values: names, strings, and rejected values.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/queue.hpp"

#include "freshframe/error.hpp"
#include "freshframe/pipeline.hpp"

#include <cstdint>
#include <string>

#include "cpp/core/test_nodes.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe::test {
namespace {

TEST(Queue, ThePredefinedQueuesAreWhatTheDocumentsSay) {
  EXPECT_EQ(kLatest, (Queue{1, WhenFull::DropOldest}));
  EXPECT_EQ(kNext, (Queue{0, WhenFull::DropOldest}));
  EXPECT_EQ(kLossless, (Queue{8, WhenFull::Block}));
  EXPECT_EQ(kRecording, (Queue{256, WhenFull::DropNewest, 2.0, 256 << 20}));
  EXPECT_EQ(Queue{}, kLatest);
}

TEST(Queue, TextNamesTheConstantOrSpellsThePolicy) {
  for (const auto& [name, queue] : kNamedQueues) EXPECT_EQ(to_string(queue), name);
  EXPECT_EQ(to_string(Queue{4, WhenFull::DropNewest}), "Queue(4, drop_newest)");
  EXPECT_EQ(to_string(Queue{2, WhenFull::DropOldest}), "Queue(2, drop_oldest)");
  EXPECT_EQ(to_string(Queue{1, WhenFull::Block}), "Queue(1, block)");
}

TEST(Queue, OnlyOneThatMakesItsProducerWaitBlocks) {
  EXPECT_TRUE(kLossless.blocks());
  EXPECT_TRUE((Queue{1, WhenFull::Block}.blocks()));
  for (const auto& queue : {kLatest, kNext, kRecording, Queue{4, WhenFull::DropNewest}})
    EXPECT_FALSE(queue.blocks()) << to_string(queue);
}

TEST(Queue, AnUnknownPolicyIsRefusedWithTheKnownOnes) {
  EXPECT_EQ(parse_when_full("drop_newest"), WhenFull::DropNewest);
  EXPECT_EQ(message_of<OptionError>([] { (void)parse_when_full("wait"); }),
            "when_full must be one of drop_oldest, drop_newest, block, got 'wait'");
}

TEST(Queue, CausesAndPoliciesHaveTheirPublicNames) {
  EXPECT_EQ(to_string(WhenFull::DropOldest), "drop_oldest");
  EXPECT_EQ(to_string(WhenFull::DropNewest), "drop_newest");
  EXPECT_EQ(to_string(WhenFull::Block), "block");
  EXPECT_EQ(to_string(DropCause::QueueFull), "queue_full");
  EXPECT_EQ(to_string(DropCause::NoWaiter), "no_waiter");
  EXPECT_EQ(to_string(DropCause::Skipped), "skipped");
  EXPECT_EQ(to_string(DropCause::Stale), "stale");
  EXPECT_EQ(to_string(DropCause::Stop), "stop");
  EXPECT_EQ(to_string(NodeDropCause::Device), "device");
  EXPECT_EQ(to_string(NodeDropCause::Decode), "decode");
  EXPECT_EQ(to_string(NodeDropCause::Pool), "pool");
  EXPECT_EQ(to_string(NodeDropCause::Error), "error");
}

TEST(Queue, WhatCanBePasses) {
  for (const WhenFull when_full : {WhenFull::DropOldest, WhenFull::DropNewest, WhenFull::Block}) {
    EXPECT_NO_THROW(validate(Queue{1, when_full}));
    EXPECT_NO_THROW(validate(Queue{1024, when_full}));
  }
  EXPECT_NO_THROW(validate(kNext));
}

TEST(Queue, ANegativeDepthIsRefusedWithTheNumber) {
  for (const WhenFull when_full : {WhenFull::DropOldest, WhenFull::DropNewest, WhenFull::Block}) {
    const std::string message = message_of<OptionError>([&] { validate(Queue{-3, when_full}); });
    EXPECT_TRUE(contains(message, "-3")) << message;
  }
}

TEST(Queue, DepthZeroWithAnotherPolicyIsRefused) {
  EXPECT_THROW(validate(Queue{0, WhenFull::DropNewest}), OptionError);
  EXPECT_THROW(validate(Queue{0, WhenFull::Block}), OptionError);
}

TEST(Queue, AddAndReaderRefuseAPolicyThatCannotBe) {
  Feed<int> feed;
  CheckedPipeline pipeline;
  const auto source = pipeline.add(feed_source(feed, Kind::Live));
  EXPECT_THROW(pipeline.add(pass_on<int>(), source, {.queue = Queue{-1}}), OptionError);
  EXPECT_THROW(pipeline.add(pass_on<int>(), source, {.queue = Queue{0, WhenFull::Block}}), OptionError);
  EXPECT_THROW((void)pipeline.reader(source, {.queue = Queue{-1}}), OptionError);
  EXPECT_THROW((void)pipeline.reader(source, {.queue = Queue{0, WhenFull::DropNewest}}), OptionError);
  EXPECT_FALSE(contains(pipeline.to_string(), "->"));  // the refused nodes left nothing behind
}

TEST(Queue, ABoundIsMoreThanZeroAndOfAQueueThatDrops) {
  const auto refuses = [](Queue queue) { return message_of<OptionError>([&] { validate(queue); }); };
  EXPECT_EQ(refuses({.max_seconds = 0}), "max_seconds of a queue must be more than 0, got 0");
  EXPECT_EQ(refuses({.max_bytes = -1}), "max_bytes of a queue must be more than 0, got -1");
  EXPECT_TRUE(contains(refuses({8, WhenFull::Block, 2.0}), "got Queue(8, block, max_seconds=2)"));
  EXPECT_NO_THROW(validate({.max_seconds = 0.5, .max_bytes = std::int64_t{1} << 40}));
}

TEST(Queue, NamesOfPoliciesAreReadAsTheyAreWritten) {
  for (const auto policy : {WhenFull::DropOldest, WhenFull::DropNewest, WhenFull::Block}) {
    EXPECT_EQ(parse_when_full(to_string(policy)), policy);
  }
  EXPECT_THROW(static_cast<void>(parse_when_full("drop")), OptionError);
  EXPECT_EQ(parse_on_error("skip"), OnError::Skip);
  EXPECT_THROW(static_cast<void>(parse_on_error("ignore")), OptionError);
}

}  // namespace
}  // namespace freshframe::test
