// Module freshframe._gil: Python bindings of gil_watch. Only this file uses the GIL: the probe runs on a
// Python thread.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"
#include <Python.h>

#include "freshframe/forks.hpp"

#include <algorithm>
#include <array>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "gil_module/callable_names.hpp"
#include "gil_module/text.hpp"
#include "gil_watch/cpython/gil_record.hpp"
#include "gil_watch/cpython/layout.hpp"
#include "gil_watch/cpython/python_frames.hpp"
#include "gil_watch/stacks/memory.hpp"
#include "gil_watch/watch/collections.hpp"
#include "gil_watch/watch/findings.hpp"
#include "gil_watch/watch/watcher.hpp"

#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

namespace nb = nanobind;

extern "C" {
// The interpreter's global state; its type is not in any public header.
PyAPI_DATA(struct pyruntimestate)
    _PyRuntime;  // NOLINT(bugprone-reserved-identifier,readability-identifier-naming)
}

namespace freshframe::gil {
namespace {

using python::python_text;

// Stalls waiting to be fetched by Python. If the program is blocked for long, some are dropped.
constexpr std::size_t kMaxPending = 4096;

Target find_target() {
  return {.gil = find_gil(PY_MINOR_VERSION, &_PyRuntime, PyInterpreterState_Get()),
          .types = {.code = &PyCode_Type, .integer = &PyLong_Type, .real = &PyFloat_Type},
          .pthread_id = find_pthread_id()};
}

/// The reason why watching is not supported here, or "" if it is.
std::string unsupported(Held& /*held*/) {
  if (compiled_free_threaded()) return "this Python is built without a GIL: no thread can hold it";
  if (PyInterpreterState_Get() != PyInterpreterState_Main()) return "this is a subinterpreter";
  if (std::string unreadable = why_unreadable(); !unreadable.empty()) return unreadable;
  std::string found = mismatch(&_PyRuntime);
  if (!found.empty()) return found;
  const Target target = find_target();
  if (target.gil == 0) return "its lock cannot be found";
  GilRecord gil{};
  unsigned long ident = 0;
  const bool mine = read_value(target.gil, gil) && gil.locked == 1 &&
                    read_value(gil.last_holder + compiled_layout().thread_ident, ident) &&
                    ident == PyThread_get_thread_ident();
  return mine ? "" : "its lock is laid out differently";
}

std::vector<std::tuple<std::string, std::string, int>> frames_now(Held& /*held*/) {
  const Target target = find_target();
  GilRecord gil{};
  std::vector<std::tuple<std::string, std::string, int>> found;
  if (!read_value(target.gil, gil)) return found;
  for (PythonFrame& frame : FrameReader(target.types).frames(gil.last_holder)) {
    found.emplace_back(std::move(frame.file), std::move(frame.function), frame.line);
  }
  return found;
}

// Added to gc.callbacks. The current Python frame is the one in which the collection began, because this C
// function has none.
void on_collection(Held& /*held*/, nb::handle phase) {
  const bool begins =
      PyUnicode_Check(phase.ptr()) && PyUnicode_CompareWithASCIIString(phase.ptr(), "start") == 0;
  if (!begins) return Collections::instance().end();
  const auto state = reinterpret_cast<std::uintptr_t>(detail::unchecked_thread_state());
  Collections::instance().begin(state, FrameReader::current_frame(state));
}

int line_of(Held& /*held*/, const nb::bytes& table, int first_line, std::size_t offset) {
  const std::string_view bytes(table.c_str(), table.size());
#if PY_VERSION_HEX < 0x030B0000
  return line_in_line_table(bytes, first_line, offset);
#else
  return line_in_location_table(bytes, first_line, offset);
#endif
}

class Watch {
 public:
  Watch(double threshold, double period, bool timer_only, bool calls_only)
      : watcher_(std::make_unique<Watcher>(
            find_target(),
            WatchOptions{.threshold = to_duration(threshold),
                         .period = to_duration(period),
                         .timer_only = timer_only,
                         .calls_only = calls_only},
            [this](Stall&& stall) { keep(std::move(stall)); },
            [this](Stall&& stall) {
              name_program(stall);
              Findings::instance().going_on(stall);
            })) {}
  ~Watch() {
    if (watcher_ != nullptr && pid_ != ::getpid()) leak();
  }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  void prepare() {
    names_ = collector_.all();
    called_ = sample_here();
  }
  void start(unsigned long ignored, std::vector<std::string> libraries) {
    libraries_ = std::move(libraries);
    Findings::instance().begin();
    watcher_->start(std::move(names_), ignored, std::move(called_));
  }
  void stop() {
    watcher_->stop();
    Collections::instance().end();
    const std::lock_guard lock(mutex_);
    if (summary_) return;
    summary_ = Findings::instance().summary();
    Findings::instance().end();
  }
  // A forked child has copies of the parent's objects but not its threads, so nothing can be joined or freed.
  void abandon() {
    summary_.emplace();
    Collections::instance().end();
    watcher_->abandon();
    leak();
  }
  [[nodiscard]] bool abandoned() const { return watcher_ == nullptr; }

  Probe::Wake sleep() {
    return watcher_->probe().sleep([this] {
      const std::lock_guard lock(mutex_);
      return !pending_.empty();
    });
  }
  void taken(Held& held);
  std::deque<Stall> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(pending_, {});
  }
  /// The findings of this watch, available even after it has ended and another has begun.
  Findings::Summary summary(std::size_t most) const {
    const std::lock_guard lock(mutex_);
    if (!summary_) return Findings::instance().summary(most);
    auto found = *summary_;
    found.culprits.resize(std::min(most, found.culprits.size()));
    return found;
  }
  void set_threshold(double seconds) { watcher_->set_threshold(to_duration(seconds)); }
  [[nodiscard]] double blind_until() const {
    return std::chrono::duration<double>(watcher_->blind_until().time_since_epoch()).count();
  }
  [[nodiscard]] bool has_open_stall() const { return watcher_->has_open_stall(); }
  [[nodiscard]] bool settle(double timeout) const { return watcher_->settle(to_duration(timeout)); }
  std::size_t kept() const {
    const std::lock_guard lock(mutex_);
    return kept_;
  }
  std::size_t lost() const {
    const std::lock_guard lock(mutex_);
    return lost_ + (watcher_ ? static_cast<std::size_t>(watcher_->lost()) : 0);
  }

 private:
  void leak() {
    Watcher* const leaked = watcher_.release();
    (void)leaked;
  }
  static Clock::duration to_duration(double seconds) {
    return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  }
  // Finds the innermost frame of the program's own code, outside of the standard library and installed
  // packages.
  void name_program(Stall& stall) const {
    const auto own = std::find_if(stall.python_frames.begin(), stall.python_frames.end(),
                                  [this](const PythonFrame& frame) { return is_own(frame.file); });
    if (own != stall.python_frames.end()) stall.program = *own;
  }
  [[nodiscard]] bool is_own(const std::string& file) const {
    const bool library = std::any_of(libraries_.begin(), libraries_.end(),
                                     [&](const std::string& folder) { return file.rfind(folder, 0) == 0; });
    return !library && file.rfind("<frozen ", 0) != 0 && file.find("/site-packages/") == std::string::npos &&
           file.find("/dist-packages/") == std::string::npos;
  }
  void keep(Stall&& stall) {
    name_program(stall);
    Findings::instance().add(stall);
    {
      const std::lock_guard lock(mutex_);
      if (pending_.size() >= kMaxPending) {
        ++lost_;
        return;
      }
      pending_.push_back(std::move(stall));
      ++kept_;
    }
    watcher_->probe().wake();
  }

  pid_t pid_ = ::getpid();
  mutable std::mutex mutex_;
  forks::Hold<std::mutex> hold_{mutex_};
  std::deque<Stall> pending_;                 // guarded by mutex_
  std::size_t kept_ = 0;                      // total number of stalls put in pending_; guarded by mutex_
  std::size_t lost_ = 0;                      // guarded by mutex_
  std::optional<Findings::Summary> summary_;  // the results, once the watch has ended; guarded by mutex_
  std::vector<std::string> libraries_;  // folders of others' code; set before the watcher's thread starts
  CallableNames names_;
  NameCollector collector_;
  StackSample called_;
  std::unique_ptr<Watcher> watcher_;
};

// The names of threads in Python's threading module.
Watcher::ThreadNames thread_names() {
  Watcher::ThreadNames names;
  try {
    // A copy, because reading a name runs Python code, and other threads may start and end in the meantime.
    const nb::list threads(nb::module_::import_("threading").attr("_active").attr("copy")().attr("values")());
    for (const nb::handle thread : threads) {
      names.emplace(nb::cast<pid_t>(thread.attr("native_id")), nb::cast<std::string>(thread.attr("name")));
    }
  } catch (const std::exception&) {
    return names;  // a thread's name is not a str: use the kernel's names instead
  }
  return names;
}

void Watch::taken(Held& /*held*/) {
  const Clock::time_point now = Clock::now();
  Probe& probe = watcher_->probe();
  if (now - probe.waiting_since() >= watcher_->threshold() / 4) {
    watcher_->name_threads(thread_names());
    watcher_->add_names(collector_.added());
  }
  probe.taken(now);
}

std::string place_of(const PythonFrame& frame) {
  return frame.file + ":" + std::to_string(frame.line) + ":" + frame.function;
}

// Names of threads, files and symbols are arbitrary bytes to the system. A name that is not UTF-8 must not
// stop the watch.
nb::object to_text_or_none(const std::string& bytes) {
  return bytes.empty() ? nb::none() : nb::object(python_text(bytes));
}

nb::tuple to_tuple(const Findings::Culprit& culprit) {
  return nb::make_tuple(to_text_or_none(culprit.native), to_text_or_none(culprit.python), culprit.count,
                        culprit.total, culprit.max, culprit.p50, to_text_or_none(culprit.program));
}

nb::tuple to_tuple(const Stall& stall) {
  const auto seconds = [](auto time) { return std::chrono::duration<double>(time).count(); };
  nb::list native;
  for (const NativeFrame& frame : stall.native_frames) native.append(python_text(frame.text()));
  nb::list python;
  for (const PythonFrame& frame : stall.python_frames) {
    python.append(nb::make_tuple(python_text(frame.file), frame.line, python_text(frame.function)));
  }
  constexpr std::array kKinds{"call", "collector", "bytecode"};  // Python names of StallKind
  return nb::make_tuple(
      seconds(stall.duration), seconds(stall.began.time_since_epoch()), python_text(stall.thread),
      stall.python_id, static_cast<long>(stall.native_id), to_text_or_none(stall.native), nb::tuple(native),
      nb::tuple(python), stall.blocked, stall.system_call, seconds(stall.share),
      stall.program ? nb::object(python_text(place_of(*stall.program))) : nb::none(),
      kKinds.at(static_cast<std::size_t>(stall.kind)), seconds(stall.delayed), seconds(stall.computed));
}

}  // namespace

template <>
// Only used by the watcher; its callback creates no Python object.
inline constexpr bool python_free<Watch> = true;

namespace {

void start(Held& held, Watch& self, unsigned long ignored, std::vector<std::string> libraries) {
  self.prepare();
  release(
      held,
      [](Watch* watch, unsigned long ident, std::vector<std::string> folders) {
        watch->start(ident, std::move(folders));
      },
      &self, ignored, std::move(libraries));
}

void stop(Held& held, Watch& self) {
  if (!self.abandoned()) release(held, [](Watch* watch) { watch->stop(); }, &self);
}

void abandon(Held& /*held*/, Watch& self) {
  if (!self.abandoned()) self.abandon();
}

std::optional<nb::list> serve(Held& held, Watch& self) {
  while (true) {
    const Probe::Wake why = release(held, [](Watch* watch) { return watch->sleep(); }, &self);
    self.taken(held);
    const std::deque<Stall> stalls = self.take();
    if (!stalls.empty()) {
      nb::list list;
      for (const Stall& stall : stalls) list.append(to_tuple(stall));
      return list;
    }
    if (why == Probe::Wake::Stop) return std::nullopt;
  }
}

nb::tuple summary(Held& /*held*/, Watch& self, std::size_t most) {
  const auto found = self.summary(most);
  nb::list culprits;
  for (const auto& culprit : found.culprits) culprits.append(to_tuple(culprit));
  return nb::make_tuple(found.stalls, found.stalled, culprits);
}

std::size_t lost(Held& /*held*/, Watch& self) {
  return self.lost();
}

void set_threshold(Held& /*held*/, Watch& self, double seconds) {
  if (!self.abandoned()) self.set_threshold(seconds);
}

// Does not release the GIL unless a stall is open, because this is called between any two of thousands of
// tests.
std::optional<std::size_t> settle(Held& held, Watch& self, double timeout) {
  if (self.abandoned()) return 0;
  if (self.has_open_stall()) {
    const bool settled = release(
        held, [](const Watch* watch, double seconds) { return watch->settle(seconds); }, &self, timeout);
    if (!settled) return std::nullopt;
  }
  return self.kept();
}

double blind_until(Held& /*held*/, Watch& self) {
  return self.abandoned() ? 0 : self.blind_until();
}

nb::capsule findings(Held& /*held*/) {
  static const FindingsTable table{[](const FindingsSink* sink) { Findings::instance().read(*sink); }};
  return {&table, kFindingsCapsule};
}

}  // namespace
}  // namespace freshframe::gil

NB_MODULE(_gil, module) {
  using namespace freshframe::gil;  // NOLINT(google-build-using-namespace)
  module.doc() = "The native part of freshframe.gil: finds the holder of the GIL.";
#ifdef FRESHFRAME_IN_PROGRAMS_OF_OTHERS
  // Users cannot do anything about objects that are still referenced at exit.
  nb::set_leak_warnings(false);
#endif
  module.def("unsupported", entry<&unsupported>,
             "The reason why the watch cannot run on this interpreter; empty if it can.");
  module.def("frames_now", entry<&frames_now>,
             "This thread's frames as (file, function, line), innermost first, read with the watch's "
             "offsets.");
  module.def("line_of", entry<&line_of>, nb::arg("table"), nb::arg("first_line"), nb::arg("offset"),
             "The line of a bytecode offset, from a code object's co_linetable; 0: none.");
  module.def(
      "on_collection", [](nb::handle phase, nb::handle /*info*/) { return entry<&on_collection>(phase); },
      nb::arg("phase"), nb::arg("info"),
      "For gc.callbacks: the collector notifies the watch of the beginning and the end of each collection.");
  module.def("findings", entry<&findings>,
             "The findings of the watch for native code: a capsule of FindingsTable.");
  nb::class_<Watch>(module, "Watch",
                    "The watcher thread and the data that it shares with the probe's thread.")
      .def(nb::init<double, double, bool, bool>(), nb::arg("threshold"), nb::arg("period") = 0.0,
           nb::arg("timer_only") = false, nb::arg("calls_only") = false,
           "Both times are in seconds. A period of 0 is derived from the threshold. timer_only does not "
           "use the kernel's sampling. With calls_only bytecode is never a stall, and a call that computes "
           "counts with its processor time.")
      .def(
          "start",
          [](Watch& self, unsigned long ignored, std::vector<std::string> libraries) {
            return entry<&start>(self, ignored, std::move(libraries));
          },
          nb::arg("ignored"), nb::arg("libraries") = std::vector<std::string>(),
          "Starts the watcher. `ignored` is the ident of the probe's thread. Files below `libraries` do "
          "not belong to the program.\n\nGIL: released while waiting")
      .def(
          "summary", [](Watch& self, std::size_t most) { return entry<&summary>(self, most); },
          nb::arg("most") = Findings::kMaxCulprits + 1,
          "The findings: the number of stalls, their seconds, and the culprits, the worst first, each as "
          "(native, python, count, total, max, p50, program).")
      .def(
          "serve", [](Watch& self) { return entry<&serve>(self); },
          "The loop of the probe's thread. Returns stalls, or None once the watch is stopped.\n\nGIL: "
          "released while waiting")
      .def(
          "stop", [](Watch& self) { return entry<&stop>(self); },
          "Ends the watcher's thread and makes serve() return.\n\nGIL: released while waiting")
      .def(
          "abandon", [](Watch& self) { return entry<&abandon>(self); },
          "Drops the threads in the child of a fork, where they do not exist.")
      .def(
          "set_threshold", [](Watch& self, double seconds) { return entry<&set_threshold>(self, seconds); },
          nb::arg("seconds"), "From now on; it also sets the time between two observations.")
      .def(
          "settle", [](Watch& self, double timeout) { return entry<&settle>(self, timeout); },
          nb::arg("timeout"),
          "Waits until the stall that is open now has been handed to serve(), at most `timeout` seconds. "
          "Returns the number of all stalls so far that serve() returns, or None after the timeout."
          "\n\nGIL: released while waiting")
      .def(
          "blind_until", [](Watch& self) { return entry<&blind_until>(self); },
          "time.monotonic() at the end of the latest time without an observation that was as long as the "
          "threshold; 0: there was none.")
      .def(
          "lost", [](Watch& self) { return entry<&lost>(self); },
          "The number of stalls that were dropped, because Python did not fetch them or memory was short.");
}
