// libnvcuvid.so.1 of the fake GPU: decoders.
//
// H.264 is decoded to the stream's own images (true_h264.c). An image of another codec is green, with two rows of 16
// squares of 16 pixels, white for 1: the number of the image in decoding order, and the number of its decoder. Mapping
// copies into one of a few output surfaces, as on a real GPU.
// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "card.h"
#include "true_h264.h"
#include "unsupported.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { kMostInputs = 32, kMostSurfaces = 64 };

typedef struct {
  unsigned width, height, pitch, sample_bytes, number, pictures, inputs, outputs;
  DeviceAddress surface[kMostSurfaces], output[kMostSurfaces];
  int is_mapped[kMostSurfaces], status[kMostSurfaces];
  int codec;
  TrueDecoder* truth;
} Decoder;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static unsigned made_decoders;

static const char* refusal_of(int codec) {
  switch (codec) {
    case kH264:
      return "no_h264";
    case kHevc:
      return "no_hevc";
    case kAv1:
      return "no_av1";
    case kMpeg2:
      return "no_mpeg2";
    default:
      return "no_vp9";
  }
}

Result cuvidGetDecoderCaps(Capabilities* wish) {
  const Result result = card_state_in_context();
  if (result != kSuccess) return result;
  const int is_deep_h264 = wish->codec == kH264 && wish->bits_minus8 > 0;
  wish->is_supported = card_fault(refusal_of(wish->codec)) < 0 && !is_deep_h264;
  const long most = card_fault("width");
  wish->most_width = wish->most_height = most < 0 ? 8192 : (unsigned)most;
  wish->least_width = wish->least_height = 16;
  wish->most_blocks = card_fault("blocks") < 0 ? 1U << 20 : (unsigned)card_fault("blocks");
  wish->formats = 1 << kSurfaceNv12 | 1 << kSurfaceP016;
  return kSuccess;
}

Result cuvidDestroyDecoder(Decoder* decoder) {
  if (decoder == NULL) return kInvalidValue;
  for (unsigned i = 0; i < kMostSurfaces; ++i) {
    if (decoder->surface[i] != 0) card_give(decoder->surface[i]);
    if (decoder->output[i] != 0) card_give(decoder->output[i]);
    if (decoder->is_mapped[i]) card_add(kMapped, -1);
  }
  true_close(decoder->truth);
  free(decoder);
  card_add(kDecoders, -1);
  return kSuccess;
}

static int take_surfaces(DeviceAddress* surfaces, unsigned count, size_t bytes) {
  for (unsigned i = 0; i < count; ++i) {
    surfaces[i] = card_take(bytes);
    if (surfaces[i] == 0) return 0;
  }
  return 1;
}

Result cuvidCreateDecoder(Decoder** out, const DecoderWish* wish) {
  const Result result = card_state_in_context();
  if (result != kSuccess) return result;
  if (wish->surfaces == 0 || wish->surfaces > kMostInputs || wish->outputs > kMostSurfaces)
    return kInvalidValue;
  const long most = card_fault("sessions");
  if (most >= 0 && card_count(kDecoders) >= most) return kOutOfMemory;
  Decoder* const decoder = calloc(1, sizeof *decoder);
  decoder->width = (unsigned)wish->target_width;
  decoder->height = ((unsigned)wish->target_height + 1) & ~1U;
  decoder->sample_bytes = wish->output_format == kSurfaceP016 ? 2 : 1;
  decoder->codec = wish->codec;
  decoder->pitch = (decoder->width * decoder->sample_bytes + 511) & ~511U;
  decoder->inputs = (unsigned)wish->surfaces;
  decoder->outputs = (unsigned)wish->outputs;
  pthread_mutex_lock(&mutex);
  decoder->number = made_decoders++;
  pthread_mutex_unlock(&mutex);
  if (decoder->codec == kH264) decoder->truth = true_open();
  card_add(kDecoders, 1);
  card_add(kMadeDecoders, 1);
  card_note_most(kMostDecoders, kDecoders);
  const size_t bytes = (size_t)decoder->pitch * decoder->height * 3 / 2;
  if (!take_surfaces(decoder->surface, decoder->inputs, bytes) ||
      !take_surfaces(decoder->output, decoder->outputs, bytes)) {
    cuvidDestroyDecoder(decoder);
    return kOutOfMemory;
  }
  *out = decoder;
  return kSuccess;
}

static void paint_number(const Decoder* decoder, uint8_t* surface, unsigned row, unsigned value) {
  enum { kSquare = 16, kWhite = 235, kBlack = 16 };
  for (unsigned y = kSquare * row; y < kSquare * (row + 1) && y < decoder->height; ++y) {
    for (unsigned x = 0; x < kSquare * 16 && x < decoder->width; ++x) {
      const unsigned level = (value >> x / kSquare & 1) != 0 ? kWhite : kBlack;
      uint8_t* const line = surface + (size_t)y * decoder->pitch;
      if (decoder->sample_bytes == 1) {
        line[x] = (uint8_t)level;
      } else {
        ((uint16_t*)line)[x] = (uint16_t)(level << 8);
      }
    }
  }
}

static void take_time(void) {
  const long milliseconds = card_fault("slow");
  if (milliseconds > 0) usleep((useconds_t)milliseconds * 1000);
}

Result cuvidDecodePicture(Decoder* decoder, DecodedPicture* picture) {
  enum { kGrey = 128, kChroma = 100 };
  const Result result = card_state_in_context();
  if (result != kSuccess) return result;
  if ((unsigned)picture->surface >= decoder->inputs) return kInvalidValue;
  const unsigned number = decoder->pictures++;
  card_add(kPictures, 1);
  take_time();
  if (card_hits("refuse", number)) return kInvalidValue;
  decoder->status[picture->surface] = card_hits("status", number) ? kStatusConcealed : kStatusSuccess;
  if (card_hits("skip", number)) {  // without an error: the surface keeps its old contents
    card_add(kSkipped, 1);
    return kSuccess;
  }
  uint8_t* const surface = card_view(decoder->surface[picture->surface]);
  if (decoder->truth != NULL) {
    const int is_whole = true_decode(decoder->truth, picture, surface, decoder->pitch, decoder->height);
    if (!is_whole) decoder->status[picture->surface] = kStatusConcealed;
    return kSuccess;
  }
  const size_t luma = (size_t)decoder->pitch * decoder->height;
  memset(surface, kGrey, luma);
  memset(surface + luma, kChroma, luma / 2);
  paint_number(decoder, surface, 0, number);
  paint_number(decoder, surface, 1, decoder->number);
  return kSuccess;
}

// The driver does not support this query for VP9.
Result cuvidGetDecodeStatus(Decoder* decoder, int surface, DecodeStatus* status) {
  card_add(kStatusAsked, 1);
  if (decoder->codec == kVp9) return kNotSupported;
  status->status = decoder->status[surface];
  return card_state_in_context();
}

Result cuvidReconfigureDecoder(Decoder* decoder, void* wish) {
  (void)decoder;
  (void)wish;
  return kNotSupported;
}

typedef struct {
  DeviceAddress to;
  void* from;
  size_t bytes;
} Output;

static void put_out(void* with) {
  const Output* const output = with;
  memcpy(card_view(output->to), output->from, output->bytes);
  free(output->from);
}

Result cuvidMapVideoFrame64(Decoder* decoder, int surface, DeviceAddress* memory, unsigned* pitch,
                            const MapWish* wish) {
  const Result result = card_state_in_context();
  if (result != kSuccess) return result;
  unsigned free_one = 0;
  pthread_mutex_lock(&mutex);
  while (free_one < decoder->outputs && decoder->is_mapped[free_one]) ++free_one;
  if (free_one < decoder->outputs) decoder->is_mapped[free_one] = 1;
  pthread_mutex_unlock(&mutex);
  if (free_one == decoder->outputs) {
    card_add(kMapsWithoutSurface, 1);
    return kMapFailed;
  }
  const size_t bytes = (size_t)decoder->pitch * decoder->height * 3 / 2;
  Output output = {decoder->output[free_one], malloc(bytes), bytes};
  memcpy(output.from, card_view(decoder->surface[surface]), bytes);
  card_later(wish->stream, put_out, &output, sizeof output);
  *memory = decoder->output[free_one];
  *pitch = decoder->pitch;
  card_add(kMapped, 1);
  card_note_most(kMostMapped, kMapped);
  return kSuccess;
}

Result cuvidUnmapVideoFrame64(Decoder* decoder, DeviceAddress memory) {
  for (unsigned i = 0; i < decoder->outputs; ++i) {
    if (decoder->output[i] != memory || !decoder->is_mapped[i]) continue;
    decoder->is_mapped[i] = 0;
    card_add(kMapped, -1);
    return kSuccess;
  }
  return kInvalidValue;
}

// ---- the rest

UNSUPPORTED(cuvidCreateVideoParser)
UNSUPPORTED(cuvidCreateVideoSource)
UNSUPPORTED(cuvidCreateVideoSourceW)
UNSUPPORTED(cuvidCtxLock)
UNSUPPORTED(cuvidCtxLockCreate)
UNSUPPORTED(cuvidCtxLockDestroy)
UNSUPPORTED(cuvidCtxUnlock)
UNSUPPORTED(cuvidDestroyVideoParser)
UNSUPPORTED(cuvidDestroyVideoSource)
UNSUPPORTED(cuvidGetSourceAudioFormat)
UNSUPPORTED(cuvidGetSourceVideoFormat)
UNSUPPORTED(cuvidGetVideoSourceState)
UNSUPPORTED(cuvidMapVideoFrame)
UNSUPPORTED(cuvidParseVideoData)
UNSUPPORTED(cuvidSetVideoSourceState)
UNSUPPORTED(cuvidUnmapVideoFrame)
