// Reads the video packets of an FFmpeg connection: directly, or on a thread that reads ahead.
// SPDX-License-Identifier: Apache-2.0
#include "sources/network/input/packet_reader.hpp"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "core/real_deadline.hpp"

namespace freshframe::media {

// Passes packets that were read ahead from the reading thread to the source's thread.

namespace {

std::size_t count_bytes(const ReadPacket& read) {
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
  bytes_ += count_bytes(read);
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
  bytes_ -= count_bytes(read);
  if (read.result >= 0) {
    const auto now = std::chrono::steady_clock::now();
    if (shown_ == Pace::Even)
      read.lasts_until = read.due = pace_.due({read.time, read.arrived, read.reloads}, now);
    read.late = std::max(0.0, Seconds(now - std::max(read.due, read.arrived)).count());
  }
  changed_.notify_all();
  return read;
}

void PacketQueue::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  changed_.notify_all();
}

namespace {

constexpr double kNap = 0.002;  // seconds between attempts when FFmpeg has no packet and does not block

/// Returns the next video packet, or an error.
ReadPacket read_video(LiveInput& input) {
  const auto asked = std::chrono::steady_clock::now();
  for (;;) {
    const int result = input.read();
    const auto now = std::chrono::steady_clock::now();
    if (result == AVERROR(EAGAIN) && !input.interrupt().has_ended()) {
      std::this_thread::sleep_for(Seconds(kNap));
    } else if (result < 0) {
      return {.result = result, .arrived = now};
    } else if (input.is_video(input.packet())) {
      const auto first = input.arrival();
      const auto arrived = first.value_or(now);
      ReadPacket read{.packet = make_av_packet(), .arrived = arrived, .due = arrived, .lasts_until = arrived};
      read.arrived_is_end = !first;
      if (first && input.picture()) read.ended = now;  // otherwise FFmpeg waits for the next frame
      read.waited = Seconds(now - asked).count();
      av_packet_move_ref(read.packet.get(), &input.packet());
      const auto ticks = read.packet->dts != AV_NOPTS_VALUE ? read.packet->dts : read.packet->pts;
      read.time = input.seconds(ticks).value_or(0);
      read.program_time = input.program_time(*read.packet);
      read.picture = input.picture();
      read.reloads = input.reloads();
      return read;
    } else if (input.interrupt().has_ended()) {
      return {.result = AVERROR_EXIT, .arrived = now};
    }
  }
}

/// Reads on the calling thread, for inputs where FFmpeg polls the interrupt callback.
class DirectReader final : public PacketReader {
 public:
  explicit DirectReader(ReadingParts parts) : parts_(std::move(parts)) {
    if (!parts_.keeps_thread) parts_.aside.reset();
  }

  std::optional<ReadPacket> next(TimePoint quiet, TimePoint deadline) override {
    auto& interrupt = parts_.input->interrupt();
    interrupt.arm_at(deadline);
    interrupt.tell_stall(parts_.book, quiet);
    return read_video(*parts_.input);
  }

 private:
  const ReadingParts parts_;
};

/// Reads each packet in a detached call, because any of them may open a connection.
class DetachedReader final : public PacketReader {
 public:
  explicit DetachedReader(ReadingParts parts) : parts_(std::move(parts)) {}

  std::optional<ReadPacket> next(TimePoint quiet, TimePoint deadline) override {
    parts_.input->interrupt().arm_at(deadline);
    const auto read = std::make_shared<ReadPacket>();
    begin_call(parts_.aside, [input = parts_.input, read] { *read = read_video(*input); });
    if (!parts_.aside->wait(quiet, parts_.stop) && !parts_.stop.stop_requested()) parts_.book.stall();
    if (!has_ended(*parts_.aside, deadline, parts_.stop)) return std::nullopt;
    return std::move(*read);
  }

 private:
  const ReadingParts parts_;
};

/// Reads ahead in one detached call, until the connection is lost or closed.
class AheadReader final : public PacketReader {
 public:
  explicit AheadReader(ReadingParts parts) : parts_(std::move(parts)) {
    parts_.input->interrupt().disarm();  // next() enforces the time limits
    begin_call(parts_.aside, [input = parts_.input, queue = queue_] {
      bool lost = false;
      while (!lost) {
        ReadPacket read = read_video(*input);
        lost = read.result < 0 && read.result != AVERROR_INVALIDDATA;
        if (!queue->push(std::move(read))) return;
      }
    });
  }
  ~AheadReader() override {
    queue_->close();
    parts_.input->interrupt().abandon();
    static_cast<void>(parts_.aside->wait(core::real_deadline(Seconds(kPatience)), {}));
  }

  std::optional<ReadPacket> next(TimePoint quiet, TimePoint deadline) override {
    auto read = queue_->pop(quiet, parts_.stop);
    if (read || parts_.stop.stop_requested()) return read;
    parts_.book.stall();
    return queue_->pop(deadline, parts_.stop);
  }

 private:
  const ReadingParts parts_;
  const std::shared_ptr<PacketQueue> queue_ =
      std::make_shared<PacketQueue>(parts_.pace);  // shared with the detached call
};

}  // namespace

std::unique_ptr<PacketReader> reader_for(ReadingParts parts) {
  if (parts.input->is_bursty()) return std::make_unique<AheadReader>(std::move(parts));
  if (parts.input->connects_again()) return std::make_unique<DetachedReader>(std::move(parts));
  return std::make_unique<DirectReader>(std::move(parts));
}

bool has_ended(const DetachedCall& call, TimePoint deadline, const std::stop_token& stop) {
  const auto within = [&](double seconds, const std::stop_token& by) {
    return call.wait(core::real_deadline(Seconds(seconds)), by);
  };
  const bool in_time =
      call.wait(deadline, stop) || (!stop.stop_requested() && within(kPatienceAtLimits, stop));
  if (!in_time && !within(kPatience, {})) return false;
  call.check();
  return true;
}

}  // namespace freshframe::media
