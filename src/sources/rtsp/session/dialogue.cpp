// Sends requests to an RTSP server, and reads responses and the packets in between (RFC 2326).
// SPDX-License-Identifier: Apache-2.0
#include "sources/rtsp/session/dialogue.hpp"

#include "freshframe/log.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <exception>
#include <utility>
#include <variant>

#include "media/ffmpeg/log.hpp"
#include "media/http/authorization.hpp"
#include "sources/rtsp/protocol/message.hpp"

namespace freshframe::media::rtsp {
namespace {

constexpr int kUnauthorized = 401;
constexpr std::size_t kMostEarlyBytes = 8U << 20U;
constexpr int kMostMessages = 100;  // messages per response, because a server could send requests forever

bool is_success(const Message& answer) {
  return answer.status >= 200 && answer.status < 300;
}

std::span<const std::uint8_t> as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace

Dialogue::Dialogue(Link link, const Address& address, std::string user_agent, const Clock& clock)
    : link_(std::move(link)),
      host_(address.host),
      authorization_(address.credentials),
      user_agent_(std::move(user_agent)),
      clock_(clock) {}

Message Dialogue::ask(std::string_view method, const std::string& url, const std::string& headers,
                      Waiter& waiter, TimePoint deadline) {
  for (;;) {
    send(method, url, headers);
    auto answer = wait_for_answer(waiter, deadline);
    if (answer.status != kUnauthorized) {
      authorization_.note_accepted();
      return answer;
    }
    if (accept_refusal(answer)) continue;
    throw Fault(Trouble::Refused,
                "the server answered 401 " + shown_words(answer.reason) + " to " + std::string(method));
  }
}

bool Dialogue::send_only(std::string_view method, const std::string& url, const std::string& headers) {
  send(method, url, headers);
  return fits_;
}

void Dialogue::send(std::string_view method, const std::string& url, const std::string& headers) {
  std::string text(method);
  text += " " + url + " RTSP/1.0\r\nCSeq: " + std::to_string(++sequence_) + "\r\nUser-Agent: " + user_agent_ +
          "\r\n";
  if (const auto value = authorization_.header(method, url); !value.empty())
    text += "Authorization: " + value + "\r\n";
  if (!session_.id.empty()) text += "Session: " + session_.id + "\r\n";
  text += headers + "\r\n";
  fits_ = link_.queue(as_bytes(text));
  link_.flush();
}

void Dialogue::send_packet(std::uint8_t channel, std::span<const std::uint8_t> bytes) {
  if (link_.has_waiting()) return;  // the next report repeats the contents
  const std::array<std::uint8_t, 4> head{'$', channel, static_cast<std::uint8_t>(bytes.size() >> 8U),
                                         static_cast<std::uint8_t>(bytes.size())};
  static_cast<void>(link_.queue(head) && link_.queue(bytes));
  link_.flush();
}

/// Ignores CSeq: only one request is pending, and some cameras count differently or send 0.
Message Dialogue::wait_for_answer(Waiter& waiter, TimePoint deadline) {
  for (int messages = 0; messages < kMostMessages;) {
    while (auto message = next_message([this](const Interleaved& packet) { keep(packet); })) {
      // 1xx responses are provisional (RFC 2326, 7.1.1).
      if (message->status >= 200) return *std::move(message);
      ++messages;
    }
    std::vector<platform::Awaited> sockets{link_.interest()};
    // A server that never pauses must not extend the deadline.
    if (!waiter.wait(sockets, deadline) || std::chrono::steady_clock::now() >= deadline)
      throw Fault(Trouble::Silent, "the server does not answer", ETIMEDOUT);
    link_.flush();
    if (link_.read(reader_) == Link::Read::Closed) {
      throw Fault(Trouble::Dialogue, "the server closed the connection instead of answering", ECONNRESET);
    }
  }
  throw Fault(Trouble::Dialogue, "the server sent only provisional (1xx) responses, and no final one");
}

/// Returns the next response that was read, if any. Answers requests, and passes packets to `on_packet`.
std::optional<Message> Dialogue::next_message(const OnPacket& on_packet) {
  try {
    while (auto element = reader_.next()) {
      if (const auto* packet = std::get_if<Interleaved>(&*element)) {
        on_packet(*packet);
        continue;
      }
      auto& message = std::get<Message>(*element);
      if (is_success(message)) session_.update(message.header("session"));
      if (!message.is_request()) return std::move(message);
      answer(message);
    }
  } catch (const NotRtsp& error) {
    throw Fault(Trouble::Dialogue, std::string("the server sent ") + error.what(), EBADMSG);
  }
  return std::nullopt;
}

/// Returns true if a retry can satisfy the credentials that this 401 response asks for.
bool Dialogue::accept_refusal(const Message& refusal) {
  const auto headers = refusal.find_headers("www-authenticate");
  if (!authorization_.accept_challenges(parse_challenges(headers))) return false;
  const auto unknown = authorization_.is_basic() ? unknown_digest(headers) : std::string();
  if (!unknown.empty() && !std::exchange(warned_, true)) {
    log(LogLevel::Warning,
        "the RTSP server '" + host_ + "' offers Digest with '" + shown_words(unknown) +
            "', which freshframe does not support, and Basic; the password is sent as Basic, "
            "which anyone on the network path can read");
  }
  return true;
}

void Dialogue::answer(const Message& request) {
  std::string text = "RTSP/1.0 200 OK\r\nCSeq: " + std::to_string(request.sequence().value_or(0)) + "\r\n";
  if (!session_.id.empty()) text += "Session: " + session_.id + "\r\n";
  static_cast<void>(link_.queue(as_bytes(text + "\r\n")));
  link_.flush();
}

void Dialogue::keep(const Interleaved& packet) {
  early_bytes_ += sizeof(Early) + packet.bytes.size();
  if (early_bytes_ > kMostEarlyBytes) return;
  early_.push_back({packet.channel, {packet.bytes.begin(), packet.bytes.end()}, clock_.now()});
}

void Dialogue::read_rest(const OnPacket& on_packet) {
  while (const auto message = next_message(on_packet)) {
    if (message->status != kUnauthorized) {
      authorization_.note_accepted();
      const bool is_error = message->status >= 400;
      const auto error = is_error && session_.return_to_previous() ? Heard::WrongSession : Heard::Error;
      heard_ = is_error ? error : Heard::Success;
    } else if (accept_refusal(*message)) {
      retry_ = true;
    }
  }
}

void Dialogue::read(const OnPacket& on_packet) {
  constexpr int kMostReads = 16;  // reads per call, so that timers and the other sockets get their turn
  bool closed = false;
  auto got = Link::Read::Some;
  for (int i = 0; i < kMostReads && got == Link::Read::Some; ++i) {
    got = link_.read(reader_);
    closed = got == Link::Read::Closed;
    if (got != Link::Read::Nothing) read_rest(on_packet);
  }
  if (closed) throw Fault(Trouble::Lost, "the server ended the stream or closed the connection", ECONNRESET);
}

bool Dialogue::end_session(std::string_view method, const std::string& url, TimePoint deadline,
                           const Waiter* waiter) noexcept {
  try {
    if (farewell_ == 0) {
      send(method, url, {});
      farewell_ = sequence_;
    }
    do {
      while (const auto message = next_message([](const Interleaved&) {})) {
        if (message->sequence() != farewell_) continue;
        if (message->status != kUnauthorized || !accept_refusal(*message)) return true;
        send(method, url, {});
        farewell_ = sequence_;
      }
      std::vector<platform::Awaited> sockets{link_.interest()};
      const bool ready =
          waiter ? waiter->wait_or_stop(sockets, deadline) : Waiter::wait_anyway(sockets, deadline);
      if (!ready) return false;
      link_.flush();
      if (link_.read(reader_) == Link::Read::Closed) return true;
    } while (std::chrono::steady_clock::now() < deadline);
    return false;
  } catch (const std::exception&) {
    return true;  // the connection is broken, so TEARDOWN cannot arrive
  }
}

}  // namespace freshframe::media::rtsp
