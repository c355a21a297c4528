// Requests images from ports, encodes them and distributes them.
// SPDX-License-Identifier: Apache-2.0
#include "serve/desk/picture_hub.hpp"

#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <utility>

#include "core/pipeline/pipeline_core.hpp"
#include "core/pipeline/views/ports.hpp"
#include "core/unit_text.hpp"
#include "media/colour/jpeg_encoder.hpp"
#include "platform/thread.hpp"
#include "serve/state/sampler.hpp"

namespace freshframe::serve {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kInterval =
    std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(1.0 / 15));
constexpr int kQuality = 75;
constexpr std::array<int, 6> kWidths = {320, 480, 640, 960, 1280, PictureHub::kMaxWidth};

// Rounds up to one of a few widths, so that resizing a window does not change the image size all the time.
int step_up(int width) {
  for (const int step : kWidths) {
    if (width <= step) return step;
  }
  return kWidths.back();
}

// The image's width if its longer side is `side`.
int compute_width(const Frame& frame, int side) {
  return static_cast<int>(std::int64_t{side} * frame.width() / std::max(frame.width(), frame.height()));
}

}  // namespace

std::string capture_text(const LivePicture& picture, TimePoint now) {
  const double captured = unix_now() - Seconds(now - picture.captured).count();
  return core::number_text(captured, std::chars_format::fixed, 3);
}

std::string age_text(const LivePicture& picture, TimePoint now) {
  return core::number_text(std::max(0.0, Seconds(now - picture.captured).count()), std::chars_format::fixed,
                           3);
}

PictureHub::PictureHub(std::shared_ptr<core::PipelineCore> core,
                       std::function<void(std::function<void()>)> post)
    : core_(std::move(core)), post_(std::move(post)), jpeg_(std::make_unique<media::JpegEncoder>()) {}

PictureHub::~PictureHub() {
  {
    const std::lock_guard lock(caught_->mutex);
    caught_->closed = true;
  }
  caught_->changed.notify_all();
  if (encoder_.joinable()) encoder_.join();
  for (auto& port : ports_) close_tap(port);
}

void PictureHub::add_port(const std::string& name) {
  auto& port = ports_.emplace_back();
  port.index = ports_.size() - 1;
  port.name = name;
  try {
    open_tap(port);
  } catch (...) {  // such as std::bad_alloc: the destructor closes each port's tap
    ports_.pop_back();
    throw;
  }
}

void PictureHub::open_tap(Port& port) {
  const Caught next{.port = &port, .tap_number = port.tap_number + 1};
  auto tap = core::open_tap(*core_, port.name, [queue = caught_, next] {
    {
      const std::lock_guard lock(queue->mutex);
      queue->caught.push_back(next);
    }
    queue->changed.notify_one();
  });
  const std::lock_guard lock(caught_->mutex);
  port.tap = std::move(tap);
  port.tap_number = next.tap_number;
}

void PictureHub::close_tap(Port& port) {
  if (!port.tap) return;
  core::close_tap(*core_, port.tap);
  const std::lock_guard lock(caught_->mutex);
  port.tap.reset();
  ++port.tap_number;  // ignores images in flight from the old tap
  port.busy = false;
  port.newest.reset();
}

std::vector<std::size_t> PictureHub::follow_names() {
  std::vector<core::NamedTap> taps;
  for (const auto& port : ports_) taps.emplace_back(port.name, port.tap);
  const auto places = core::find_places(*core_, taps);
  std::vector<std::size_t> changed;
  for (std::size_t i = 0; i < places.size(); ++i) {
    auto& port = ports_[i];
    if (places[i] == core::TapChange::Same || (places[i] == core::TapChange::NoPort && !port.tap)) continue;
    close_tap(port);
    changed.push_back(i);
    try {
      if (places[i] == core::TapChange::Other) open_tap(port);
    } catch (const Error&) {  // removed in the meantime, or viewed by another server
    }
  }
  return changed;
}

std::optional<std::size_t> PictureHub::find(std::string_view name) const {
  for (std::size_t i = 0; i < ports_.size(); ++i) {
    if (ports_[i].name == name) return i;
  }
  return std::nullopt;
}

void PictureHub::start() {
  encoder_ = platform::start_without_signals("ff jpeg", [this] { encode_loop(); });
}

void PictureHub::join(PictureClient& client) {
  clients_.push_back(&client);
}

void PictureHub::leave(PictureClient& client) {
  std::erase(clients_, &client);
}

bool PictureHub::any_ready(std::size_t index) const {
  return std::ranges::any_of(clients_, [&](const auto* client) { return client->wants(index); });
}

int PictureHub::find_largest(std::size_t index, int (PictureClient::*limit)() const) const {
  int pixels = 0;
  for (const auto* client : clients_) {
    if (client->looks_at(index)) pixels = std::max(pixels, (client->*limit)());
  }
  return pixels;
}

bool PictureHub::is_encoding(std::size_t index) const {
  const auto& port = ports_[index];
  return port.busy && port.tap && !port.tap->is_asked();
}

void PictureHub::offer(PictureClient& client, std::size_t index) {
  const auto& newest = ports_[index].newest;
  if (newest && client.wants(index) && newest->number > client.last(index)) client.show(index, newest);
}

bool PictureHub::is_newest(const Port& port) const {
  return !is_encoding(port.index) && !(port.tap && port.tap->has_newer());
}

void PictureHub::serve(PictureClient& client) {
  constexpr auto kStillFresh = std::chrono::seconds(1);
  const auto now = Clock::now();
  for (const auto& port : ports_) {
    const bool fresh = port.newest && now - port.newest->encoded_at <= kStillFresh &&
                       (!client.needs_newest() || is_newest(port));
    if (over_ || fresh) offer(client, port.index);  // otherwise wait for a new image
  }
}

PictureHub::Time PictureHub::pump(Time now) {
  auto again = Time::max();
  for (std::size_t i = 0; i < ports_.size(); ++i) {
    auto& port = ports_[i];
    if (!port.tap) continue;
    const bool ready = any_ready(i);
    if (port.busy) {
      if (!ready && port.tap->is_asked()) {  // no clients left: release the frame
        port.tap->cancel();
        const std::lock_guard lock(caught_->mutex);
        port.busy = std::ranges::find(caught_->caught, &port, &Caught::port) != caught_->caught.end();
      }
      continue;
    }
    if (!ready) continue;
    if (now < port.due) {
      again = std::min(again, port.due);
      continue;
    }
    port.width.store(find_largest(i, &PictureClient::width), std::memory_order_relaxed);
    port.side.store(find_largest(i, &PictureClient::max_side), std::memory_order_relaxed);
    port.busy = true;
    port.tap->ask();
  }
  return again;
}

void PictureHub::encode_loop() {
  while (true) {
    Caught next;
    std::shared_ptr<core::PictureTap> tap;
    {
      std::unique_lock lock(caught_->mutex);
      caught_->changed.wait(lock, [&] { return caught_->closed || !caught_->caught.empty(); });
      if (caught_->closed) return;
      next = caught_->caught.front();
      caught_->caught.pop_front();
      if (next.tap_number == next.port->tap_number) tap = next.port->tap;
    }
    if (tap) encode(next, *tap);
  }
}

void PictureHub::encode(const Caught& next, core::PictureTap& tap) {
  const auto& port = *next.port;
  LivePictureRef result;
  std::string error;
  try {
    const auto caught = tap.take();
    if (caught) {
      const int side = port.side.load(std::memory_order_relaxed);
      const int width =
          std::max(port.width.load(std::memory_order_relaxed), compute_width(caught->frame, side));
      auto jpeg = jpeg_->encode(caught->frame, step_up(width), kQuality);
      auto picture = std::make_shared<LivePicture>();
      picture->port = port.name;
      picture->seq = caught->stamp.seq;
      picture->pts = caught->stamp.pts;
      picture->frame_size = {caught->frame.width(), caught->frame.height()};
      picture->captured = caught->stamp.captured;
      picture->width = jpeg.width;
      picture->height = jpeg.height;
      picture->jpeg = std::move(jpeg.bytes);
      result = std::move(picture);
    }
  } catch (const std::exception& known) {
    error = known.what();
  }
  post_([this, next, result = std::move(result), error = std::move(error)]() mutable {
    finish(next, std::move(result), error);
  });
}

void PictureHub::finish(const Caught& caught, LivePictureRef picture, const std::string& error) {
  auto& port = *caught.port;
  // the image is from a node removed in the meantime
  if (caught.tap_number != port.tap_number) return;
  const auto now = Clock::now();
  port.busy = false;
  port.due = std::max(port.due, now - kInterval / 2) + kInterval;
  if (!picture) {
    if (!error.empty() && !std::exchange(port.complained, true)) {
      log(LogLevel::Warning, "the frames of '" + port.name + "' cannot be viewed: " + error);
    }
    return;
  }
  const auto numbered = std::const_pointer_cast<LivePicture>(picture);
  numbered->number = ++port.encoded;
  numbered->encoded_at = now;
  port.newest = std::move(picture);
  const auto clients = clients_;  // a copy, because show() may remove clients
  for (auto* client : clients) {
    if (std::ranges::find(clients_, client) != clients_.end()) offer(*client, port.index);
  }
}

std::vector<ViewInfo> PictureHub::info() const {
  std::vector<ViewInfo> result;
  for (std::size_t i = 0; i < ports_.size(); ++i) {
    if (!ports_[i].tap) continue;
    const auto viewers =
        std::ranges::count_if(clients_, [&](const auto* client) { return client->looks_at(i); });
    result.push_back({ports_[i].name, ports_[i].encoded, static_cast<std::size_t>(viewers)});
  }
  return result;
}

}  // namespace freshframe::serve
