// A card that is not there: what its two libraries share.
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

/// Sets all faults: see __init__.py.
void fake_card(const char* text);
/// The value of a fault, 1 if it has none, -1 if it was not asked for.
long card_fault(const char* name);
/// Whether the picture with this number, from 0, has the fault `name:N`, which every Nth has.
int card_hits(const char* name, unsigned number);
/// The error that every call has now without a context, after a fork, when the card is lost; or kSuccess.
Result card_state(void);
Result card_state_in_context(void);

/// Returns 0 if no memory is left.
DeviceAddress card_take(size_t bytes);
/// Waits for the work of all streams first, as a driver does, because that work may use the memory.
void card_give(DeviceAddress memory);
/// Where the fake itself may read and write the memory.
void* card_view(DeviceAddress memory);
int card_is_on_device(const void* place);

/// Does the work of a stream: at once, or, with the fault `lazy`, when somebody waits for the stream.
void card_later(void* stream, void (*work)(void*), const void* with, size_t bytes);
/// Waits for the work of all streams.
void card_finish(void);

void card_own_process(void);
int card_is_own_process(void);
int card_has_context(void);
