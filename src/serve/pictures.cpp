// Asking, encoding, handing out. SPDX-License-Identifier: Apache-2.0
#include "serve/pictures.hpp"

#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <utility>

#include "media/jpeg_encoder.hpp"
#include "serve/threads.hpp"

namespace freshframe::serve {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr auto kInterval =
    std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(1.0 / 15));
constexpr int kQuality = 75;
constexpr std::array<int, 6> kWidths = {320, 480, 640, 960, 1280, PictureDesk::kMaxWidth};

// The next of a few sizes, so that a window that is being resized does not change the picture all the time.
int step_up(int width) {
  for (const int step : kWidths) {
    if (width <= step) return step;
  }
  return kWidths.back();
}

}  // namespace

PictureDesk::PictureDesk(std::shared_ptr<PipelineCore> core, std::function<void(std::function<void()>)> post)
    : core_(std::move(core)), post_(std::move(post)), jpeg_(std::make_unique<JpegEncoder>()) {}

PictureDesk::~PictureDesk() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  caught_.notify_all();
  if (encoder_.joinable()) encoder_.join();
  for (auto& port : ports_) core_->close_tap(*port.tap);
}

void PictureDesk::add_port(const std::string& name) {
  auto& port = ports_.emplace_back();
  port.index = ports_.size() - 1;
  port.name = name;
  const auto hook = [this, caught = &port] {
    {
      const std::lock_guard lock(mutex_);
      caught_ports_.push_back(caught);
    }
    caught_.notify_one();
  };
  try {
    port.tap = &core_->open_tap(name, hook);
  } catch (const Error&) {
    ports_.pop_back();
    throw;
  }
}

std::optional<std::size_t> PictureDesk::find(std::string_view name) const {
  for (std::size_t i = 0; i < ports_.size(); ++i) {
    if (ports_[i].name == name) return i;
  }
  return std::nullopt;
}

void PictureDesk::start() {
  encoder_ = start_quiet_thread("ff jpeg", [this] { encode_loop(); });
}

void PictureDesk::join(Onlooker& onlooker) {
  onlookers_.push_back(&onlooker);
}

void PictureDesk::leave(Onlooker& onlooker) {
  std::erase(onlookers_, &onlooker);
}

bool PictureDesk::any_ready(std::size_t index) const {
  return std::ranges::any_of(onlookers_, [&](const auto* onlooker) { return onlooker->wants(index); });
}

int PictureDesk::wanted_width(std::size_t index) const {
  int width = 0;
  for (const auto* onlooker : onlookers_) {
    if (onlooker->looks_at(index)) width = std::max(width, onlooker->width());
  }
  return step_up(width);
}

void PictureDesk::offer(Onlooker& onlooker, std::size_t index) {
  constexpr auto kStillFresh = std::chrono::seconds(1);
  const auto& newest = ports_[index].newest;
  if (!newest || !onlooker.wants(index) || newest->number <= onlooker.last(index)) return;
  if (!over_ && Clock::now() - newest->encoded_at > kStillFresh) return;  // a fresh one will come
  onlooker.show(index, newest);
}

void PictureDesk::serve(Onlooker& onlooker) {
  const auto first = onlooker.first();
  for (std::size_t i = 0; i < ports_.size(); ++i) offer(onlooker, (first + i) % ports_.size());
}

PictureDesk::Time PictureDesk::pump(Time now) {
  auto again = Time::max();
  for (std::size_t i = 0; i < ports_.size(); ++i) {
    auto& port = ports_[i];
    const bool ready = any_ready(i);
    if (port.busy) {
      if (!ready && port.tap->asked()) {  // nobody looks any more: hold nothing
        port.tap->cancel();
        const std::lock_guard lock(mutex_);
        port.busy = std::ranges::find(caught_ports_, &port) != caught_ports_.end();
      }
      continue;
    }
    if (!ready) continue;
    if (now < port.due) {
      again = std::min(again, port.due);
      continue;
    }
    port.width.store(wanted_width(i), std::memory_order_relaxed);
    port.busy = true;
    port.tap->ask();
  }
  return again;
}

void PictureDesk::encode_loop() {
  while (true) {
    Port* port = nullptr;
    {
      std::unique_lock lock(mutex_);
      caught_.wait(lock, [&] { return stopping_ || !caught_ports_.empty(); });
      if (stopping_) return;
      port = caught_ports_.front();
      caught_ports_.pop_front();
    }
    encode(*port);
  }
}

void PictureDesk::encode(Port& port) {
  LivePictureRef result;
  std::string error;
  try {
    const auto caught = port.tap->take();
    if (caught) {
      auto jpeg = jpeg_->encode(caught->frame, port.width.load(std::memory_order_relaxed), kQuality);
      auto picture = std::make_shared<LivePicture>();
      picture->port = port.name;
      picture->seq = caught->stamp.seq;
      picture->captured = caught->stamp.captured;
      picture->width = jpeg.width;
      picture->height = jpeg.height;
      picture->jpeg = std::move(jpeg.bytes);
      result = std::move(picture);
    }
  } catch (const std::exception& known) {
    error = known.what();
  }
  post_([this, at = &port, result = std::move(result), error = std::move(error)]() mutable {
    finish(*at, std::move(result), error);
  });
}

void PictureDesk::finish(Port& port, LivePictureRef picture, const std::string& error) {
  const auto now = Clock::now();
  port.busy = false;
  port.due = std::max(port.due, now - kInterval / 2) + kInterval;
  if (!picture) {
    if (!error.empty() && !std::exchange(port.complained, true)) {
      log(LogLevel::Warning, "the pictures of '" + port.name + "' cannot be viewed: " + error);
    }
    return;
  }
  const auto numbered = std::const_pointer_cast<LivePicture>(picture);
  numbered->number = ++port.encoded;
  numbered->encoded_at = now;
  port.newest = std::move(picture);
  const auto onlookers = onlookers_;  // showing may make one leave
  for (auto* onlooker : onlookers) {
    if (std::ranges::find(onlookers_, onlooker) != onlookers_.end()) offer(*onlooker, port.index);
  }
}

std::vector<ViewInfo> PictureDesk::info() const {
  std::vector<ViewInfo> result;
  for (std::size_t i = 0; i < ports_.size(); ++i) {
    const auto viewers =
        std::ranges::count_if(onlookers_, [&](const auto* onlooker) { return onlooker->looks_at(i); });
    result.push_back({ports_[i].name, ports_[i].encoded, static_cast<std::size_t>(viewers)});
  }
  return result;
}

}  // namespace freshframe::serve
