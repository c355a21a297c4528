// The worker program of crew_*_test.cpp. The recipe's payload defines its behaviour at the start and the end.
// The text of a sample defines its behaviour on that sample.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/frame.hpp"

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "process/life/child.hpp"
#include "process/wire/messages.hpp"
#include "process/worker/worker_end.hpp"
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace freshframe::process {
namespace {

int stacks_file = -1;

void write_stacks(int /*signal*/) {
  constexpr char kText[] = "stacks of the helper\n";
  if (::write(stacks_file, kText, sizeof kText - 1) < 0) ::_exit(20);
}

[[noreturn]] void hang() {
  while (true) ::pause();
}

void wait_for(const std::string& path) {
  while (!std::filesystem::exists(path)) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

void say(const ByteWriter& message) {
  ::send(kWorkerSocket, message.bytes().data(), message.bytes().size(), 0);
}

void say_with_descriptor(const ByteWriter& message) {
  Channel channel(Descriptor(::dup(kWorkerSocket)), false);
  const int number = kWorkerSocket;
  if (channel.send(message.bytes(), {&number, 1}) != Channel::Sent::Yes) ::_exit(22);
}

ReplyMessage reply_to(std::uint64_t id) {
  ReplyMessage reply;
  reply.id = id;
  return reply;
}

// Answers every request without reading it: only checks how many bytes are waiting in the socket.
[[noreturn]] void answer_deaf() {
  int known = 0;
  for (std::uint64_t id = 1;; ++id) {
    int waiting = known;
    while (waiting == known) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      ::ioctl(kWorkerSocket, FIONREAD, &waiting);
    }
    known = waiting;
    say(write(reply_to(id)));
  }
}

// Dies and leaves a child process that keeps the socket open. The child writes to it once `path` exists, and ends when
// the folder is deleted.
void leave_an_heir(const std::string& path, std::uint64_t id) {
  if (::fork() == 0) {
    ::setsid();  // leaves the process group that will be killed
    std::signal(SIGPIPE, SIG_IGN);
    std::ofstream(path + ".born") << "here";
    while (!std::filesystem::exists(path)) {
      if (!std::filesystem::exists(std::filesystem::path(path).parent_path())) ::_exit(0);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    say(write(reply_to(id + 2)));
    std::ofstream(path + ".done") << "said";
    ::_exit(0);
  }
  wait_for(path + ".born");
  std::raise(SIGKILL);
}

void lie(const std::string& what, std::uint64_t id) {
  if (what == "garbage") say(write(SlabMessage{77, 1}));
  if (what == "other sample") say(write(reply_to(id + 1)));
  if (what == "lease") {
    auto reply = reply_to(id);
    reply.released = {777};
    say(write(reply));
  }
  if (what == "opened again") say(write(OpenedMessage{}));
  if (what == "closed unasked") say(write(ClosedMessage{}));
  if (what == "failure and lease") {
    FailedMessage failed;
    failed.id = id;
    failed.released = {777};
    say(write(failed));
  }
  if (what == "picture of no bytes") {
    auto reply = reply_to(id);
    reply.kind = ResultKind::Picture;
    reply.picture = {.width = 16384, .height = 16384, .format = PixelFormat::Rgb};
    say(write(reply));
  }
  if (what == "value of no bytes") {
    auto reply = reply_to(id);
    reply.kind = ResultKind::Value;
    reply.value.kind = 1;
    reply.value.parts = {std::uint64_t{1} << 40};
    reply.value.shared = true;
    say(write(reply));
  }
  if (what == "released lease") say(write(ReleasedMessage{{777}}));
  if (what == "failed outside")
    say(write(FailedMessage{.id = 0, .text = "no", .traceback = {}, .released = {}}));
  if (what == "input of no frame") {
    auto reply = reply_to(id);
    reply.kind = ResultKind::Input;
    say(write(reply));
  }
  if (what == "descriptor") say_with_descriptor(write(reply_to(id)));
  if (what == "too much") {
    const std::vector<std::byte> large(Channel::kMostBytes + 1);
    ::send(kWorkerSocket, large.data(), large.size(), 0);
  }
  if (what == "need of nothing") {
    say(write(reply_to(id)));
    say(write(NeedMessage{1000, 0}));
  }
  hang();
}

class Helper {
 public:
  explicit Helper(int parent) : end_(Descriptor(kWorkerSocket), parent, basic_pixel_ops()) {}

  void run() {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): no thread runs yet
    const char* const version = std::getenv("VERSION");
    end_.hello(version != nullptr ? version : "");
    begin();
    WorkerRequest request;
    while (!end_.has_ended()) {
      if (end_.receive(request) && request.gone.empty()) answer(request);
      request = {};
    }
    if (mode_ == "hangs in close") hang();
    if (mode_ == "dies in close") std::raise(SIGKILL);
    if (fails() && mode_.ends_with(" in close")) fail_outside("cannot close");
    end_.report_closed();
    if (mode_ == "dies after close") std::raise(SIGKILL);
  }

 private:
  void begin() {
    auto init = end_.init();
    mode_.assign(reinterpret_cast<const char*>(init.payload.data()), init.payload.size());
    stacks_file = init.stacks.release();
    std::signal(SIGRTMIN + 3, &write_stacks);
    if (mode_ == "hangs in open") hang();
    if (mode_ == "dies in open") std::raise(SIGKILL);
    if (fails() && mode_.ends_with(" in open")) fail_to_open();
    if (mode_.starts_with("opens once ")) {
      const auto path = mode_.substr(11);
      if (std::filesystem::exists(path)) fail_to_open();
      std::ofstream(path) << "opened";
    }
    end_.report_open();
    if (mode_ == "deaf") answer_deaf();
  }

  [[nodiscard]] bool loses() const { return mode_.starts_with("loses a picture "); }
  [[nodiscard]] bool fails() const { return mode_.starts_with("fails ") || loses(); }

  void fail_outside(const std::string& text) {
    end_.fail(process::WorkerEnd::Failed::Outside, {.text = text, .is_device_error = loses()});
  }

  void fail_to_open() {
    fail_outside("cannot open");
    WorkerRequest request;
    while (!end_.has_ended()) (void)end_.receive(request);
    end_.report_closed();
    ::_exit(0);
  }

  void answer(const WorkerRequest& request) {
    if (request.value.kind() == kNoValue) {
      answer_frame(request);
      return;
    }
    const auto bytes = request.value.parts().at(0);
    const std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    const auto word = text.substr(0, text.find(' '));
    const auto rest = text.size() > word.size() ? text.substr(word.size() + 1) : std::string();
    if (word == "die") {
      if (rest == "replying") say(write(NeedMessage{std::uint64_t{2} << 20U, 0}));
      std::raise(SIGKILL);
    }
    if (word == "leave") leave_an_heir(rest.substr(rest.rfind(' ') + 1), request.id);
    if (word == "exit") ::_exit(7);
    if (word == "hang") hang();
    if (word == "lie") lie(rest, request.id);
    if (word == "wait") wait_for(rest);
    if (word == "fail") {
      end_.fail(process::WorkerEnd::Failed::Request, {.text = rest, .traceback = "line of " + rest});
    } else if (word == "lose") {
      end_.fail(process::WorkerEnd::Failed::Request, {.text = rest, .is_device_error = true});
    } else if (word == "nothing") {
      end_.reply_all({});
    } else if (word == "large") {
      reply(std::string(1'000'000, 'x'), std::stoul(rest));
    } else {
      reply(text, 1);
    }
    if (word == "last") std::raise(SIGKILL);
  }

  void answer_frame(const WorkerRequest& request) {
    const auto& frame = request.sample.frame;
    if (mode_ == "keeps frames") kept_.push_back(frame);
    if (mode_.starts_with("gives back twice")) {
      const bool at_once = mode_.ends_with("at once");
      auto twice = reply_to(request.id);
      twice.released.assign(at_once ? 2 : 1, request.id);  // the lease has the request's id
      say(write(twice));
      if (!at_once) say(write(ReleasedMessage{{request.id}}));
      hang();
    }
    const process::WorkerResult result{
        {}, mode_ == "gives gray back" ? frame.to(PixelFormat::Gray) : frame, {}};
    end_.reply_all({&result, 1});
  }

  void reply(const std::string& text, std::size_t times) {
    try {
      const process::WorkerResult result{{1, std::vector(times, std::as_bytes(std::span(text))), {}}, {}, {}};
      end_.reply_all({&result, 1});
    } catch (const Error& error) {  // the result is too large
      end_.fail(process::WorkerEnd::Failed::Request, {.text = error.what()});
    }
  }

  WorkerEnd end_;
  std::string mode_;
  std::vector<Frame> kept_;
};

}  // namespace
}  // namespace freshframe::process

int main(int /*count*/, char** arguments) {
  try {
    // NOLINTNEXTLINE(bugprone-unchecked-string-to-number-conversion): the test's own number
    freshframe::process::Helper(std::atoi(arguments[1])).run();
    return 0;
  } catch (const std::exception&) {
    return 21;
  }
}
