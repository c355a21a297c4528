// All outboxes of an agent.
// SPDX-License-Identifier: Apache-2.0
#include "fleet/outboxes.hpp"

#include <algorithm>
#include <utility>

#include "process/wire/bytes.hpp"

namespace freshframe::fleet {

Outbox::Outbox(Run run, std::uint32_t reader, OutboxLimits limits) noexcept : limits_(limits) {
  record_.camera = run.camera;
  record_.epoch = run.epoch;
  record_.reader = reader;
}

void Outbox::put(Result result) {
  const auto size = result.bytes->size();
  if (size > limits_.size_bytes) {
    ++record_.reported;
    ++record_.full;
    return;
  }
  waiting_.push_back({record_.reported, std::move(result)});  // may throw, so nothing is counted before
  ++record_.reported;
  size_bytes_ += size;
  while (waiting_.size() > limits_.results || size_bytes_ > limits_.size_bytes) {
    pop();
    ++record_.full;
  }
  record_.waiting = waiting_.size();
}

void Outbox::put_expired() noexcept {
  ++record_.reported;
  ++record_.expired;
}

Outbox::Taken Outbox::take() {
  auto& first = waiting_.front();
  Taken taken;
  taken.record = {.epoch = record_.epoch,
                  .ordinal = first.ordinal,
                  .seq = first.result.seq,
                  .part = first.result.part,
                  .pts = first.result.pts,
                  .time = first.result.time,
                  .camera = record_.camera,
                  .size_bytes = static_cast<std::uint32_t>(first.result.bytes->size())};
  taken.bytes = first.result.bytes;
  pop();
  ++record_.handed;
  record_.waiting = waiting_.size();
  return taken;
}

void Outbox::shrink(std::size_t size_bytes) noexcept {
  while (size_bytes_ > size_bytes) {
    pop();
    ++record_.full;
  }
  record_.waiting = waiting_.size();
}

void Outbox::expire() noexcept {
  record_.expired += drop_all();
}

void Outbox::fence() noexcept {
  record_.fenced += drop_all();
}

void Outbox::pop() noexcept {
  size_bytes_ -= waiting_.front().result.bytes->size();
  waiting_.pop_front();
}

std::uint64_t Outbox::drop_all() noexcept {
  const auto count = waiting_.size();
  waiting_.clear();
  size_bytes_ = 0;
  record_.waiting = 0;
  return count;
}

namespace {

constexpr std::size_t kBatchHead = 32;  // bytes; an upper bound

template <class Range, class Condition>
void erase_where(Range& range, const Condition& condition) {
  range.erase(std::remove_if(range.begin(), range.end(), condition), range.end());
}

bool belongs_to(const Outbox& outbox, Run run) {
  return outbox.record().camera == run.camera && outbox.record().epoch == run.epoch;
}

/// The maximum size per outbox with which all of them together have at most `most` bytes.
std::size_t common_bound(std::vector<std::size_t> sizes, std::size_t most) {
  std::sort(sizes.begin(), sizes.end());
  std::size_t left = most;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const auto share = left / (sizes.size() - i);
    if (sizes[i] > share) return share;  // this outbox and all larger ones get the same share
    left -= sizes[i];
  }
  return most;
}

}  // namespace

std::shared_ptr<Outboxes::Stream> Outboxes::open(Run run, const std::string& output) {
  auto stream = std::make_shared<Stream>(run, output);
  const Lock lock(mutex_);
  for (auto& [number, reader] : readers_) {
    if (reader.output == output) join_locked(*stream, number, reader);
  }
  streams_.push_back(stream);
  return stream;
}

void Outboxes::join_locked(Stream& stream, std::uint32_t number, Reader& reader) {
  auto outbox = std::make_shared<Outbox>(stream.run(), number, options_.limits);
  reader.all.push_back(outbox);
  stream.outboxes_.push_back(std::move(outbox));
  stream.wanted_ = true;
}

bool Outboxes::put(Stream& stream, const Result& result) {
  const Lock lock(mutex_);
  bool has_new = false;
  for (const auto& outbox : stream.outboxes_) {
    auto& reader = readers_.at(outbox->record().reader);
    if (reader.expired) {
      outbox->put_expired();
      continue;
    }
    const bool was_empty = outbox->size() == 0;
    size_bytes_ -= outbox->size_bytes();
    outbox->put(result);
    size_bytes_ += outbox->size_bytes();
    if (was_empty && outbox->size() > 0) {
      has_new = has_new || reader.ready.empty();
      reader.ready.push_back(outbox);
    }
  }
  if (size_bytes_ > options_.size_bytes) shrink_locked();
  return has_new;
}

/// Frees a sixteenth of the bound, so that this is not necessary for every result.
void Outboxes::shrink_locked() {
  std::vector<std::size_t> sizes;
  for (const auto& [number, reader] : readers_) {
    for (const auto& outbox : reader.all) sizes.push_back(outbox->size_bytes());
  }
  const auto bound = common_bound(std::move(sizes), options_.size_bytes - options_.size_bytes / 16);
  size_bytes_ = 0;
  for (auto& [number, reader] : readers_) {
    for (const auto& outbox : reader.all) {
      outbox->shrink(bound);
      size_bytes_ += outbox->size_bytes();
    }
    erase_where(reader.ready, [](const auto& outbox) { return outbox->size() == 0; });
  }
}

void Outboxes::close(Run run) {
  const Lock lock(mutex_);
  for (const auto& stream : streams_) {
    if (stream->run() != run) continue;
    stream->outboxes_.clear();
    stream->wanted_ = false;
  }
  erase_where(streams_, [&](const auto& stream) { return stream->run() == run; });
}

void Outboxes::forget(Run run) {
  close(run);
  const Lock lock(mutex_);
  for (auto& [number, reader] : readers_) {
    for (const auto& outbox : reader.all) {
      if (!belongs_to(*outbox, run)) continue;
      size_bytes_ -= outbox->size_bytes();
      outbox->fence();
      last_records_.push_back(outbox->record());
    }
    const auto forgotten = [&](const auto& outbox) { return belongs_to(*outbox, run); };
    erase_where(reader.ready, forgotten);
    erase_where(reader.all, forgotten);
  }
}

void Outboxes::add_reader(std::uint32_t number, const std::string& output, BootTime now) {
  const Lock lock(mutex_);
  const auto [place, added] = readers_.try_emplace(number);
  if (!added) return;
  place->second.output = output;
  place->second.pulled = now;
  for (const auto& stream : streams_) {
    if (stream->output_ == output) join_locked(*stream, number, place->second);
  }
}

void Outboxes::remove_reader(std::uint32_t number) {
  const Lock lock(mutex_);
  for (const auto& stream : streams_) {
    erase_where(stream->outboxes_, [&](const auto& outbox) { return outbox->record().reader == number; });
    stream->wanted_ = !stream->outboxes_.empty();
  }
  erase_where(last_records_, [&](const auto& record) { return record.reader == number; });
  const auto found = readers_.find(number);
  if (found == readers_.end()) return;
  for (const auto& outbox : found->second.all) size_bytes_ -= outbox->size_bytes();
  readers_.erase(found);
}

bool Outboxes::has(std::uint32_t number) const {
  const Lock lock(mutex_);
  const auto found = readers_.find(number);
  return found != readers_.end() && !found->second.ready.empty();
}

std::shared_ptr<const Message> Outboxes::pull(const Pull& pull, BootTime now) {
  const Lock lock(mutex_);
  const auto found = readers_.find(pull.reader);
  if (found == readers_.end()) return nullptr;
  auto& reader = found->second;
  reader.pulled = now;
  reader.expired = false;
  return reader.ready.empty() ? nullptr : make_batch_locked(reader, pull);
}

std::shared_ptr<const Message> Outboxes::make_batch_locked(Reader& reader, const Pull& pull) {
  std::vector<Outbox::Taken> taken;
  std::vector<OutboxRecord> records;
  std::size_t size = 0;
  bool full = false;
  while (!reader.ready.empty() && !full) {
    const auto outbox = reader.ready.front();
    while (outbox->size() > 0 && !full) {
      const auto next = outbox->next_size_bytes();
      full = !taken.empty() && (taken.size() >= pull.most_results || size + next > pull.most_bytes);
      if (full) break;
      taken.push_back(outbox->take());
      size += next;
      size_bytes_ -= next;
    }
    records.push_back(outbox->record());
    reader.ready.pop_front();
    if (outbox->size() > 0) reader.ready.push_back(outbox);  // after the others
  }
  process::ByteWriter writer;
  writer.reserve(kBatchHead + records.size() * sizeof(OutboxRecord) + taken.size() * sizeof(ResultRecord) +
                 size);
  writer.put(std::uint32_t{0});  // placeholder for the length
  writer.put(ToController::Batch);
  writer.put(pull.reader);
  writer.put(static_cast<std::uint32_t>(records.size()));
  writer.put(static_cast<std::uint32_t>(taken.size()));
  for (const auto& record : records) writer.put(record);
  for (const auto& each : taken) writer.put(each.record);
  for (const auto& each : taken) writer.put_bytes(*each.bytes);
  return finish_message(writer.take());
}

void Outboxes::expire(BootTime now) {
  const Lock lock(mutex_);
  for (auto& [number, reader] : readers_) {
    if (reader.expired || now - reader.pulled < options_.expire_after) continue;
    reader.expired = true;
    reader.ready.clear();
    for (const auto& outbox : reader.all) {
      size_bytes_ -= outbox->size_bytes();
      outbox->expire();
    }
  }
}

Outboxes::Records Outboxes::records() {
  const Lock lock(mutex_);
  Records records;
  records.last = std::exchange(last_records_, {});
  for (const auto& [number, reader] : readers_) {
    for (const auto& outbox : reader.all) records.now.push_back(outbox->record());
  }
  return records;
}

}  // namespace freshframe::fleet
