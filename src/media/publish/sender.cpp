// The thread that keeps a media server supplied with a stream.
// SPDX-License-Identifier: Apache-2.0
#include "media/publish/sender.hpp"

#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <array>
#include <cmath>
#include <utility>

#include "core/real_deadline.hpp"
#include "core/unit_text.hpp"
#include "media/ffmpeg/log.hpp"
#include <pthread.h>

namespace freshframe {

std::string_view to_string(PublishState state) noexcept {
  constexpr std::array<std::string_view, 5> kNames{"waiting_key_frame", "connecting", "publishing",
                                                   "backing_off", "closed"};
  return kNames.at(static_cast<std::size_t>(state));
}

}  // namespace freshframe

namespace freshframe::media {
namespace {

void check_publish_seconds(const char* name, double seconds) {
  if (seconds >= 0.1 && seconds <= 60) return;
  throw OptionError(std::string(name) + " of Publish must be 0.1 to 60 seconds, got " +
                    core::seconds_text(seconds));
}

}  // namespace

PublishSender::PublishSender(const std::string& url, const PublishOptions& options)
    : target_(url), options_(options), back_off_(random_seed()) {
  install_ffmpeg_log();
  check_publish_seconds("max_age", options.max_age);
  check_publish_seconds("timeout", options.timeout);
  check_publish_seconds("key_interval", options.key_interval);
}

void PublishSender::start(const Context& context) {
  {
    const Lock lock(mutex_);
    queue_ = std::make_shared<PublishQueue>(context.clock, to_duration(Seconds(options_.max_age)));
  }
  thread_ = std::jthread([this](const std::stop_token& stop) {
    pthread_setname_np(pthread_self(), "ff publish");
    run(stop);
  });
}

void PublishSender::count_drops(NodeCounters& counters) {
  const auto [away, slow] = queue_->dropped();
  if (away + slow > counted_) counters.drop(NodeDropCause::Lost, away + slow - counted_);
  counted_ = away + slow;
}

void PublishSender::stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
  enter(PublishState::Closed);
}

PublishStats PublishSender::stats() const {
  const Lock lock(mutex_);
  auto result = stats_;
  const auto dropped = queue_ ? queue_->dropped() : PublishQueue::Dropped{};
  result.away = dropped.away;
  result.slow = dropped.slow;
  return result;
}

void PublishSender::enter(PublishState state) {
  const Lock lock(mutex_);
  stats_.state = state;
}

void PublishSender::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    try {
      if (publish(stop)) continue;
    } catch (const std::exception& error) {
      if (!stop.stop_requested()) lose(error.what());
    }
    queue_->end();
    if (stop.stop_requested()) return;
    const auto pause = core::real_deadline(Seconds(back_off_.next()));
    static_cast<void>(Clock::real()->sleep_until(pause, stop));
  }
}

/// One connection: from the first key picture to a loss, a change of the stream, or the stop. True: a stream with
/// other parameters waits, for the next connection.
bool PublishSender::publish(const std::stop_token& stop) {
  enter(PublishState::WaitingKeyFrame);
  queue_->begin();
  const auto connection = connect(stop);
  if (!connection) return false;
  {
    const Lock lock(mutex_);
    stats_.state = PublishState::Publishing;
    ++stats_.connections;
  }
  if (std::exchange(told_, false)) {
    log(LogLevel::Warning, "'" + target_.masked() + "' takes the stream again");
  } else {
    log(LogLevel::Info, "publishing to '" + target_.masked() + "'");
  }
  slow_before_ = queue_->dropped().slow;
  told_slow_ = false;
  rate_bytes_ = 0;
  queue_->connected();
  return send(*connection, stop);
}

/// Returns null after a stop.
std::shared_ptr<PublishConnection> PublishSender::connect(const std::stop_token& stop) {
  const auto stream = queue_->stream(stop);
  if (!stream) return nullptr;
  enter(PublishState::Connecting);
  const auto deadline = core::real_deadline(Seconds(options_.timeout));
  const auto late = [&] {
    return Error("cannot publish to '" + target_.masked() + "' within " +
                 core::seconds_text(options_.timeout) + ": the server, or the name server, does not answer");
  };
  if (aside_ && !aside_->wait(deadline, stop)) {  // an earlier attempt may still wait for a name server
    if (stop.stop_requested()) return nullptr;
    throw late();
  }
  auto connection = std::make_shared<PublishConnection>(target_, stop);
  aside_.emplace([connection, stream, deadline] { connection->open(stream, deadline); });
  if (!aside_->wait(deadline + std::chrono::milliseconds(300), stop)) {  // FFmpeg polls each 100 ms
    if (stop.stop_requested()) return nullptr;
    throw late();
  }
  aside_->check();
  return connection;
}

bool PublishSender::send(PublishConnection& connection, const std::stop_token& stop) {
  while (auto item = queue_->take(stop)) {
    if (item->packet.stream.get() != &connection.stream() &&
        !is_same_stream(*item->packet.stream, connection.stream())) {
      log(LogLevel::Info,
          "the stream for '" + target_.masked() + "' has other parameters: it is published again");
      queue_->put_back(std::move(*item));
      return true;
    }
    try {
      connection.write(item->packet, options_.timeout);
    } catch (const std::exception&) {
      queue_->count_unsent();
      throw;
    }
    back_off_.reset();
    note_rate(connection, item->packet);
    note_slow();
    const Lock lock(mutex_);
    ++stats_.sent;
  }
  return false;
}

/// The kernel may hold an eighth of what the stream has in max_age.
void PublishSender::note_rate(PublishConnection& connection, const Packet& packet) {
  if (rate_bytes_ == 0) rate_from_ = packet.dts;
  rate_bytes_ += packet.data.size();
  const double seconds = packet.dts - rate_from_;
  if (seconds < 1) return;
  const double bytes = static_cast<double>(rate_bytes_) / seconds * options_.max_age / 8;
  connection.set_buffer(static_cast<int>(std::min(bytes, 4e6)));
  rate_bytes_ = 0;
}

void PublishSender::note_slow() {
  if (told_slow_ || queue_->dropped().slow == slow_before_) return;
  told_slow_ = true;
  log(LogLevel::Warning,
      "the link to '" + target_.masked() +
          "' is too slow for this stream: pictures that have waited longer than max_age are left out");
}

void PublishSender::lose(const std::string& why) {
  {
    const Lock lock(mutex_);
    stats_.error = why;
    stats_.state = PublishState::BackingOff;
  }
  log(std::exchange(told_, true) ? LogLevel::Info : LogLevel::Warning, why + "; trying again");
}

}  // namespace freshframe::media
