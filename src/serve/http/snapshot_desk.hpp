// Answers the questions of clients about the last seconds, each on its own thread.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/look.hpp"
#include "freshframe/serve.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <variant>
#include <vector>

#include "core/pipeline/pipeline_core.hpp"
#include "serve/http/look_question.hpp"
#include "serve/state/snapshot.hpp"

namespace freshframe::serve {

/// How many questions each client may ask: a full minute's at once, then one at a time as they come back.
/// A client is an IPv4 address, or the /64 of an IPv6 address.
class LookRates {
 public:
  using Time = std::chrono::steady_clock::time_point;
  explicit LookRates(double per_minute) : per_minute_(per_minute) {}

  /// `client`: its address. Takes one. Returns 0, or the seconds until the client may ask again.
  [[nodiscard]] double take(const std::string& client, Time now);
  [[nodiscard]] double per_minute() const noexcept { return per_minute_; }

 private:
  struct Left {
    double questions = 0;
    Time at{};
  };
  [[nodiscard]] double compute_left(const Left& left, Time now) const;

  double per_minute_;
  std::map<std::string, Left> clients_;  // clients that have less than all, by their networks
};

/// Used on the network's thread, which decodes nothing.
class SnapshotDesk {
 public:
  using Done = std::function<void(Reply)>;
  static constexpr std::size_t kAtOnce = 4;

  /// `post` runs a function on the network's thread soon; it is called on any thread. Throws OptionError.
  SnapshotDesk(std::shared_ptr<core::PipelineCore> core, const std::vector<std::string>& names, double rate,
               std::function<void(std::function<void()>)> post);
  /// close().
  ~SnapshotDesk();
  SnapshotDesk(const SnapshotDesk&) = delete;
  SnapshotDesk& operator=(const SnapshotDesk&) = delete;

  /// Whether a client may ask for this name, and a look has it now.
  [[nodiscard]] bool has(std::string_view name) const { return find(name) && find_look(name); }
  /// The names that has() knows, as a text.
  [[nodiscard]] std::string names() const;
  /// The fate of a question: it has a number, or is refused with an answer.
  using Asked = std::variant<std::uint64_t, Reply>;
  /// Calls `done` later with the answer, unless the question is refused or given up. The name is a served one.
  [[nodiscard]] Asked ask(LookWish wish, const std::string& client, Done done);
  /// The asker has gone: the question ends at its next packet or picture, and gives its place back then.
  void give_up(std::uint64_t number);
  /// Returns the served looks that are there now.
  [[nodiscard]] std::vector<LookInfo> info() const;
  /// Ends all questions and refuses others. The answers are posted when it returns.
  void close();

 private:
  struct Question {
    std::thread thread;
    std::stop_source stop;
    Done done;
    std::size_t look = 0;
    std::string words;  // for the log
  };

  [[nodiscard]] std::optional<std::size_t> find(std::string_view name) const;
  /// The look that works at the place of this name. Returns null if no look has it.
  [[nodiscard]] std::shared_ptr<LookBack> find_look(std::string_view name) const;
  [[nodiscard]] Reply answer(const LookWish& wish, const std::stop_token& stop) const;
  [[nodiscard]] std::optional<Reply> refusal(const std::string& client);
  void finish(std::uint64_t number, Reply reply);

  std::shared_ptr<core::PipelineCore> core_;
  std::vector<LookInfo> served_;
  LookRates rates_;
  std::function<void(std::function<void()>)> post_;
  bool closed_ = false;
  std::map<std::uint64_t, Question> questions_;
  std::uint64_t next_ = 0;
};

}  // namespace freshframe::serve
