// A session with an RTSP server: connects to its address and receives the packets of its video (RFC 2326).
// SPDX-License-Identifier: Apache-2.0
#include "sources/rtsp/session/session.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <exception>
#include <utility>

#include "core/ascii.hpp"
#include "core/real_deadline.hpp"
#include "core/url/masked_url.hpp"
#include "media/ffmpeg/log.hpp"
#include "media/stream/detached_call.hpp"
#include "media/stream/stream_errors.hpp"
#include "media/url/open_secrets.hpp"
#include "sources/rtsp/protocol/message.hpp"

namespace freshframe::media::rtsp {
namespace {

using RealClock = std::chrono::steady_clock;

constexpr int kOk = 200;
constexpr int kNotFound = 404;
constexpr int kUnsupportedTransport = 461;
constexpr Seconds kAtOnce{0.005};        // most servers answer TEARDOWN faster
constexpr Seconds kReportInterval{5};    // RFC 3550, section 6.2
constexpr Seconds kFirstPacketLimit{3};  // over UDP: a firewall may block packets

bool is_redirect(const Message& answer) {
  return answer.status >= 300 && answer.status < 400 && !answer.header("location").empty();
}

/// Returns true for final refusals: another client would get the same response (RFC 2326, section 11.3).
bool is_decision(int status) {
  constexpr std::array<int, 5> kDecisions{401, 403, 404, 410, 453};
  return std::ranges::find(kDecisions, status) != kDecisions.end();
}

void check(const Message& answer, std::string_view method) {
  if (answer.status == kOk) return;
  throw Fault(is_decision(answer.status) ? Trouble::Refused : Trouble::Dialogue,
              "the server answered " + std::to_string(answer.status) + " " + shown_words(answer.reason) +
                  " to " + std::string(method));
}

}  // namespace

Session::Session(Address address, SessionOptions options, Waiter& waiter, const Clock& clock,
                 std::shared_ptr<const void> companion)
    : companion_(std::move(companion)),
      address_(std::move(address)),
      options_(std::move(options)),
      waiter_(waiter),
      clock_(clock) {}

/// Waits for the response to TEARDOWN: closing with unread data resets the connection, and some servers then
/// lose the request. A camera with a single session refuses the next one until it has answered. Waits only
/// briefly after a stop.
Session::~Session() {
  constexpr const char* kMethod = "TEARDOWN";
  const auto deadline = core::real_deadline(options_.farewell);
  if (!is_set_up_ || dialogue_->end_session(kMethod, control_, deadline, &waiter_) || !waiter_.is_over())
    return;
  const auto at_once = std::min(deadline, core::real_deadline(kAtOnce));  // the source was stopped, possibly
                                                                          // during the wait
  if (dialogue_->end_session(kMethod, control_, at_once)) return;
  try {
    const DetachedCall aside(
        [dialogue = std::shared_ptr<Dialogue>(std::move(dialogue_)), url = control_, deadline,
         companion = companion_] { static_cast<void>(dialogue->end_session(kMethod, url, deadline)); });
  } catch (const std::exception&) {
    return;  // no thread could be started, so the connection closes now
  }
}

void Session::open(const Resolve& resolve, const Choose& choose, TimePoint deadline) {
  for (int redirects = 0; redirects <= kMostRedirects; ++redirects) {
    connect(resolve, deadline);
    const auto elsewhere = describe(choose, deadline);
    if (!elsewhere) return set_up(deadline);
    auto next = parse_address(*elsewhere);
    if (!next) {
      throw Fault(Trouble::Dialogue, "the server redirects to '" +
                                         hide_secrets(core::shown_url(visible_text(*elsewhere))) + "'");
    }
    // Never send credentials to another host, or to another port of the same host.
    const bool same = next->host == address_.host && next->port == address_.port;
    if (!next->credentials && same) next->credentials = address_.credentials;
    address_ = *std::move(next);
  }
  throw Fault(Trouble::Refused, kRedirectLoop, ELOOP);  // another client would follow the loop, too
}

void Session::connect(const Resolve& resolve, TimePoint deadline) {
  dialogue_ = std::make_unique<Dialogue>(Link(resolve(address_.host), address_.port, waiter_, deadline),
                                         address_, options_.user_agent, clock_);
}

/// Returns the URL of a redirect, or nullopt once the media are known.
std::optional<std::string> Session::describe(const Choose& choose, TimePoint deadline) {
  const auto options = dialogue_->ask("OPTIONS", address_.url, {}, waiter_, deadline);
  if (is_redirect(options)) return std::string(options.header("location"));
  // A server that does not support OPTIONS may support the rest.
  has_parameter_method_ =
      (options.header("public").find("GET_PARAMETER") != std::string_view::npos) != options_.swaps_keep_alive;
  const auto answer =
      dialogue_->ask("DESCRIBE", address_.url, "Accept: application/sdp\r\n", waiter_, deadline);
  if (is_redirect(answer)) return std::string(answer.header("location"));
  check(answer, "DESCRIBE");
  choose_media(answer, choose);
  return std::nullopt;
}

void Session::choose_media(const Message& answer, const Choose& choose) {
  const auto description = parse_sdp(answer.body);
  media_ = description.media.at(choose(description));
  base_ = base_url(address_.url, answer.header("content-base"), answer.header("content-location"));
  presentation_ = description.control;
  control_ = control_url(base_, presentation_);
}

Message Session::ask_for_transport(TimePoint deadline) {
  const bool udp_first = options_.transport == Transport::UdpThenTcp;
  auto answer = udp_first ? set_up_udp(deadline) : set_up_tcp(deadline);
  if (answer.status != kUnsupportedTransport) return answer;
  return udp_first ? set_up_tcp(deadline) : set_up_udp(deadline);
}

/// Replaces the base URL of the DESCRIBE response, which may be "rtsp://rtsp://192.0.2.1/". Returns true if
/// the control URL changed.
bool Session::use_own_url() {
  const bool differs = control_url(address_.url, media_.control) != control_url(base_, media_.control);
  base_ = address_.url;
  control_ = control_url(base_, presentation_);
  return differs;
}

void Session::set_up(TimePoint deadline) {
  auto answer = ask_for_transport(deadline);
  if (answer.status == kNotFound && use_own_url()) answer = ask_for_transport(deadline);
  check(answer, "SETUP");
  is_set_up_ = true;
  const auto transport = parse_transport(answer.header("transport"));
  if (transport.multicast)
    throw Fault(Trouble::Dialogue,
                "the server sends to a multicast group, which freshframe's RTSP client does not support");
  if (!datagrams_) return assign_channels(transport);
  if (transport.tcp) {  // although UDP was requested
    datagrams_.reset();
    return assign_channels(transport);
  }
  datagrams_->set_server(transport.source, transport.server_port, transport.server_control_port);
}

Message Session::set_up_tcp(TimePoint deadline) {
  datagrams_.reset();
  return dialogue_->ask("SETUP", control_url(base_, media_.control),
                        "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n", waiter_, deadline);
}

Message Session::set_up_udp(TimePoint deadline) {
  datagrams_ = std::make_unique<Datagrams>(dialogue_->link().peer(), options_.receive_buffer);
  const auto port = datagrams_->port();
  return dialogue_->ask("SETUP", control_url(base_, media_.control),
                        "Transport: RTP/AVP;unicast;client_port=" + std::to_string(port) + "-" +
                            std::to_string(port + 1) + "\r\n",
                        waiter_, deadline);
}

/// The server chooses the channels, regardless of the request.
void Session::assign_channels(const TransportAnswer& answer) {
  channel_ = answer.channel.value_or(0);
  control_channel_ = answer.control_channel.value_or(1);
  dialogue_->reader().set_channels({{channel_, media_.payload_type}, {control_channel_, {}}});
}

void Session::play(TimePoint deadline) {
  check(dialogue_->ask("PLAY", control_, "Range: npt=0.000-\r\n", waiter_, deadline), "PLAY");
}

void Session::run(PacketSink& sink) {
  if (datagrams_) datagrams_->open_way(sink.report(clock_.now()));
  for (const auto& early : dialogue_->take_early()) give({early.channel, early.bytes}, sink, early.arrived);
  const auto begin = clock_.now();
  dialogue_->read_rest([&](const Interleaved& packet) { give(packet, sink, begin); });
  Timers timers{.keep_alive = KeepAliveTimer(RealClock::now()),
                .report = core::real_deadline(kReportInterval)};
  if (datagrams_) timers.first_packet = core::real_deadline(kFirstPacketLimit);
  for (;;) {
    std::vector<platform::Awaited> sockets{dialogue_->link().interest()};
    if (datagrams_) {
      sockets.push_back({.descriptor = datagrams_->packets().number()});
      sockets.push_back({.descriptor = datagrams_->reports().number()});
    }
    bool ready = waiter_.wait(sockets, find_deadline(sink, timers));
    // This thread may have run late: read what has arrived by now before counting it as missing.
    const auto now = clock_.now();
    if (!ready) ready = waiter_.wait(sockets, RealClock::now());
    if (ready) read(sink, sockets);
    act_on_time(sink, timers, now);
  }
}

/// Reads UDP packets first, because a closed connection ends the session.
void Session::read(PacketSink& sink, const std::vector<platform::Awaited>& ready) {
  const auto now = clock_.now();
  constexpr int kMostDatagrams = 256;  // datagrams per call, so that timers get their turn
  for (std::size_t i = 1; i < ready.size(); ++i) {
    if (!ready[i].is_ready) continue;
    const auto& socket = i == 1 ? datagrams_->packets() : datagrams_->reports();
    for (int n = 0; n < kMostDatagrams; ++n) {
      const auto bytes = datagrams_->receive(socket);
      if (!bytes) break;
      has_packet_ = has_packet_ || i == 1;  // reports alone do not count as video
      i == 1 ? sink.on_packet(*bytes, now) : sink.on_report(*bytes, now);
    }
  }
  if (!ready[0].is_ready) return;
  dialogue_->flush();
  dialogue_->read([&](const Interleaved& packet) { give(packet, sink, now); });
}

/// Ignores channels that were not set up.
void Session::give(const Interleaved& packet, PacketSink& sink, TimePoint arrived) {
  if (datagrams_) return;
  if (packet.channel == channel_) sink.on_packet(packet.bytes, arrived);
  if (packet.channel == control_channel_) sink.on_report(packet.bytes, arrived);
}

TimePoint Session::find_deadline(const PacketSink& sink, const Timers& timers) const {
  auto deadline = std::min(timers.keep_alive.due(dialogue_->timeout()), timers.report);
  if (timers.first_packet) deadline = std::min(deadline, *timers.first_packet);
  if (const auto due = sink.due()) deadline = std::min(deadline, RealClock::now() + (*due - clock_.now()));
  return deadline;
}

/// `arrived_by`: all packets that arrived before this time have been read.
void Session::act_on_time(PacketSink& sink, Timers& timers, TimePoint arrived_by) {
  const auto now = RealClock::now();
  sink.on_time(arrived_by);
  if (has_packet_) timers.first_packet.reset();
  if (timers.first_packet && now >= *timers.first_packet) {
    throw Fault(Trouble::NoPackets, "no packet arrived over UDP", ETIMEDOUT);
  }
  keep_alive(timers.keep_alive);
  if (now >= timers.report || sink.is_urgent(clock_.now())) {
    timers.report = core::real_deadline(kReportInterval);
    const auto report = sink.report(clock_.now());
    datagrams_ ? datagrams_->send_report(report) : dialogue_->send_packet(control_channel_, report);
  }
}

/// Some cameras support neither method, so errors and missing responses are ignored. After an error, tries
/// the other method.
void Session::keep_alive(KeepAliveTimer& timer) {
  const auto heard = dialogue_->take_heard();
  if (heard != Dialogue::Heard::Nothing) timer.note_answer(heard != Dialogue::Heard::Success);
  if (heard == Dialogue::Heard::Error) has_parameter_method_ = !has_parameter_method_;
  const auto now = RealClock::now();
  if (!dialogue_->take_retry() && now < timer.due(dialogue_->timeout())) return;
  timer.note_sent(now);
  static_cast<void>(dialogue_->send_only(has_parameter_method_ ? "GET_PARAMETER" : "OPTIONS", control_));
}

}  // namespace freshframe::media::rtsp
