// Loads ONNX Runtime, creates its environment and receives its log.
// SPDX-License-Identifier: Apache-2.0
#include "inference/runtime/runtime.hpp"

#include "freshframe/error.hpp"
#include "freshframe/forks.hpp"
#include "freshframe/log.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <mutex>
#include <string_view>
#include <utility>

#include "core/utf8.hpp"
#include "platform/library.hpp"

namespace freshframe::inference {
namespace {

constexpr const char* kInstall = "pip install 'freshframe[onnx]'";

// the string of this thread's LoggedError, or null
thread_local std::string* last_error = nullptr;

// ONNX Runtime writes "/path/file.cc:141 int f(int) [ERROR] what happened".
std::string_view without_place(std::string_view message) {
  if (!message.starts_with('/')) return message;
  int depth = 0;
  bool has_arguments = false;
  for (std::size_t i = 0; i < message.size(); ++i) {
    const char letter = message[i];
    if (letter == '(' || letter == '<') ++depth;
    if (letter == ')' || letter == '>') --depth;
    has_arguments = has_arguments || letter == '(';
    if (letter != ' ' || depth != 0 || !has_arguments) continue;
    constexpr std::string_view kMark = "[ERROR] ";
    const auto rest = message.substr(i + 1);
    return rest.starts_with(kMark) ? rest.substr(kMark.size()) : rest;
  }
  return message;
}

// ONNX Runtime also returns failures as a status, which becomes an exception. So its log lines are shown only
// with -v.
// NOLINTNEXTLINE(readability-function-size): ONNX Runtime calls it
void to_log(void* /*parameter*/, int severity, const char* /*category*/, const char* /*id*/,
            const char* /*place*/, const char* message) {
  if (last_error != nullptr && severity >= ort::kLogError && message != nullptr)
    *last_error = core::to_utf8(without_place(message));
  const auto level = severity >= ort::kLogFatal ? LogLevel::Error : LogLevel::Debug;
  log(level, std::string("ONNX Runtime: ") + (message != nullptr ? message : ""));
}

platform::Library load_library(const std::string& library) {
  try {
    return platform::Library::load(library);
  } catch (const platform::LoadError& error) {
    throw Error("ONNX Runtime cannot be loaded: " + std::string(error.what()) +
                "; install it again: pip install --force-reinstall onnxruntime");
  }
}

const ort::ApiBase& find_base(const std::string& library) {
  const auto entry = reinterpret_cast<ort::EntryPoint>(load_library(library).find(ort::kEntryPoint).address);
  const ort::ApiBase* const base = entry != nullptr ? entry() : nullptr;
  if (base == nullptr) {
    throw Error("'" + library + "' is not ONNX Runtime: it has no function " + ort::kEntryPoint +
                "; install it: " + kInstall);
  }
  return *base;
}

// Returns the second number of "1.24.1", or 0.
int read_minor(std::string_view version) {
  const auto dot = version.find('.');
  int minor = 0;
  if (dot != std::string_view::npos) {
    version.remove_prefix(dot + 1);
    std::from_chars(version.data(), version.data() + version.size(), minor);
  }
  return minor;
}

}  // namespace

std::string shorten_reason(std::string text) {
  text.resize(std::min(text.find('\n'), text.size()));
  constexpr std::size_t kMost = 400;
  if (text.size() > kMost) text = core::to_utf8(core::first_letters(text, kMost)) + " ...";
  return text;
}

LoggedError::LoggedError() noexcept : outer_(std::exchange(last_error, &text_)) {}

LoggedError::~LoggedError() {
  last_error = outer_;
}

// Never freed, because sessions of programs that exit without a clean shutdown still use it.
struct Runtime::Loaded {
  std::mutex mutex;
  forks::Hold<std::mutex> hold{mutex, forks::Order::Loading};
  std::map<std::string, std::unique_ptr<Runtime>> by_library;  // guarded by mutex
};

const Runtime& Runtime::load(const std::string& library) {
  auto& loaded = forks::ProcessWide<Loaded>::get();
  const std::scoped_lock lock(loaded.mutex);
  auto& runtime = loaded.by_library[library];
  if (!runtime) runtime.reset(new Runtime(library));
  return *runtime;
}

Runtime::Runtime(const std::string& library) {
  const auto& base = find_base(library);
  version_ = base.version();
  table_ = static_cast<const AnyFunction*>(base.get_api(ort::kApiVersion));
  if (table_ == nullptr) {
    throw Error("ONNX Runtime 1.20 or newer is required, found " + version_ + " in '" + library +
                "': " + kInstall + " --upgrade");
  }
  can_tell_nodes_ = read_minor(version_) >= ort::kVersionWithAssignment;
  call(ort::CreateEnvWithCustomLogger{}, &to_log, static_cast<void*>(nullptr), ort::kLogError, "freshframe",
       &env_);
  call(ort::DisableTelemetryEvents{}, env_);
  char** names = nullptr;
  int count = 0;
  call(ort::GetAvailableProviders{}, &names, &count);
  providers_.assign(names, names + count);
  call(ort::ReleaseAvailableProviders{}, names, count);
}

Runtime::~Runtime() = default;

std::string Runtime::read_message(ort::Status* status) const {
  // may contain arbitrary bytes of the file
  auto text = core::to_utf8(plain(ort::GetErrorMessage{}, status));
  plain(ort::ReleaseStatus{}, status);
  return text;
}

void Runtime::raise(ort::Status* status) const {
  throw Error(read_message(status));
}

}  // namespace freshframe::inference
