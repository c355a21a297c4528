// Packets that were read ahead of their time, between the thread that reads a playlist and the source's own.
// SPDX-License-Identifier: Apache-2.0
#include "media/network/packets/packet_queue.hpp"

#include <chrono>
#include <utility>

namespace freshframe::media {
namespace {

std::size_t size_of(const ReadPacket& read) {
  return read.packet ? static_cast<std::size_t>(read.packet->size) : 0;
}

}  // namespace

bool PacketQueue::push(ReadPacket read) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return closed_ || (bytes_ < kMostBytes && packets_.size() < kMostPackets); });
  if (closed_) return false;
  if (read.result >= 0) {
    pace_.arrive({read.time, read.arrived, read.reloads});
    read.lasts_until = pace_.lasts_until();
  }
  bytes_ += size_of(read);
  packets_.push_back(std::move(read));
  changed_.notify_all();
  return true;
}

std::optional<ReadPacket> PacketQueue::pop(TimePoint until, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_until(lock, stop, until, [&] { return !packets_.empty(); })) return std::nullopt;
  if (stop.stop_requested()) return std::nullopt;
  ReadPacket read = std::move(packets_.front());
  packets_.pop_front();
  bytes_ -= size_of(read);
  if (read.result >= 0 && shown_ == Pace::Even) {
    read.due = pace_.due({read.time, read.arrived, read.reloads}, std::chrono::steady_clock::now());
    read.lasts_until = read.due;
  }
  changed_.notify_all();
  return read;
}

void PacketQueue::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  changed_.notify_all();
}

}  // namespace freshframe::media
