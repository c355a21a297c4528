// The part of the fake GPU that its two libraries share.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "driver_types.h"

// In the order of kCountNames in memory.c.
typedef enum {
  kPictures,
  kSkipped,
  kDecoders,
  kMadeDecoders,
  kMostDecoders,
  kMapped,
  kMostMapped,
  kBuffers,
  kBytes,
  kMostBytes,
  kContexts,
  kHeldInVain,
  kStreams,
  kBytesToHost,
  kBytesToDevice,
  kBytesOnDevice,
  kCallsWithoutContext,
  kCallsAfterFork,
  kMapsWithoutSurface,
  kStatusAsked,
  kBlockingContexts,
  kCounts
} Count;

void card_add(Count count, long number);
void card_note_most(Count most, Count of);
long card_count(Count count);

/// Replaces all faults; __init__.py lists them.
void fake_card(const char* text);
/// Returns the value of a fault, 1 if it has none, -1 if it is not set.
long card_fault(const char* name);
/// Returns 1 if the image with this number, counted from 0, has the fault `name:N`, which affects every Nth one.
int card_hits(const char* name, unsigned number);
/// Returns the error that every call returns now (no context, after a fork, GPU lost), or kSuccess.
Result card_state(void);
Result card_state_in_context(void);

/// Returns 0 if no memory is left.
DeviceAddress card_take(size_t bytes);
/// Waits for the work of all streams first, as a driver does, because that work may use the memory.
void card_give(DeviceAddress memory);
/// Returns the host address at which the fake can access the memory.
void* card_view(DeviceAddress memory);
int card_is_on_device(const void* place);

/// Does the work of a stream immediately or, with the fault `lazy`, when somebody waits for the stream.
void card_later(void* stream, void (*work)(void*), const void* with, size_t bytes);
/// Waits for the work of all streams.
void card_finish(void);

void card_own_process(void);
int card_is_own_process(void);
int card_has_context(void);
