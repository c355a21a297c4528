// The memory, the counters and the faults of the fake GPU.
//
// Its memory is a memory file that is mapped twice. The addresses that callers get are not readable or writable, so
// that host code that touches a plane on the GPU ends with SIGSEGV, as on a real one. The fake uses the other mapping.
// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "card.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const char* const kCountNames[kCounts] = {"pictures",
                                                 "skipped",
                                                 "decoders",
                                                 "made decoders",
                                                 "most decoders",
                                                 "mapped",
                                                 "most mapped",
                                                 "buffers",
                                                 "bytes",
                                                 "most bytes",
                                                 "contexts",
                                                 "contexts held in vain",
                                                 "streams",
                                                 "bytes to host",
                                                 "bytes to device",
                                                 "bytes on device",
                                                 "calls without context",
                                                 "calls after fork",
                                                 "maps without surface",
                                                 "status asked",
                                                 "blocking contexts"};
static atomic_long counts[kCounts];

void card_add(Count count, long number) {
  counts[count] += number;
}

void card_note_most(Count most, Count of) {
  const long now = counts[of];
  long before = counts[most];
  while (now > before && !atomic_compare_exchange_weak(&counts[most], &before, now)) {
  }
}

long card_count(Count count) {
  return counts[count];
}

// ---- what tests call

enum { kLongestFaults = 256 };
static char faults[kLongestFaults];

/// Sets the faults "word,word:N" (see __init__.py), also while a program runs.
void fake_card(const char* text) {
  snprintf(faults, sizeof faults, "%s", text ? text : "");
}

/// Returns -1 for an unknown name.
long fake_card_count(const char* name) {
  for (int i = 0; i < kCounts; ++i) {
    if (strcmp(name, kCountNames[i]) == 0) return counts[i];
  }
  return -1;
}

__attribute__((constructor)) static void begin(void) {
  fake_card(getenv("FAKE_CARD"));
}

__attribute__((destructor)) static void report(void) {
  if (getenv("FAKE_CARD_REPORT") == NULL || !card_is_own_process()) return;
  fprintf(stderr, "fake card:");
  for (int i = 0; i < kCounts; ++i) {
    if (counts[i] != 0) fprintf(stderr, " %s %ld;", kCountNames[i], counts[i]);
  }
  fprintf(stderr, "\n");
}

// ---- faults

long card_fault(const char* name) {
  const size_t length = strlen(name);
  for (const char* at = faults; *at != '\0';) {
    if (strncmp(at, name, length) == 0) {
      if (at[length] == ':') return atol(at + length + 1);
      if (at[length] == ',' || at[length] == '\0') return 1;
    }
    at += strcspn(at, ",");
    if (*at == ',') ++at;
  }
  return -1;
}

int card_hits(const char* name, unsigned number) {
  const long every = card_fault(name);
  return every > 0 && number % every == every - 1;
}

static pid_t owner;  // the process that initialised the driver

void card_own_process(void) {
  owner = getpid();
}

int card_is_own_process(void) {
  return owner == 0 || owner == getpid();
}

Result card_state(void) {
  if (card_fault("none") >= 0) return kNoDevice;
  if (owner == 0) return kNotInitialized;
  if (owner != getpid()) {
    card_add(kCallsAfterFork, 1);
    return kNotInitialized;
  }
  const long most = card_fault("lost");
  return most >= 0 && counts[kPictures] >= most ? kUnknown : kSuccess;
}

Result card_state_in_context(void) {
  const Result result = card_state();
  if (result == kSuccess && !card_has_context()) {
    card_add(kCallsWithoutContext, 1);
    return kInvalidContext;
  }
  return result;
}

// ---- memory

enum { kMostBlocks = 16384, kPage = 4096 };
static const size_t kArena = (size_t)8 << 30;  // addresses: pages are allocated at the first write

typedef struct {
  size_t at, bytes;
  int taken;
} Block;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static char *guarded, *own;
static size_t used;
static Block blocks[kMostBlocks];
static int block_count;

static void make_arena(void) {
  const int file = memfd_create("fake-card", MFD_CLOEXEC);
  if (file < 0 || ftruncate(file, (off_t)kArena) != 0) abort();
  own = mmap(NULL, kArena, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, file, 0);
  guarded = mmap(NULL, kArena, PROT_NONE, MAP_SHARED | MAP_NORESERVE, file, 0);
  if (own == MAP_FAILED || guarded == MAP_FAILED) abort();
  close(file);
}

int card_is_on_device(const void* place) {
  const char* const at = place;
  return guarded != NULL && at >= guarded && at < guarded + kArena;
}

void* card_view(DeviceAddress memory) {
  char* const at = (char*)memory;
  return card_is_on_device(at) ? own + (at - guarded) : at;
}

static Block* free_block(size_t bytes) {
  for (int i = 0; i < block_count; ++i) {
    if (!blocks[i].taken && blocks[i].bytes == bytes) return &blocks[i];
  }
  if (block_count == kMostBlocks || used + bytes > kArena) return NULL;
  Block* const made = &blocks[block_count++];
  made->at = used;
  made->bytes = bytes;
  used += bytes;
  return made;
}

DeviceAddress card_take(size_t bytes) {
  bytes = (bytes + kPage - 1) & ~(size_t)(kPage - 1);
  const long most = card_fault("memory");  // MiB
  DeviceAddress found = 0;
  pthread_mutex_lock(&mutex);
  if (own == NULL) make_arena();
  const int fits = most < 0 || counts[kBytes] + (long)bytes <= most << 20;
  Block* const block = fits ? free_block(bytes) : NULL;
  if (block != NULL) {
    block->taken = 1;
    found = (DeviceAddress)(guarded + block->at);
    card_add(kBuffers, 1);
    card_add(kBytes, (long)bytes);
    card_note_most(kMostBytes, kBytes);
  }
  pthread_mutex_unlock(&mutex);
  return found;
}

void card_give(DeviceAddress memory) {
  enum { kGone = 0xdd };
  card_finish();
  pthread_mutex_lock(&mutex);
  for (int i = 0; i < block_count; ++i) {
    if (!blocks[i].taken || guarded + blocks[i].at != (char*)memory) continue;
    memset(own + blocks[i].at, kGone, blocks[i].bytes);  // makes reads after the free visible
    blocks[i].taken = 0;
    card_add(kBuffers, -1);
    card_add(kBytes, -(long)blocks[i].bytes);
  }
  pthread_mutex_unlock(&mutex);
}
