// What the WebSockets of all pages have in common: their setup, and a limit of messages per second.
// SPDX-License-Identifier: Apache-2.0
#include "serve/page/page_socket.hpp"

#include <utility>

#include "serve/state/json.hpp"
#include "serve/state/sampler.hpp"

namespace freshframe::serve {
namespace {

namespace websocket = boost::beast::websocket;

}  // namespace

bool MessageRate::count() {
  const auto now = std::chrono::steady_clock::now();
  if (now - since_ > std::chrono::seconds(1)) {
    since_ = now;
    counted_ = 0;
  }
  return ++counted_ > most_;
}

void prepare_page(PageSocket& socket, std::size_t most_bytes, MessageRate& rate, std::function<void()> cut) {
  socket.read_message_max(most_bytes);
  socket.auto_fragment(false);
  socket.control_callback(
      [&rate, cut = std::move(cut)](websocket::frame_type kind, boost::beast::string_view /*text*/) {
        if (kind != websocket::frame_type::close && rate.count()) cut();
      });
}

void limit_silence(PageSocket& socket, std::chrono::seconds silence) {
  auto timeouts = websocket::stream_base::timeout::suggested(boost::beast::role_type::server);
  timeouts.idle_timeout = silence;
  timeouts.keep_alive_pings = true;
  socket.set_option(timeouts);
}

std::string answer_time(double time) {
  JsonWriter json;
  json.begin_object().member("type", "time").member("time", time).member("now", unix_now()).end_object();
  return std::move(json).take();
}

}  // namespace freshframe::serve
