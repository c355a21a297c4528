// The system's clock with an offset that another process or thread sets: preloaded, for `night.chaos`.
// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long none;
static volatile long* offset = &none;  // seconds

__attribute__((constructor)) static void find_offset(void) {
  const char* path = getenv("FRESHFRAME_TEST_CLOCK");
  int file = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return;
  void* page = mmap(NULL, sizeof(long), PROT_READ, MAP_SHARED, file, 0);
  if (page != MAP_FAILED) offset = page;
  close(file);
}

int clock_gettime(clockid_t clock, struct timespec* at) {
  static int (*real)(clockid_t, struct timespec*);
  if (real == NULL) real = dlsym(RTLD_NEXT, "clock_gettime");
  int failed = real(clock, at);
  if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) at->tv_sec += *offset;
  return failed;
}

int gettimeofday(struct timeval* at, void* zone) {
  (void)zone;
  struct timespec now;
  int failed = clock_gettime(CLOCK_REALTIME, &now);
  at->tv_sec = now.tv_sec;
  at->tv_usec = now.tv_nsec / 1000;
  return failed;
}

time_t time(time_t* at) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (at != NULL) *at = now.tv_sec;
  return now.tv_sec;
}

// A deadline by the system's clock; one by the monotonic clock is smaller by decades.
static struct timespec real_deadline(const struct timespec* until) {
  struct timespec real = *until;
  if (real.tv_sec > 1000000000) real.tv_sec -= *offset;
  return real;
}

int pthread_cond_timedwait(pthread_cond_t* condition, pthread_mutex_t* mutex, const struct timespec* until) {
  static int (*real)(pthread_cond_t*, pthread_mutex_t*, const struct timespec*);
  if (real == NULL) real = dlsym(RTLD_NEXT, "pthread_cond_timedwait");
  struct timespec deadline = real_deadline(until);
  return real(condition, mutex, &deadline);
}

int sem_timedwait(sem_t* semaphore, const struct timespec* until) {
  static int (*real)(sem_t*, const struct timespec*);
  if (real == NULL) real = dlsym(RTLD_NEXT, "sem_timedwait");
  struct timespec deadline = real_deadline(until);
  return real(semaphore, &deadline);
}
