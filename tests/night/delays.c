// Threads that hesitate at random where they meet others: preloaded, for `./dev night --part delays`.
// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static uint64_t seed;  // 0: no thread hesitates

__attribute__((constructor)) static void begin(void) {
  const char* text = getenv("FRESHFRAME_TEST_DELAYS");
  if (text != NULL) seed = strtoull(text, NULL, 10);
}

// dlsym() may find the old version of a condition variable's functions. It asks for memory when it finds none, which a
// malloc that begins with a lock does not survive.
static void* real(const char* name, int has_versions) {
  void* found = has_versions ? dlvsym(RTLD_NEXT, name, "GLIBC_2.3.2") : NULL;
  return found != NULL ? found : dlsym(RTLD_NEXT, name);
}

// One time in 32 another thread may run; one in 512 it has 0.1 ms, and one in 8192 has 3 ms.
static void hesitate(void) {
  static __thread uint64_t state;
  if (seed == 0) return;
  if (state == 0) state = (seed * 0x9E3779B97F4A7C15u) ^ ((uint64_t)gettid() * 0xBF58476D1CE4E5B9u) ^ 1u;
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  const uint64_t chance = state >> 20;
  if (chance % 32 != 0) return;
  if (chance % 512 != 0) {
    sched_yield();
    return;
  }
  struct timespec pause = {0, chance % 8192 == 0 ? 3000000 : 100000};
  nanosleep(&pause, NULL);
}

#define REAL(name, has_versions, ...) \
  static int (*call)(__VA_ARGS__);    \
  if (call == NULL) call = (int (*)(__VA_ARGS__))real(#name, has_versions)

int pthread_mutex_lock(pthread_mutex_t* mutex) {
  REAL(pthread_mutex_lock, 0, pthread_mutex_t*);
  hesitate();
  return call(mutex);
}

int pthread_mutex_unlock(pthread_mutex_t* mutex) {
  REAL(pthread_mutex_unlock, 0, pthread_mutex_t*);
  const int failed = call(mutex);
  hesitate();
  return failed;
}

int pthread_cond_signal(pthread_cond_t* condition) {
  REAL(pthread_cond_signal, 1, pthread_cond_t*);
  hesitate();
  return call(condition);
}

int pthread_cond_broadcast(pthread_cond_t* condition) {
  REAL(pthread_cond_broadcast, 1, pthread_cond_t*);
  hesitate();
  return call(condition);
}

int pthread_cond_wait(pthread_cond_t* condition, pthread_mutex_t* mutex) {
  REAL(pthread_cond_wait, 1, pthread_cond_t*, pthread_mutex_t*);
  const int failed = call(condition, mutex);
  hesitate();
  return failed;
}

int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*routine)(void*),
                   void* argument) {
  REAL(pthread_create, 0, pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  const int failed = call(thread, attributes, routine, argument);
  for (int times = 0; times < 16; ++times) hesitate();
  return failed;
}
