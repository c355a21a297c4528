// Answers requests for past images, each on its own thread.
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
#include "serve/request/look_question.hpp"
#include "serve/state/snapshot.hpp"

namespace freshframe::serve {

/// Rate limit per client, a token bucket: a minute's worth of requests in a burst, then one at a time as they
/// refill. A client is an IPv4 address or the /64 of an IPv6 address.
class LookRates {
 public:
  using Time = std::chrono::steady_clock::time_point;
  explicit LookRates(double per_minute) : per_minute_(per_minute) {}

  /// `client`: its address. Takes one token. Returns 0, or the seconds to wait if there is none.
  [[nodiscard]] double take(const std::string& client, Time now);
  [[nodiscard]] double per_minute() const noexcept { return per_minute_; }

 private:
  struct Left {
    double questions = 0;
    Time at{};
  };
  [[nodiscard]] double compute_left(const Left& left, Time now) const;

  double per_minute_;
  std::map<std::string, Left> clients_;  // clients below their full budget, by network
};

/// Used on the network thread. Decoding happens on other threads.
class SnapshotDesk {
 public:
  using Done = std::function<void(Reply)>;
  static constexpr std::size_t kAtOnce = 4;

  /// `post` queues a function for the network thread. It is called from any thread. Throws OptionError.
  SnapshotDesk(std::shared_ptr<core::PipelineCore> core, const std::vector<std::string>& names, double rate,
               std::function<void(std::function<void()>)> post);
  /// Calls close().
  ~SnapshotDesk();
  SnapshotDesk(const SnapshotDesk&) = delete;
  SnapshotDesk& operator=(const SnapshotDesk&) = delete;

  /// Returns true if clients may use this name, and a look has it now.
  [[nodiscard]] bool has(std::string_view name) const { return find(name) && find_look(name); }
  /// The names that has() accepts, for messages.
  [[nodiscard]] std::string names() const;
  /// The number of an accepted request, or the response to a refused one.
  using Asked = std::variant<std::uint64_t, Reply>;
  /// Calls `done` later with the response, unless the request is refused or given up. has() must be true for
  /// the name.
  [[nodiscard]] Asked ask(LookWish wish, const std::string& client, Done done);
  /// Cancels a request whose client has left. It stops at its next packet or frame, and frees its slot then.
  void give_up(std::uint64_t number);
  /// Returns the looks that can be used now.
  [[nodiscard]] std::vector<LookInfo> info() const;
  /// Cancels all requests and refuses new ones. Their responses are posted before it returns.
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
  /// The look that has this name now, or null.
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
