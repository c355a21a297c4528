// Outboxes: bounds, ordinals, batches, and counters that balance.
// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "fleet/framing.hpp"
#include "fleet/outboxes.hpp"
#include "process/wire/bytes.hpp"
#include <gtest/gtest.h>

namespace freshframe::fleet {
namespace {

using namespace std::chrono_literals;

constexpr Run kSentRun{.epoch = 7, .camera = 3};

Result result(std::int64_t seq, std::size_t size = 10) {
  return {.seq = seq, .pts = 0, .time = 0, .bytes = std::make_shared<const std::vector<std::byte>>(size)};
}

void expect_balance(const OutboxRecord& record) {
  EXPECT_EQ(record.reported, record.full + record.expired + record.fenced + record.handed + record.waiting);
}

struct Batch {
  std::vector<OutboxRecord> records;
  std::vector<ResultRecord> results;
};

template <class Record>
Record get(process::ByteReader& reader) {
  Record record;
  std::memcpy(&record, reader.take(sizeof record).data(), sizeof record);
  return record;
}

Batch parsed(const std::shared_ptr<const Message>& message) {
  process::ByteReader reader(*message);
  EXPECT_EQ(reader.get<std::uint32_t>(), message->size() - 4);
  EXPECT_EQ(reader.get<std::uint8_t>(), static_cast<std::uint8_t>(ToController::Batch));
  static_cast<void>(reader.get<std::uint32_t>());
  Batch batch;
  const auto records = reader.get<std::uint32_t>();
  const auto results = reader.get<std::uint32_t>();
  for (std::uint32_t i = 0; i < records; ++i) batch.records.push_back(get<OutboxRecord>(reader));
  for (std::uint32_t i = 0; i < results; ++i) batch.results.push_back(get<ResultRecord>(reader));
  for (const auto& each : batch.results) static_cast<void>(reader.take(each.size_bytes));
  reader.expect_end();
  return batch;
}

TEST(MessageReader, RefusesASizeOutOfRangeAsSoonAsItIsThere) {
  for (const std::uint32_t size : {std::uint32_t{0}, static_cast<std::uint32_t>(kMostMessage + 1)}) {
    MessageReader reader;
    reader.add(std::as_bytes(std::span(&size, 1)));
    EXPECT_THROW(static_cast<void>(reader.next()), process::ProtocolError) << size;
  }
}

TEST(Outbox, DropsTheOldestBeyondItsNumberOfResults) {
  Outbox outbox(kSentRun, 1, {.results = 3, .size_bytes = 1000});
  for (int i = 0; i < 5; ++i) outbox.put(result(i));
  EXPECT_EQ(outbox.record().full, 2U);
  EXPECT_EQ(outbox.take().record.ordinal, 2U);
  expect_balance(outbox.record());
}

TEST(Outbox, DropsTheOldestBeyondItsBytes) {
  Outbox outbox(kSentRun, 1, {.results = 100, .size_bytes = 1000});
  for (int i = 0; i < 3; ++i) outbox.put(result(i, 400));
  EXPECT_EQ(outbox.size(), 2U);
  outbox.put(result(3, 1000));
  EXPECT_EQ(outbox.size(), 1U);
  EXPECT_EQ(outbox.take().record.ordinal, 3U);
  expect_balance(outbox.record());
}

TEST(Outbox, DropsAResultThatIsLargerThanItself) {
  Outbox outbox(kSentRun, 1, {.results = 100, .size_bytes = 1000});
  outbox.put(result(0));
  outbox.put(result(1, 1001));
  EXPECT_EQ(outbox.size(), 1U);
  EXPECT_EQ(outbox.record().full, 1U);
  EXPECT_EQ(outbox.record().reported, 2U);
  expect_balance(outbox.record());
}

TEST(Outboxes, AnUnreadOutputIsNotWanted) {
  Outboxes outboxes({});
  const auto stream = outboxes.open(kSentRun, "tracks");
  outboxes.add_reader(1, "faces", 0s);
  EXPECT_FALSE(stream->is_wanted());
  outboxes.add_reader(2, "tracks", 0s);
  EXPECT_TRUE(stream->is_wanted());
  outboxes.remove_reader(2);
  EXPECT_FALSE(stream->is_wanted());
}

TEST(Outboxes, APullTakesTheOldestResults) {
  Outboxes outboxes({});
  outboxes.add_reader(1, "tracks", 0s);
  const auto stream = outboxes.open(kSentRun, "tracks");
  EXPECT_TRUE(outboxes.put(*stream, result(0)));
  EXPECT_FALSE(outboxes.put(*stream, result(1)));  // another result is ready already
  const Outboxes::Pull pull{.reader = 1, .most_results = 1, .most_bytes = 1000};
  EXPECT_EQ(parsed(outboxes.pull(pull, 1s)).results.at(0).ordinal, 0U);
  EXPECT_EQ(parsed(outboxes.pull(pull, 1s)).results.at(0).ordinal, 1U);
  EXPECT_EQ(outboxes.pull(pull, 1s), nullptr);
  expect_balance(outboxes.records().now.at(0));
}

TEST(Outboxes, ABatchServesAllCamerasInTurn) {
  Outboxes outboxes({});
  outboxes.add_reader(1, "tracks", 0s);
  const auto one = outboxes.open({.epoch = 7, .camera = 1}, "tracks");
  const auto two = outboxes.open({.epoch = 8, .camera = 2}, "tracks");
  for (int i = 0; i < 4; ++i) outboxes.put(*one, result(i));
  outboxes.put(*two, result(0));
  std::vector<std::uint32_t> cameras;
  for (int pulled = 0; pulled < 3; ++pulled) {
    const auto message = outboxes.pull({.reader = 1, .most_results = 2, .most_bytes = 1000}, 0s);
    for (const auto& each : parsed(message).results) cameras.push_back(each.camera);
  }
  EXPECT_EQ(cameras, (std::vector<std::uint32_t>{1, 1, 2, 1, 1}));
}

TEST(Outboxes, AResultLargerThanABatchTravelsAlone) {
  Outboxes outboxes({});
  outboxes.add_reader(1, "tracks", 0s);
  const auto stream = outboxes.open(kSentRun, "tracks");
  outboxes.put(*stream, result(0, 500));
  outboxes.put(*stream, result(1, 500));
  const auto message = outboxes.pull({.reader = 1, .most_results = 9, .most_bytes = 100}, 0s);
  EXPECT_EQ(parsed(message).results.size(), 1U);
}

TEST(Outboxes, TheFattestGiveFirstWhenAllTogetherAreTooLarge) {
  Outboxes outboxes({.limits = {.results = 1000, .size_bytes = 1 << 20}, .size_bytes = 16000});
  outboxes.add_reader(1, "tracks", 0s);
  const auto fat = outboxes.open({.epoch = 7, .camera = 1}, "tracks");
  const auto lean = outboxes.open({.epoch = 8, .camera = 2}, "tracks");
  for (int i = 0; i < 3; ++i) outboxes.put(*lean, result(i, 1000));
  for (int i = 0; i < 100; ++i) outboxes.put(*fat, result(i, 1000));
  const auto records = outboxes.records().now;
  ASSERT_EQ(records.size(), 2U);
  for (const auto& record : records) {
    expect_balance(record);
    if (record.camera == 2) {
      EXPECT_EQ(record.full, 0U);
    } else {
      EXPECT_GE(record.waiting, 12U);  // at least 15000 bytes for the two of them
    }
  }
  EXPECT_LE(records[0].waiting + records[1].waiting, 16U);
}

TEST(Outboxes, WhatHasBeenPulledMakesRoomForAll) {
  Outboxes outboxes({.limits = {.results = 1000, .size_bytes = 1 << 20}, .size_bytes = 10000});
  outboxes.add_reader(1, "tracks", 0s);
  const auto stream = outboxes.open(kSentRun, "tracks");
  for (int pulled = 0; pulled < 30; ++pulled) {
    for (int i = 0; i < 5; ++i) outboxes.put(*stream, result(i, 1000));
    static_cast<void>(outboxes.pull({.reader = 1, .most_results = 5, .most_bytes = 1 << 20}, 0s));
  }
  EXPECT_EQ(outboxes.records().now.at(0).full, 0U);
}

TEST(Outboxes, AnOutboxThatGaveAllItHadIsNotReady) {
  Outboxes outboxes({.limits = {.results = 1000, .size_bytes = 1 << 20}, .size_bytes = 1000});
  outboxes.add_reader(1, "tracks", 0s);
  const auto stream = outboxes.open(kSentRun, "tracks");
  outboxes.put(*stream, result(0, 2000));
  EXPECT_FALSE(outboxes.has(1));
  EXPECT_EQ(outboxes.records().now.at(0).full, 1U);
  outboxes.put(*stream, result(1, 100));
  EXPECT_TRUE(outboxes.has(1));
}

TEST(Outboxes, AReaderThatDoesNotPullExpiresUntilItPulls) {
  Outboxes outboxes({.expire_after = 60s});
  outboxes.add_reader(1, "tracks", 0s);
  const auto stream = outboxes.open(kSentRun, "tracks");
  outboxes.put(*stream, result(0));
  outboxes.expire(59s);
  EXPECT_EQ(outboxes.records().now.at(0).expired, 0U);
  outboxes.expire(60s);
  outboxes.put(*stream, result(1));
  auto record = outboxes.records().now.at(0);
  EXPECT_EQ(record.expired, 2U);
  expect_balance(record);
  const Outboxes::Pull pull{.reader = 1, .most_results = 9, .most_bytes = 100};
  EXPECT_EQ(outboxes.pull(pull, 61s), nullptr);
  outboxes.put(*stream, result(2));
  EXPECT_EQ(parsed(outboxes.pull(pull, 61s)).results.at(0).ordinal, 2U);
}

TEST(Outboxes, WhatIsForgottenIsFencedAndReportedOnce) {
  Outboxes outboxes({});
  outboxes.add_reader(1, "tracks", 0s);
  const auto stream = outboxes.open(kSentRun, "tracks");
  outboxes.put(*stream, result(0));
  outboxes.close(kSentRun);
  EXPECT_TRUE(outboxes.has(1));  // its last results were not pulled yet
  outboxes.forget(kSentRun);
  EXPECT_FALSE(outboxes.has(1));
  const auto records = outboxes.records();
  ASSERT_EQ(records.last.size(), 1U);
  EXPECT_EQ(records.last[0].fenced, 1U);
  expect_balance(records.last[0]);
  EXPECT_TRUE(records.now.empty());
  EXPECT_TRUE(outboxes.records().last.empty());
}

}  // namespace
}  // namespace freshframe::fleet
