// The functions that a program calls: those that -fsanitize=thread inserts before each access, and the
// functions of libc and libstdc++ for mutexes, conditions, the clock and memory. They are all defined here
// instead, and ask the scheduler.
//
// The engine's sources are compiled with -fsanitize=thread and linked without the sanitizer's library. So
// they do not depend on the scheduler, and the tested code is the code of the product.
// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <optional>

#include "scheduler.hpp"
#include <malloc.h>
#include <pthread.h>
#include <time.h>

// The names, types and exception specifications are those of the sanitizer and the C library. An exception
// here ends the execution of a program that has failed.
// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming,bugprone-exception-escape)
// NOLINTBEGIN(bugprone-multi-level-implicit-pointer-conversion,bugprone-macro-parentheses)

namespace {

using freshframe::interleave::Inside;
using freshframe::interleave::Operation;
using freshframe::interleave::scheduler;

std::int64_t nanoseconds(const timespec& time) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  return time.tv_sec * kSecond + time.tv_nsec;
}

void access(const volatile void* memory, std::size_t bytes, bool writes, const void* place) {
  if (!Inside::watches) return;
  const Inside inside;
  scheduler().access({reinterpret_cast<std::uintptr_t>(memory), bytes, writes, place});
}

int wait_on(const void* condition, const void* mutex, std::optional<std::int64_t> deadline,
            const void* place) {
  if (!Inside::watches) std::abort();  // not a thread of the program: nothing would wake it
  const Inside inside;
  return scheduler().wait(condition, mutex, deadline, place) ? ETIMEDOUT : 0;
}

void notify(const void* condition, bool all, const void* place) {
  if (!Inside::watches) return;
  const Inside inside;
  scheduler().notify(condition, all, place);
}

bool acquires(int order) {
  return order == __ATOMIC_CONSUME || order == __ATOMIC_ACQUIRE || order >= __ATOMIC_ACQ_REL;
}
bool releases(int order) {
  return order >= __ATOMIC_RELEASE;
}

/// Runs `work` as one operation on an atomic object. Values are always sequentially consistent. The memory
/// order only decides what counts as a race.
template <class Work>
auto atomic(Operation operation, const volatile void* object, int order, const void* place, Work work) {
  if (!Inside::watches) return work();
  const Inside inside;
  const auto* const plain = const_cast<const void*>(object);
  scheduler().begin_atomic(operation, plain, place);
  auto result = work();
  scheduler().end_atomic(operation, plain, acquires(order), releases(order));
  return result;
}

template <class T>
bool exchange_if(volatile T* object, T* expected, T next, int order, const void* place) {
  return atomic(Operation::Change, object, order, place, [=] {
    const T before = *object;
    if (before == *expected) {
      *object = next;
      return true;
    }
    *expected = before;
    return false;
  });
}

void* allocate(std::size_t bytes, std::size_t align) {
  const auto whole = (bytes + align - 1) / align * align;
  void* const memory = align <= alignof(std::max_align_t) ? std::malloc(bytes == 0 ? 1 : bytes)
                                                          : std::aligned_alloc(align, whole);
  if (memory == nullptr) std::abort();
  if (Inside::watches) {
    const Inside inside;
    scheduler().allocated(memory, bytes);
  }
  return memory;
}

void release(void* memory) {
  if (memory == nullptr) return;
  if (Inside::watches) {
    const Inside inside;
    if (scheduler().keeps_freed(memory, malloc_usable_size(memory))) return;
  }
  std::free(memory);
}

}  // namespace

#pragma GCC visibility push(default)

void* operator new(std::size_t bytes) {
  return allocate(bytes, 1);
}
void* operator new(std::size_t bytes, std::align_val_t align) {
  return allocate(bytes, static_cast<std::size_t>(align));
}
void operator delete(void* memory) noexcept {
  release(memory);
}
void operator delete(void* memory, std::size_t /*bytes*/) noexcept {
  release(memory);
}
void operator delete(void* memory, std::align_val_t /*align*/) noexcept {
  release(memory);
}
void operator delete(void* memory, std::size_t /*bytes*/, std::align_val_t /*align*/) noexcept {
  release(memory);
}

std::chrono::steady_clock::time_point std::chrono::steady_clock::now() noexcept {
  if (!Inside::watches) return time_point(duration(freshframe::interleave::now_ns()));
  const Inside inside;
  return time_point(duration(scheduler().look_at_clock()));
}

#define FRESHFRAME_PLACE __builtin_return_address(0)

extern "C" {

int pthread_mutex_lock(pthread_mutex_t* mutex) noexcept {
  if (!Inside::watches) return 0;
  const Inside inside;
  scheduler().lock(mutex, FRESHFRAME_PLACE);
  return 0;
}
int pthread_mutex_trylock(pthread_mutex_t* mutex) noexcept {
  if (!Inside::watches) return 0;
  const Inside inside;
  return scheduler().try_lock(mutex, FRESHFRAME_PLACE) ? 0 : EBUSY;
}
int pthread_mutex_unlock(pthread_mutex_t* mutex) noexcept {
  if (!Inside::watches) return 0;
  const Inside inside;
  scheduler().unlock(mutex, FRESHFRAME_PLACE);
  return 0;
}
int pthread_mutex_destroy(pthread_mutex_t* /*mutex*/) noexcept {
  return 0;
}
int pthread_cond_wait(pthread_cond_t* condition, pthread_mutex_t* mutex) {
  return wait_on(condition, mutex, std::nullopt, FRESHFRAME_PLACE);
}
int pthread_cond_timedwait(pthread_cond_t* condition, pthread_mutex_t* mutex, const timespec* deadline) {
  return wait_on(condition, mutex, nanoseconds(*deadline), FRESHFRAME_PLACE);
}
int pthread_cond_clockwait(pthread_cond_t* condition, pthread_mutex_t* mutex, clockid_t /*clock*/,
                           const timespec* deadline) {
  return wait_on(condition, mutex, nanoseconds(*deadline), FRESHFRAME_PLACE);
}
int pthread_cond_signal(pthread_cond_t* condition) noexcept {
  notify(condition, false, FRESHFRAME_PLACE);
  return 0;
}
int pthread_cond_broadcast(pthread_cond_t* condition) noexcept {
  notify(condition, true, FRESHFRAME_PLACE);
  return 0;
}
int pthread_cond_destroy(pthread_cond_t* /*condition*/) noexcept {
  return 0;
}

// ---- of -fsanitize=thread

void __tsan_init() {}
void __tsan_func_entry(void* caller) {
  if (!Inside::watches) return;
  const Inside inside;
  scheduler().enter_function(caller);
}
void __tsan_func_exit() {
  if (!Inside::watches) return;
  const Inside inside;
  scheduler().leave_function();
}

#define FRESHFRAME_ACCESSES(bytes)                        \
  void __tsan_read##bytes(void* memory) {                 \
    access(memory, bytes, false, FRESHFRAME_PLACE);       \
  }                                                       \
  void __tsan_write##bytes(void* memory) {                \
    access(memory, bytes, true, FRESHFRAME_PLACE);        \
  }                                                       \
  void __tsan_unaligned_read##bytes(void* memory) {       \
    access(memory, bytes, false, FRESHFRAME_PLACE);       \
  }                                                       \
  void __tsan_unaligned_write##bytes(void* memory) {      \
    access(memory, bytes, true, FRESHFRAME_PLACE);        \
  }                                                       \
  void __tsan_volatile_read##bytes(void* memory) {        \
    access(memory, bytes, false, FRESHFRAME_PLACE);       \
  }                                                       \
  void __tsan_volatile_write##bytes(void* memory) {       \
    access(memory, bytes, true, FRESHFRAME_PLACE);        \
  }                                                       \
  void __tsan_read_write##bytes(void* memory) {           \
    access(memory, bytes, true, FRESHFRAME_PLACE);        \
  }                                                       \
  void __tsan_unaligned_read_write##bytes(void* memory) { \
    access(memory, bytes, true, FRESHFRAME_PLACE);        \
  }
FRESHFRAME_ACCESSES(1)
FRESHFRAME_ACCESSES(2)
FRESHFRAME_ACCESSES(4)
FRESHFRAME_ACCESSES(8)
FRESHFRAME_ACCESSES(16)
void __tsan_read_range(void* memory, std::size_t bytes) {
  access(memory, bytes, false, FRESHFRAME_PLACE);
}
void __tsan_write_range(void* memory, std::size_t bytes) {
  access(memory, bytes, true, FRESHFRAME_PLACE);
}
void __tsan_vptr_read(void** memory) {
  access(memory, sizeof(void*), false, FRESHFRAME_PLACE);
}
void __tsan_vptr_update(void** memory, void* /*next*/) {
  access(memory, sizeof(void*), true, FRESHFRAME_PLACE);
}
// clang calls these functions
void* __tsan_memcpy(void* to, const void* from, std::size_t bytes) {
  access(from, bytes, false, FRESHFRAME_PLACE);
  access(to, bytes, true, FRESHFRAME_PLACE);
  return std::memcpy(to, from, bytes);
}
void* __tsan_memmove(void* to, const void* from, std::size_t bytes) {
  access(from, bytes, false, FRESHFRAME_PLACE);
  access(to, bytes, true, FRESHFRAME_PLACE);
  return std::memmove(to, from, bytes);
}
void* __tsan_memset(void* to, int value, std::size_t bytes) {
  access(to, bytes, true, FRESHFRAME_PLACE);
  return std::memset(to, value, bytes);
}

#define FRESHFRAME_CHANGES(bits, T, name, result)                           \
  T __tsan_atomic##bits##_##name(volatile T* object, T value, int order) {  \
    return atomic(Operation::Change, object, order, FRESHFRAME_PLACE, [=] { \
      const T before = *object;                                             \
      *object = static_cast<T>(result);                                     \
      return before;                                                        \
    });                                                                     \
  }
#define FRESHFRAME_ATOMICS(bits, T)                                                                     \
  T __tsan_atomic##bits##_load(const volatile T* object, int order) {                                   \
    return atomic(Operation::Load, object, order, FRESHFRAME_PLACE, [=] { return *object; });           \
  }                                                                                                     \
  void __tsan_atomic##bits##_store(volatile T* object, T value, int order) {                            \
    atomic(Operation::Store, object, order, FRESHFRAME_PLACE, [=] {                                     \
      *object = value;                                                                                  \
      return 0;                                                                                         \
    });                                                                                                 \
  }                                                                                                     \
  FRESHFRAME_CHANGES(bits, T, exchange, value)                                                          \
  FRESHFRAME_CHANGES(bits, T, fetch_add, before + value)                                                \
  FRESHFRAME_CHANGES(bits, T, fetch_sub, before - value)                                                \
  FRESHFRAME_CHANGES(bits, T, fetch_or, before | value)                                                 \
  FRESHFRAME_CHANGES(bits, T, fetch_and, before& value)                                                 \
  int __tsan_atomic##bits##_compare_exchange_strong(volatile T* object, T* expected, T next, int order, \
                                                    int /*of a failure*/) {                             \
    return exchange_if(object, expected, next, order, FRESHFRAME_PLACE) ? 1 : 0;                        \
  }                                                                                                     \
  int __tsan_atomic##bits##_compare_exchange_weak(volatile T* object, T* expected, T next, int order,   \
                                                  int /*of a failure*/) {                               \
    return exchange_if(object, expected, next, order, FRESHFRAME_PLACE) ? 1 : 0;                        \
  }                                                                                                     \
  T __tsan_atomic##bits##_compare_exchange_val(volatile T* object, T expected, T next, int order,       \
                                               int /*of a failure*/) {                                  \
    exchange_if(object, &expected, next, order, FRESHFRAME_PLACE);                                      \
    return expected;                                                                                    \
  }
FRESHFRAME_ATOMICS(8, std::uint8_t)
FRESHFRAME_ATOMICS(16, std::uint16_t)
FRESHFRAME_ATOMICS(32, std::uint32_t)
FRESHFRAME_ATOMICS(64, std::uint64_t)
void __tsan_atomic_thread_fence(int /*order*/) {}
void __tsan_atomic_signal_fence(int /*order*/) {}

}  // extern "C"

// NOLINTEND(bugprone-multi-level-implicit-pointer-conversion,bugprone-macro-parentheses)
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming,bugprone-exception-escape)

#pragma GCC visibility pop
