// An ONNX Runtime with a CUDA provider for the fake GPU: the real library with functions of its API table replaced,
// namely those that deal with GPU memory. The operators run on the CPU, using the fake's own mapping of that memory.
//
// GPU memory that is passed as host memory stays unreadable, so this mistake ends with SIGSEGV, as with a real GPU.
// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "card.h"
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Status Status;
typedef void (*Function)(void);
typedef struct {
  const void* (*get_api)(uint32_t version);
  const char* (*version)(void);
} ApiBase;

// Indices into the API table, which are stable across versions.
enum {
  kCreateStatus = 0,
  kCreateSessionFromArray = 8,
  kCreateTensorWithData = 49,
  kCreateMemoryInfo = 68,
  kCreateCpuMemoryInfo = 69,
  kReleaseMemoryInfo = 94,
  kGetAvailableProviders = 125,
  kReleaseAvailableProviders = 126,
  kAddConfigEntry = 130,
  kAppendTensorrt = 170,
  kCreateTensorrtOptions = 171,
  kUpdateTensorrtOptions = 172,
  kReleaseTensorrtOptions = 174,
  kAppendCuda = 204,
  kCreateCudaOptions = 205,
  kUpdateCudaOptions = 206,
  kReleaseCudaOptions = 208,
  kSubgraphGetProvider = 408,  // from 1.24 on
  kPlaces = 413
};
static Function table[kPlaces];
static const Function* truth;

static Status* fail(const char* message) {
  enum { kFail = 1 };
  return ((Status * (*)(int, const char*)) truth[kCreateStatus])(kFail, message);
}

// ---- memory

enum { kMostInfos = 256 };
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static const void* card_infos[kMostInfos];

static int swap_info(const void* from, const void* to) {
  int found = 0;
  pthread_mutex_lock(&mutex);
  for (int i = 0; i < kMostInfos && !found; ++i) {
    if (card_infos[i] != from) continue;
    card_infos[i] = to;
    found = 1;
  }
  pthread_mutex_unlock(&mutex);
  return found;
}

static Status* create_memory_info(const char* name, int allocator, int card, int kind, void** info) {
  if (strcmp(name, "Cuda") != 0) return fail("the fake card's runtime knows Cuda alone");
  (void)card;
  Status* const status =
      ((Status * (*)(int, int, void**)) truth[kCreateCpuMemoryInfo])(allocator, kind, info);
  if (status == NULL && !swap_info(NULL, *info)) abort();
  return status;
}

static void release_memory_info(void* info) {
  if (info != NULL) swap_info(info, NULL);
  ((void (*)(void*))truth[kReleaseMemoryInfo])(info);
}

static Status* create_tensor(const void* info, void* data, size_t bytes, const int64_t* shape, size_t axes,
                             int element, void** value) {
  const int on_card = swap_info(info, info);
  void* const view = on_card ? card_view((DeviceAddress)data) : data;
  static atomic_uint planes;
  if (view != data) {
    const unsigned number = planes++;
    if (card_hits("loses", number)) fake_card("lost:0");
    if (card_state() != kSuccess) return fail("CUDA failure 999: unknown error");
    if (card_hits("full", number))
      return fail("Failed to allocate memory for requested buffer of size 4915200");
  }
  return ((Status * (*)(const void*, void*, size_t, const int64_t*, size_t, int, void**))
              truth[kCreateTensorWithData])(info, view, bytes, shape, axes, element, value);
}

// ---- the provider

static char* providers[] = {"CUDAExecutionProvider", "CPUExecutionProvider", "TensorrtExecutionProvider"};

static Status* get_providers(char*** names, int* count) {
  *names = providers;
  *count = sizeof providers / sizeof *providers;
  return NULL;
}

static Status* release_providers(char** names, int count) {
  (void)names;
  (void)count;
  return NULL;
}

static Status* create_options(void** options) {
  *options = malloc(1);
  return NULL;
}

// Set if the session must not fall back to the CPU: only then does ONNX Runtime report a missing operator.
static _Thread_local const void* strict_options;

static Status* add_config_entry(void* options, const char* name, const char* value) {
  if (strcmp(name, "session.disable_cpu_ep_fallback") == 0) {
    strict_options = options;
    return NULL;
  }
  return ((Status * (*)(void*, const char*, const char*)) truth[kAddConfigEntry])(options, name, value);
}

static Status* update_options(void* options, const char* const* names, const char* const* values,
                              size_t count) {
  (void)options;
  char message[256];
  for (size_t i = 0; i < count; ++i) {
    const int is_card = strcmp(names[i], "device_id") == 0;
    if (is_card && strcmp(values[i], "0") == 0) continue;
    if (!is_card && strcmp(names[i], "enable_cuda_graph") == 0) continue;
    snprintf(message, sizeof message,
             is_card ? "Failed to parse provider option \"%s\": no such device"
                     : "Unknown provider option: \"%s\".",
             names[i]);
    return fail(message);
  }
  return NULL;
}

// The operators run on the CPU, but programs see a GPU. TensorRT does not get any.
static Status* get_provider(const void* subgraph, const char** name) {
  (void)subgraph;
  *name = providers[0];
  return NULL;
}

static void release_options(void* options) {
  free(options);
}

static Status* append(void* session_options, const void* options) {
  (void)session_options;
  (void)options;
  return NULL;
}

static Status* create_session(const void* environment, const void* model, size_t bytes, const void* options,
                              void** session) {
  if (card_fault("no_kernel") >= 0 && options == strict_options) {
    return fail(
        "This session contains graph nodes that are assigned to the default CPU EP, but fallback to CPU EP has been "
        "explicitly disabled by the user.");
  }
  return ((Status * (*)(const void*, const void*, size_t, const void*, void**))
              truth[kCreateSessionFromArray])(environment, model, bytes, options, session);
}

static const ApiBase* base;

static const void* get_api(uint32_t version) {
  truth = base->get_api(version);
  if (truth == NULL) return NULL;
  memcpy(table, truth, sizeof table);  // requires ONNX Runtime 1.24 or newer, which the tests have
  table[kCreateSessionFromArray] = (Function)create_session;
  table[kCreateTensorWithData] = (Function)create_tensor;
  table[kCreateMemoryInfo] = (Function)create_memory_info;
  table[kReleaseMemoryInfo] = (Function)release_memory_info;
  table[kGetAvailableProviders] = (Function)get_providers;
  table[kReleaseAvailableProviders] = (Function)release_providers;
  table[kAppendCuda] = table[kAppendTensorrt] = (Function)append;
  table[kCreateCudaOptions] = table[kCreateTensorrtOptions] = (Function)create_options;
  table[kUpdateCudaOptions] = table[kUpdateTensorrtOptions] = (Function)update_options;
  table[kSubgraphGetProvider] = (Function)get_provider;
  table[kAddConfigEntry] = (Function)add_config_entry;
  table[kReleaseCudaOptions] = table[kReleaseTensorrtOptions] = (Function)release_options;
  return table;
}

/// FAKE_CARD_RUNTIME is the path of the real library.
const ApiBase* OrtGetApiBase(void) {
  static ApiBase own;
  const char* const path = getenv("FAKE_CARD_RUNTIME");
  void* const library = path != NULL ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
  if (library == NULL) return NULL;
  const ApiBase* (*entry)(void) = NULL;
  *(void**)&entry = dlsym(library, "OrtGetApiBase");
  base = entry();
  own.get_api = get_api;
  own.version = base->version;
  return &own;
}
