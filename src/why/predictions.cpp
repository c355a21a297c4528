// The thread that predicts, and how often it does.
// SPDX-License-Identifier: Apache-2.0
#include "why/predictions.hpp"

#include <algorithm>
#include <exception>
#include <system_error>
#include <utility>

#include "platform/thread.hpp"

namespace freshframe::core {
namespace {

constexpr double kShareOfProcessor = 1e-3;
constexpr std::chrono::seconds kAskedAgain{10};
constexpr std::chrono::seconds kUnwanted{60};

}  // namespace

Predictions::~Predictions() {
  stopping_.request_stop();
  if (thread_.joinable()) thread_.join();
}

std::optional<Effect> Predictions::effect(const Question& question, Time now) {
  const std::lock_guard lock(mutex_);
  earn(now);
  auto& entry = entries_[question.node + ": " + to_string(question.change)];
  if (!entry.answered) entry.question = question;
  entry.wanted = now;
  std::erase_if(entries_, [&](const auto& each) { return now - each.second.wanted > kUnwanted; });
  if (!running_ && next_due() != entries_.end()) {
    if (thread_.joinable()) thread_.join();  // it has ended: it clears running_ last
    running_ = begin_prediction();
  }
  return entry.effect;
}

void Predictions::earn(Time now) {
  const double passed = std::chrono::duration<double>(now - now_.value_or(now)).count();
  credit_ = std::min(kMost, credit_ + kShareOfProcessor * passed);
  now_ = now;
}

Predictions::Entries::iterator Predictions::next_due() {
  auto next = entries_.end();
  if (credit_ <= 0 || stopping_.stop_requested()) return next;
  for (auto each = entries_.begin(); each != entries_.end(); ++each) {
    const auto& answered = each->second.answered;
    if (answered && *now_ - *answered < kAskedAgain) continue;
    if (next == entries_.end() || answered < next->second.answered) next = each;
  }
  return next;
}

// Returns false if the process may have no further thread now.
bool Predictions::begin_prediction() {
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error&) {
    return false;
  }
  return true;
}

// Findings are for programs that are in trouble: a prediction that fails ends none of them.
Predictions::Answer Predictions::answer_to(const Question& question) const {
  try {
    return ask_(question, stopping_.get_token());
  } catch (const std::exception&) {
    return {};
  }
}

void Predictions::run() {
  platform::name_thread("ff predict");
  std::unique_lock lock(mutex_);
  for (auto next = next_due(); next != entries_.end(); next = next_due()) {
    const auto [text, question] = std::pair(next->first, next->second.question);
    lock.unlock();
    auto answer = answer_to(question);
    lock.lock();
    credit_ -= answer.cost;
    const auto entry = entries_.find(text);
    if (entry == entries_.end()) continue;
    entry->second.answered = now_;
    entry->second.effect = std::move(answer.effect);
  }
  running_ = false;
}

}  // namespace freshframe::core
