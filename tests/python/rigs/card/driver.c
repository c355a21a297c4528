// libcuda.so.1 of the fake GPU: devices, contexts, streams, events and copies.
// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "card.h"
#include "unsupported.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// ---- devices

Result cuInit(unsigned flags) {
  (void)flags;
  if (card_fault("none") >= 0) return kNoDevice;
  if (card_fault("old") >= 0) return kDriverTooOld;
  if (!card_is_own_process()) return kNotInitialized;
  card_own_process();
  return kSuccess;
}

Result cuDriverGetVersion(int* version) {
  *version = card_fault("version") < 0 ? 12040 : (int)card_fault("version");
  return kSuccess;
}

Result cuDeviceGetCount(int* count) {
  *count = card_fault("devices") < 0 ? 1 : (int)card_fault("devices");
  return card_state();
}

Result cuDeviceGet(int* device, int index) {
  int count = 0;
  const Result result = cuDeviceGetCount(&count);
  *device = index;
  return index < count ? result : kInvalidDevice;
}

Result cuDeviceGetAttribute(int* value, int attribute, int device) {
  enum { kTextureAlignment = 14 };
  (void)device;
  *value = attribute == kTextureAlignment ? 512 : 9;
  return card_state();
}

Result cuDeviceGetName(char* name, int size, int device) {
  (void)device;
  snprintf(name, (size_t)size, "fake card");
  return card_state();
}

Result cuDeviceComputeCapability(int* major, int* minor, int device) {
  (void)device;
  *major = 9;
  *minor = 0;
  return card_state();
}

Result cuDeviceTotalMem_v2(size_t* bytes, int device) {
  (void)device;
  const long most = card_fault("memory");
  *bytes = (size_t)(most < 0 ? 8192 : most) << 20;
  return card_state();
}

Result cuMemGetInfo_v2(size_t* free_bytes, size_t* total) {
  const Result result = cuDeviceTotalMem_v2(total, 0);
  *free_bytes = *total - (size_t)card_count(kBytes);
  return result != kSuccess ? result : card_state_in_context();
}

// ---- contexts

enum { kMostContexts = 32 };
static __thread void* stack[kMostContexts];
static __thread int depth;

int card_has_context(void) {
  return depth > 0;
}

static pthread_mutex_t primary_mutex = PTHREAD_MUTEX_INITIALIZER;
static char primary[8];
static int primary_users;
static unsigned primary_flags;

Result cuCtxCreate_v2(void** context, unsigned flags, int device) {
  (void)flags;
  (void)device;
  const Result result = card_state();
  if (result != kSuccess) return result;
  *context = malloc(8);
  card_add(kContexts, 1);
  stack[depth++] = *context;
  return kSuccess;
}

// A context can still be made current after the GPU is lost, as with the real driver.
Result cuCtxPushCurrent_v2(void* context) {
  const Result result = card_state();
  if (result != kSuccess && result != kUnknown) return result;
  stack[depth++] = context;
  return kSuccess;
}

Result cuCtxPopCurrent_v2(void** context) {
  if (depth == 0) return kInvalidContext;
  --depth;
  if (context != NULL) *context = stack[depth];
  return kSuccess;
}

Result cuCtxGetCurrent(void** context) {
  *context = depth > 0 ? stack[depth - 1] : NULL;
  return kSuccess;
}

Result cuCtxSetCurrent(void* context) {
  if (depth == 0) depth = 1;
  stack[depth - 1] = context;
  if (context == NULL) --depth;
  return kSuccess;
}

Result cuCtxGetDevice(int* device) {
  *device = 0;
  return depth > 0 ? kSuccess : kInvalidContext;
}

Result cuCtxDestroy_v2(void* context) {
  if (!card_is_own_process()) return kNotInitialized;
  if (context != primary) free(context);
  card_add(kContexts, -1);
  return kSuccess;
}

// Blocks while the fault `hold` is set, for at most half a minute.
static int is_held(void) {
  enum { kStep = 10000, kMost = 3000 };  // microseconds, steps
  for (int i = 0; card_fault("hold") >= 0; ++i) {
    if (i == kMost) {
      card_add(kHeldInVain, 1);
      return 1;
    }
    usleep(kStep);
  }
  return 0;
}

Result cuDevicePrimaryCtxRetain(void** context, int device) {
  (void)device;
  const Result result = is_held() ? kUnknown : card_state();
  if (result != kSuccess) return result;
  *context = primary;
  pthread_mutex_lock(&primary_mutex);
  if (primary_users++ == 0) {
    enum { kBlockingWaits = 4 };
    card_add(kContexts, 1);
    if (primary_flags == kBlockingWaits) card_add(kBlockingContexts, 1);
  }
  pthread_mutex_unlock(&primary_mutex);
  return kSuccess;
}

Result cuDevicePrimaryCtxRelease_v2(int device) {
  (void)device;
  pthread_mutex_lock(&primary_mutex);
  if (--primary_users == 0) card_add(kContexts, -1);
  pthread_mutex_unlock(&primary_mutex);
  return kSuccess;
}

Result cuDevicePrimaryCtxRelease(int device) {
  return cuDevicePrimaryCtxRelease_v2(device);
}

Result cuDevicePrimaryCtxSetFlags_v2(int device, unsigned flags) {
  (void)device;
  primary_flags = flags;
  return card_state();
}

Result cuDevicePrimaryCtxSetFlags(int device, unsigned flags) {
  return cuDevicePrimaryCtxSetFlags_v2(device, flags);
}

Result cuDevicePrimaryCtxGetState(int device, unsigned* flags, int* is_active) {
  (void)device;
  *flags = primary_flags;
  *is_active = primary_users > 0;
  return card_state();
}

// ---- streams

typedef struct Work {
  struct Work* next;
  void (*run)(void*);
  char with[];
} Work;

typedef struct Stream {
  struct Stream* next;
  Work *first, **last;
  long queued, done;
  int busy;  // set while a thread does its work
} Stream;

typedef struct {
  Stream* stream;
  long until;
} Event;

static pthread_mutex_t streams_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work_done = PTHREAD_COND_INITIALIZER;
static Stream standard = {NULL, NULL, &standard.first, 0, 0, 0};
static Stream* streams = &standard;

static Stream* stream_of(void* stream) {
  return (size_t)stream <= 2 ? &standard : stream;
}

// Returns once the work is done, by whichever thread. The work of a stream is done in order.
static void drain_locked(Stream* stream, long until) {
  while (stream->done < until) {
    if (stream->busy) {
      pthread_cond_wait(&work_done, &streams_mutex);
      continue;
    }
    Work* const work = stream->first;
    stream->first = work->next;
    if (stream->first == NULL) stream->last = &stream->first;
    stream->busy = 1;
    pthread_mutex_unlock(&streams_mutex);  // the work may wait for another stream
    work->run(work->with);
    free(work);
    pthread_mutex_lock(&streams_mutex);
    stream->busy = 0;
    ++stream->done;
    pthread_cond_broadcast(&work_done);
  }
}

static void drain(Stream* stream, long until) {
  pthread_mutex_lock(&streams_mutex);
  drain_locked(stream, until);
  pthread_mutex_unlock(&streams_mutex);
}

void card_finish(void) {
  pthread_mutex_lock(&streams_mutex);
  for (Stream* each = streams; each != NULL; each = each->next) drain_locked(each, each->queued);
  pthread_mutex_unlock(&streams_mutex);
}

void card_later(void* stream, void (*run)(void*), const void* with, size_t bytes) {
  Work* const work = malloc(sizeof *work + bytes);
  work->next = NULL;
  work->run = run;
  memcpy(work->with, with, bytes);
  if (card_fault("lazy") < 0) {
    run(work->with);
    free(work);
    return;
  }
  Stream* const to = stream_of(stream);
  pthread_mutex_lock(&streams_mutex);
  *to->last = work;
  to->last = &work->next;
  ++to->queued;
  pthread_mutex_unlock(&streams_mutex);
}

Result cuStreamCreate(void** stream, unsigned flags) {
  (void)flags;
  const Result result = card_state_in_context();
  if (result != kSuccess) return result;
  Stream* const made = calloc(1, sizeof *made);
  made->last = &made->first;
  pthread_mutex_lock(&streams_mutex);
  made->next = streams->next;
  streams->next = made;
  pthread_mutex_unlock(&streams_mutex);
  *stream = made;
  card_add(kStreams, 1);
  return kSuccess;
}

// The memory of a stream is not freed, because an event may refer to it.
Result cuStreamDestroy_v2(void* stream) {
  Stream* const gone = stream_of(stream);
  drain(gone, gone->queued);
  pthread_mutex_lock(&streams_mutex);
  for (Stream* each = streams; each->next != NULL; each = each->next) {
    if (each->next != gone) continue;
    each->next = gone->next;
    break;
  }
  pthread_mutex_unlock(&streams_mutex);
  card_add(kStreams, -1);
  return kSuccess;
}

Result cuCtxSynchronize(void) {
  const Result result = card_state_in_context();
  if (result == kSuccess) card_finish();
  return result;
}

Result cuStreamSynchronize(void* stream) {
  if (stream_of(stream) == &standard) return cuCtxSynchronize();
  const Result result = card_state_in_context();
  if (result == kSuccess) drain(stream, stream_of(stream)->queued);
  return result;
}

Result cuStreamQuery(void* stream) {
  return stream_of(stream)->done < stream_of(stream)->queued ? kNotReady : card_state_in_context();
}

Result cuEventCreate(void** event, unsigned flags) {
  (void)flags;
  *event = calloc(1, sizeof(Event));
  return card_state_in_context();
}

Result cuEventDestroy_v2(void* event) {
  free(event);
  return kSuccess;
}

Result cuEventRecord(void* event, void* stream) {
  Event* const noted = event;
  noted->stream = stream_of(stream);
  noted->until = noted->stream->queued;
  return card_state_in_context();
}

static void wait_for(void* with) {
  const Event* const event = with;
  if (event->stream != NULL) drain(event->stream, event->until);
}

Result cuEventSynchronize(void* event) {
  wait_for(event);
  return card_state_in_context();
}

Result cuEventQuery(void* event) {
  const Event* const noted = event;
  return noted->stream != NULL && noted->stream->done < noted->until ? kNotReady : card_state_in_context();
}

Result cuStreamWaitEvent(void* stream, void* event, unsigned flags) {
  (void)flags;
  card_later(stream, wait_for, event, sizeof(Event));
  return card_state_in_context();
}

// ---- memory and copies

Result cuMemAlloc_v2(DeviceAddress* memory, size_t bytes) {
  const Result result = card_state_in_context();
  if (result != kSuccess) return result;
  *memory = card_take(bytes);
  return *memory != 0 ? kSuccess : kOutOfMemory;
}

Result cuMemAllocPitch_v2(DeviceAddress* memory, size_t* pitch, size_t width, size_t height,
                          unsigned element) {
  (void)element;
  *pitch = (width + 511) & ~(size_t)511;
  return cuMemAlloc_v2(memory, *pitch * height);
}

Result cuMemFree_v2(DeviceAddress memory) {
  if (!card_is_own_process()) return kNotInitialized;
  card_give(memory);
  return depth > 0 ? kSuccess : kInvalidContext;
}

static void copy(void* with) {
  const Copy2d* const wish = with;
  const char* const from =
      wish->source_kind == kHostMemory ? wish->source_host : card_view(wish->source_device);
  char* const to = wish->target_kind == kHostMemory ? wish->target_host : card_view(wish->target_device);
  for (size_t y = 0; y < wish->height; ++y) {
    memcpy(to + (wish->target_y + y) * wish->target_pitch + wish->target_x,
           from + (wish->source_y + y) * wish->source_pitch + wish->source_x, wish->width_bytes);
  }
}

static Result enqueue(const Copy2d* wish, void* stream) {
  static atomic_uint to_host;
  const Result result = card_state_in_context();
  if (result != kSuccess) return result;
  if (wish->target_kind == kHostMemory && card_hits("copy", to_host++)) return kUnknown;
  const Count count = wish->target_kind == kHostMemory   ? kBytesToHost
                      : wish->source_kind == kHostMemory ? kBytesToDevice
                                                         : kBytesOnDevice;
  card_add(count, (long)(wish->width_bytes * wish->height));
  card_later(stream, copy, wish, sizeof *wish);
  return kSuccess;
}

Result cuMemcpy2DAsync_v2(const Copy2d* wish, void* stream) {
  return enqueue(wish, stream);
}

Result cuMemcpy2D_v2(const Copy2d* wish) {
  card_finish();
  const Result result = enqueue(wish, NULL);
  card_finish();
  return result;
}

Result cuMemcpyAsync(DeviceAddress to, DeviceAddress from, size_t bytes, void* stream) {
  Copy2d wish = {.width_bytes = bytes, .height = 1, .source_pitch = bytes, .target_pitch = bytes};
  wish.source_kind = card_is_on_device((void*)from) ? kDeviceMemory : kHostMemory;
  wish.target_kind = card_is_on_device((void*)to) ? kDeviceMemory : kHostMemory;
  wish.source_device = from;
  wish.source_host = (void*)from;
  wish.target_device = to;
  wish.target_host = (void*)to;
  return enqueue(&wish, stream);
}

Result cuMemcpy(DeviceAddress to, DeviceAddress from, size_t bytes) {
  card_finish();
  const Result result = cuMemcpyAsync(to, from, bytes, NULL);
  card_finish();
  return result;
}

Result cuMemcpyDtoH_v2(void* to, DeviceAddress from, size_t bytes) {
  return cuMemcpy((DeviceAddress)to, from, bytes);
}
Result cuMemcpyHtoD_v2(DeviceAddress to, const void* from, size_t bytes) {
  return cuMemcpy(to, (DeviceAddress)from, bytes);
}
Result cuMemcpyDtoD_v2(DeviceAddress to, DeviceAddress from, size_t bytes) {
  return cuMemcpy(to, from, bytes);
}
Result cuMemcpyDtoHAsync_v2(void* to, DeviceAddress from, size_t bytes, void* stream) {
  return cuMemcpyAsync((DeviceAddress)to, from, bytes, stream);
}
Result cuMemcpyHtoDAsync_v2(DeviceAddress to, const void* from, size_t bytes, void* stream) {
  return cuMemcpyAsync(to, (DeviceAddress)from, bytes, stream);
}
Result cuMemcpyDtoDAsync_v2(DeviceAddress to, DeviceAddress from, size_t bytes, void* stream) {
  return cuMemcpyAsync(to, from, bytes, stream);
}

Result cuMemsetD8Async(DeviceAddress to, uint8_t value, size_t bytes, void* stream) {
  (void)stream;
  const Result result = card_state_in_context();
  if (result == kSuccess) memset(card_view(to), value, bytes);
  return result;
}

// ---- errors

Result cuGetErrorName(Result error, const char** name) {
  switch (error) {
    case kOutOfMemory:
      *name = "CUDA_ERROR_OUT_OF_MEMORY";
      break;
    case kNotInitialized:
      *name = "CUDA_ERROR_NOT_INITIALIZED";
      break;
    case kNoDevice:
      *name = "CUDA_ERROR_NO_DEVICE";
      break;
    case kInvalidContext:
      *name = "CUDA_ERROR_INVALID_CONTEXT";
      break;
    case kMapFailed:
      *name = "CUDA_ERROR_MAP_FAILED";
      break;
    case kDriverTooOld:
      *name = "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH";
      break;
    case kUnknown:
      *name = "CUDA_ERROR_UNKNOWN";
      break;
    default:
      *name = "CUDA_ERROR";
  }
  return kSuccess;
}

Result cuGetErrorString(Result error, const char** text) {
  return cuGetErrorName(error, text);
}

// ---- the rest

UNSUPPORTED(cuArray3DCreate_v2)
UNSUPPORTED(cuArrayCreate_v2)
UNSUPPORTED(cuArrayDestroy)
UNSUPPORTED(cuCtxSetLimit)
UNSUPPORTED(cuDestroyExternalMemory)
UNSUPPORTED(cuDestroyExternalSemaphore)
UNSUPPORTED(cuDeviceGetUuid)
UNSUPPORTED(cuDeviceGetUuid_v2)
UNSUPPORTED(cuDevicePrimaryCtxReset)
UNSUPPORTED(cuExternalMemoryGetMappedBuffer)
UNSUPPORTED(cuExternalMemoryGetMappedMipmappedArray)
UNSUPPORTED(cuGLGetDevices_v2)
UNSUPPORTED(cuGraphicsGLRegisterImage)
UNSUPPORTED(cuGraphicsMapResources)
UNSUPPORTED(cuGraphicsResourceGetMappedPointer_v2)
UNSUPPORTED(cuGraphicsSubResourceGetMappedArray)
UNSUPPORTED(cuGraphicsUnmapResources)
UNSUPPORTED(cuGraphicsUnregisterResource)
UNSUPPORTED(cuImportExternalMemory)
UNSUPPORTED(cuImportExternalSemaphore)
UNSUPPORTED(cuLaunchKernel)
UNSUPPORTED(cuLinkAddData)
UNSUPPORTED(cuLinkComplete)
UNSUPPORTED(cuLinkCreate)
UNSUPPORTED(cuLinkDestroy)
UNSUPPORTED(cuMemAllocManaged)
UNSUPPORTED(cuMipmappedArrayDestroy)
UNSUPPORTED(cuMipmappedArrayGetLevel)
UNSUPPORTED(cuModuleGetFunction)
UNSUPPORTED(cuModuleGetGlobal)
UNSUPPORTED(cuModuleLoadData)
UNSUPPORTED(cuModuleUnload)
UNSUPPORTED(cuSignalExternalSemaphoresAsync)
UNSUPPORTED(cuStreamAddCallback)
UNSUPPORTED(cuTexObjectCreate)
UNSUPPORTED(cuTexObjectDestroy)
UNSUPPORTED(cuWaitExternalSemaphoresAsync)
