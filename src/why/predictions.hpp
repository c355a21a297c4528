// The predicted effects of the remedies that findings name: asked for in advance, on a separate thread.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/what_if.hpp"

#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "why/rules.hpp"

namespace freshframe::core {

/// Note [The price of predictions]
/// A prediction takes some ten milliseconds of a processor, and no user has asked for it. So no thread that waits
/// for the findings makes one: effect() gives the answer that is here by now. Together they may cost a thousandth of a
/// processor: time is saved up at that rate, 150 ms at most, and spent by whatever they take. Each is made again as
/// long as its finding is there, after 10 s at the earliest, because the load may have changed.
class Predictions {
 public:
  using Time = std::chrono::steady_clock::time_point;

  struct Answer {
    std::optional<Effect> effect = {};  // nullopt means it is not known
    double cost = 0;                    // seconds of a processor
  };
  /// Answers at once after a stop request. An exception is an answer that nothing is known.
  using Ask = std::function<Answer(const Question& question, const std::stop_token& stop)>;

  explicit Predictions(Ask ask) : ask_(std::move(ask)) {}
  Predictions(const Predictions&) = delete;
  Predictions& operator=(const Predictions&) = delete;
  ~Predictions();

  /// The answer that is here by now; nullopt without one. Asks if it is time to. Never waits for an answer.
  /// A question that was not asked for a minute is forgotten. `now` never goes back.
  [[nodiscard]] std::optional<Effect> effect(const Question& question, Time now);

 private:
  struct Entry {
    Question question;
    Time wanted;
    std::optional<Time> answered = {};
    std::optional<Effect> effect = {};
  };
  using Entries = std::map<std::string, Entry>;  // by the questions as text

  void earn(Time now);
  /// Returns the question that has been waiting longest, or end() if none waits or there is no time for it.
  [[nodiscard]] Entries::iterator next_due();
  [[nodiscard]] bool begin_prediction();
  [[nodiscard]] Answer answer_to(const Question& question) const;
  void run();

  const Ask ask_;
  std::mutex mutex_;
  Entries entries_;          // guarded by mutex_, like the next
  double credit_ = kMost;    // seconds of a processor
  std::optional<Time> now_;  // time of the latest effect()
  bool running_ = false;     // the thread
  std::stop_source stopping_;
  std::thread thread_;

  static constexpr double kMost = 0.15;
};

/// "With queue=LATEST at A, samples would be 66 to 69 ms old ...", of the consumer whose samples are oldest now.
/// nullopt means its ages are not known.
[[nodiscard]] std::optional<Effect> find_effect(const WhatIf& answer);

}  // namespace freshframe::core
