// Caches recently used lists of class names, each with its tuple.
// SPDX-License-Identifier: Apache-2.0
#include "bindings/results/class_names.hpp"

#include "freshframe/error.hpp"
#include "freshframe/forks.hpp"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "bindings/border/text.hpp"

#include <nanobind/stl/vector.h>

namespace nb = nanobind;

namespace freshframe::python {
namespace {

// A program has a few detectors. The most recently used list is last.
constexpr std::size_t kMostKnown = 16;

struct KnownNames {
  ClassNames names;
  PyObject* tuple = nullptr;  // owned
};

// Never destroyed, since that would need the GIL. No Python code runs while its mutex is held.
class NamesCache {
 public:
  nb::object find_tuple(const ClassNames& names) {
    const std::lock_guard lock(mutex_);
    const auto* const known = used_locked([&](const KnownNames& each) { return each.names == names; });
    return known != nullptr ? nb::borrow(known->tuple) : nb::object();
  }
  ClassNames find_names(nb::handle tuple) {
    const std::lock_guard lock(mutex_);
    const auto* const known = used_locked([&](const KnownNames& each) { return each.tuple == tuple.ptr(); });
    return known != nullptr ? known->names : nullptr;
  }
  void add(const ClassNames& names, nb::handle tuple) {
    nb::object oldest;  // destroyed without the lock
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    if (known_.size() == kMostKnown) {
      oldest = nb::steal(known_.front().tuple);
      known_.erase(known_.begin());
    }
    known_.push_back({names, Py_NewRef(tuple.ptr())});
  }
  void close() {
    std::vector<KnownNames> dropped;
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
      dropped.swap(known_);
    }
    for (const auto& each : dropped) Py_DECREF(each.tuple);
  }

 private:
  template <class Same>
  const KnownNames* used_locked(const Same& same) {
    const auto found = std::find_if(known_.begin(), known_.end(), same);
    if (found == known_.end()) return nullptr;
    std::rotate(found, found + 1, known_.end());
    return &known_.back();
  }

  std::mutex mutex_;
  forks::Hold<std::mutex> hold_{mutex_};
  std::vector<KnownNames> known_;  // guarded by mutex_
  bool closed_ = false;            // guarded by mutex_
};

// Caches lists of class names from other processes, by their encoded bytes.
class ReceivedNames {
 public:
  template <class Make>
  [[nodiscard]] ClassNames get(std::span<const std::byte> bytes, const Make& make) {
    const std::lock_guard lock(mutex_);
    const auto found = std::find_if(known_.begin(), known_.end(), [&](const auto& each) {
      return std::equal(each.first.begin(), each.first.end(), bytes.begin(), bytes.end());
    });
    if (found != known_.end()) return found->second;
    if (known_.size() == kMostKnown) known_.erase(known_.begin());
    known_.emplace_back(std::vector<std::byte>(bytes.begin(), bytes.end()), make());
    return known_.back().second;
  }

 private:
  std::mutex mutex_;
  forks::Hold<std::mutex> hold_{mutex_};
  std::vector<std::pair<std::vector<std::byte>, ClassNames>> known_;  // guarded by mutex_
};

}  // namespace

nb::object names_to_python(gil::Held& held, const ClassNames& names) {
  held.check();
  if (!names) return nb::none();
  auto& cache = forks::ProcessWide<NamesCache>::get();
  if (auto known = cache.find_tuple(names); known.is_valid()) return known;
  nb::list list;
  for (const auto& name : *names) list.append(python_text(name));  // possibly not UTF-8
  nb::tuple tuple(list);
  cache.add(names, tuple);
  return tuple;
}

ClassNames names_from_python(gil::Held& held, nb::handle tuple) {
  held.check();
  if (tuple.is_none()) return nullptr;
  auto& cache = forks::ProcessWide<NamesCache>::get();
  if (auto known = cache.find_names(tuple)) return known;
  std::vector<std::string> names;
  if (PyTuple_Check(tuple.ptr()) == 0 || !nb::try_cast(tuple, names)) {
    throw OptionTypeError(std::string("Detections.names must be a tuple of str, or None, got ") +
                          nb::repr(tuple).c_str());
  }
  auto shared = std::make_shared<const std::vector<std::string>>(std::move(names));
  cache.add(shared, tuple);
  return shared;
}

std::vector<std::byte> names_to_bytes(const ClassNames& names) {
  std::vector<std::byte> bytes;
  if (!names) return bytes;
  for (const auto& name : *names) {
    const auto text = std::as_bytes(std::span(name.c_str(), std::strlen(name.c_str()) + 1));
    bytes.insert(bytes.end(), text.begin(), text.end());
  }
  return bytes;
}

ClassNames names_from_bytes(std::span<const std::byte> bytes) {
  return forks::ProcessWide<ReceivedNames>::get().get(bytes, [&] {
    std::vector<std::string> names;
    std::string name;
    for (const auto byte : bytes) {
      if (byte != std::byte{0}) {
        name.push_back(static_cast<char>(byte));
      } else {
        names.push_back(std::exchange(name, {}));
      }
    }
    return std::make_shared<const std::vector<std::string>>(std::move(names));
  });
}

void forget_class_names(gil::Held& held) {
  held.check();
  forks::ProcessWide<NamesCache>::get().close();
}

}  // namespace freshframe::python
