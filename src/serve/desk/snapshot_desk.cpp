// Rate limits, threads and counters of requests for past images.
// SPDX-License-Identifier: Apache-2.0
#include "serve/desk/snapshot_desk.hpp"

#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <algorithm>
#include <cmath>
#include <exception>
#include <system_error>
#include <utility>

#include "core/pipeline/pipeline_core.hpp"
#include "core/pipeline/views/ports.hpp"
#include "core/unit_text.hpp"
#include "core/utf8.hpp"
#include "platform/thread.hpp"
#include "serve/desk/net.hpp"

namespace freshframe::serve {
namespace {

constexpr unsigned kOk = 200;
constexpr unsigned kTooMany = 429;
constexpr unsigned kBusy = 503;

Reply make_refusal(unsigned status, const std::string& text, double seconds) {
  auto reply = plain(status, text);
  reply.headers = "Retry-After: " + std::to_string(static_cast<int>(std::ceil(seconds))) + "\r\n";
  return reply;
}

double checked_rate(double rate) {
  constexpr double kMost = 6000;
  if (rate > 0 && rate <= kMost) return rate;
  throw OptionError("looks_per_minute must be above 0 and at most 6000, got " + std::to_string(rate));
}

/// The key of the rate limit. For IPv6 this is the /64, because a client usually controls all of it.
std::string find_network(const std::string& client) {
  ErrorCode error;
  const auto address = net::ip::make_address(client, error);
  if (error || address.is_v4()) return client;
  const auto v6 = address.to_v6();
  if (v6.is_v4_mapped()) return net::ip::make_address_v4(net::ip::v4_mapped, v6).to_string();
  auto bytes = v6.to_bytes();
  std::fill(bytes.begin() + bytes.size() / 2, bytes.end(), static_cast<unsigned char>(0));
  return net::ip::address_v6(bytes, v6.scope_id()).to_string();
}

}  // namespace

double LookRates::compute_left(const Left& left, Time now) const {
  constexpr double kMinute = 60;
  const double back = Seconds(now - left.at).count() * per_minute_ / kMinute;
  return std::min(std::max(1.0, per_minute_), left.questions + back);
}

double LookRates::take(const std::string& client, Time now) {
  const double most = std::max(1.0, per_minute_);
  std::erase_if(clients_, [&](const auto& each) { return compute_left(each.second, now) >= most; });
  const auto [at, is_new] = clients_.try_emplace(find_network(client), Left{.questions = most, .at = now});
  const double left = compute_left(at->second, now);
  if (left < 1) {
    constexpr double kMinute = 60;
    return (1 - left) * kMinute / per_minute_;
  }
  at->second = {.questions = left - 1, .at = now};
  return 0;
}

SnapshotDesk::SnapshotDesk(std::shared_ptr<core::PipelineCore> core, const std::vector<std::string>& names,
                           double rate, std::function<void(std::function<void()>)> post)
    : core_(std::move(core)), rates_(checked_rate(rate)), post_(std::move(post)) {
  for (const auto& name : names) {
    if (!find_look(name)) throw OptionError("look must contain Looks that were added, got '" + name + "'");
    served_.push_back({.name = name});
  }
}

SnapshotDesk::~SnapshotDesk() {
  close();
}

void SnapshotDesk::close() {
  closed_ = true;
  for (auto& [number, question] : questions_) question.stop.request_stop();
  for (auto& [number, question] : questions_) {
    if (question.thread.joinable()) question.thread.join();
  }
}

std::optional<std::size_t> SnapshotDesk::find(std::string_view name) const {
  const auto at = std::ranges::find(served_, name, &LookInfo::name);
  if (at == served_.end()) return std::nullopt;
  return static_cast<std::size_t>(at - served_.begin());
}

std::shared_ptr<LookBack> SnapshotDesk::find_look(std::string_view name) const {
  const auto node = core::node_named(*core_, name);
  return {node, node ? node->abilities().look : nullptr};
}

std::vector<LookInfo> SnapshotDesk::info() const {
  auto present = served_;
  std::erase_if(present, [this](const auto& each) { return !find_look(each.name); });
  return present;
}

std::string SnapshotDesk::names() const {
  std::string out;
  for (const auto& each : info()) out += (out.empty() ? "'" : ", '") + each.name + "'";
  return out.empty() ? "none" : out;
}

std::optional<Reply> SnapshotDesk::refusal(const std::string& client) {
  if (closed_) return plain(kBusy, "the server is shutting down");
  if (questions_.size() >= kAtOnce)
    return make_refusal(kBusy,
                        std::to_string(kAtOnce) + " questions are being answered: ask again in a second", 1);
  const double wait = rates_.take(client, std::chrono::steady_clock::now());
  if (wait == 0) return std::nullopt;
  return make_refusal(kTooMany,
                      "a client may ask " +
                          core::number_text(rates_.per_minute(), std::chars_format::general, 6) +
                          " questions a minute (serve(looks_per_minute=)): ask again in " +
                          std::to_string(static_cast<int>(std::ceil(wait))) + " s",
                      wait);
}

SnapshotDesk::Asked SnapshotDesk::ask(LookWish wish, const std::string& client, Done done) {
  const auto index = find(wish.name).value_or(0);  // route() has checked that it exists
  auto& info = served_[index];
  auto words = client + " asks the look '" + wish.name + "' for " + wish.words;
  if (auto no = refusal(client)) {
    ++info.refused;
    log(LogLevel::Info, words + ": refused (" + std::to_string(no->status) + ")");
    return *std::move(no);
  }
  const auto number = next_++;
  auto& question = questions_[number];
  question.done = std::move(done);
  question.look = index;
  question.words = std::move(words);
  try {
    question.thread = platform::start_without_signals(
        "ff look", [this, number, wish = std::move(wish), stop = question.stop.get_token()] {
          platform::give_way();
          auto reply = answer(wish, stop);
          post_([this, number, reply = std::move(reply)]() mutable { finish(number, std::move(reply)); });
        });
  } catch (const std::system_error&) {
    questions_.erase(number);
    ++info.failed;
    return make_refusal(kBusy, "the system cannot start a thread for the question: ask again in a second", 1);
  }
  return number;
}

void SnapshotDesk::give_up(std::uint64_t number) {
  const auto at = questions_.find(number);
  if (at == questions_.end()) return;
  at->second.done = nullptr;
  at->second.stop.request_stop();
}

Reply SnapshotDesk::answer(const LookWish& wish, const std::stop_token& stop) const {
  try {
    const auto look = find_look(wish.name);
    if (!look) return plain(kBusy, "the look '" + core::to_utf8(wish.name) + "' was removed");
    LookPictures pictures(wish.max_side);
    look->look({.ages = wish.ages,
                .exact = wish.exact,
                .asker = LookAsker::Network,
                .clock = core_->clock(),
                .stop = stop},
               [&pictures](freshframe::Snapshot snapshot) { pictures.add(std::move(snapshot)); });
    if (stop.stop_requested()) return plain(kBusy, "the question was abandoned");
    const media::LookSources sources(*core_);
    const auto& all = pictures.all();
    if (all.empty()) return no_snapshot(wish, sources.above(wish.name));
    return look_reply(wish, all, sources, *core_->clock());
  } catch (const std::exception& error) {
    return plain(kBusy, "the look '" + wish.name + "' cannot answer: " + error.what());
  }
}

void SnapshotDesk::finish(std::uint64_t number, Reply reply) {
  const auto at = questions_.find(number);
  if (at == questions_.end()) return;
  auto question = std::move(at->second);
  questions_.erase(at);
  if (question.thread.joinable()) question.thread.join();
  auto& info = served_[question.look];
  ++(reply.status == kOk ? info.answered : info.failed);
  log(LogLevel::Info,
      question.words + ": " + (reply.status == kOk ? std::to_string(reply.body.size()) + " bytes" : "none"));
  if (question.done) question.done(std::move(reply));
}

}  // namespace freshframe::serve
