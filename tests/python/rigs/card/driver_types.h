// The driver's types that the fake GPU needs, with the same layout. Fields that nothing here reads are padding.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef int Result;  // 0: success
typedef uint64_t DeviceAddress;

enum {
  kSuccess = 0,
  kInvalidValue = 1,
  kOutOfMemory = 2,
  kNotInitialized = 3,
  kNoDevice = 100,
  kInvalidDevice = 101,
  kInvalidContext = 201,
  kMapFailed = 205,
  kNotReady = 600,
  kNotSupported = 801,
  kDriverTooOld = 803,
  kUnknown = 999
};

enum { kHostMemory = 1, kDeviceMemory = 2 };

typedef struct {
  size_t source_x, source_y;
  int source_kind;
  const void* source_host;
  DeviceAddress source_device;
  void* source_array;
  size_t source_pitch;
  size_t target_x, target_y;
  int target_kind;
  void* target_host;
  DeviceAddress target_device;
  void* target_array;
  size_t target_pitch;
  size_t width_bytes, height;
} Copy2d;
_Static_assert(sizeof(Copy2d) == 128, "as in the driver");

enum { kMpeg2 = 1, kH264 = 4, kHevc = 8, kVp9 = 10, kAv1 = 11 };
enum { kSurfaceNv12 = 0, kSurfaceP016 = 1 };
enum { kStatusSuccess = 2, kStatusError = 8, kStatusConcealed = 9 };

typedef struct {
  int codec, chroma;
  unsigned bits_minus8, reserved[3];
  uint8_t is_supported, engines;
  uint16_t formats;  // one bit per surface format
  unsigned most_width, most_height, most_blocks;
  uint16_t least_width, least_height;
  uint8_t rest[44];
} Capabilities;
_Static_assert(sizeof(Capabilities) == 88, "as in the driver");

typedef struct {
  unsigned long width, height, surfaces;
  int codec, chroma;
  unsigned long flags, bits_minus8;
  uint8_t unused[40];
  int output_format, deinterlacing;
  unsigned long target_width, target_height, outputs;
  uint8_t rest[56];
} DecoderWish;
_Static_assert(offsetof(DecoderWish, output_format) == 88 && offsetof(DecoderWish, outputs) == 112 &&
                   sizeof(DecoderWish) == 176,
               "as in the driver");

typedef struct {
  int log2_frame_number_minus4, order_kind, log2_order_minus4, order_always_zero, frames_only, direct_8x8,
      references;
  uint8_t colour_transform, luma_bits_minus8, chroma_bits_minus8, lossless;
  int cabac, order_present, list0_minus1, list1_minus1, weighted, weighted_both, quantiser_minus26,
      deblocking, redundant, transform_8x8, is_mbaff, constrained_intra, chroma_offset, second_chroma_offset,
      is_reference, frame_number, order[2];
} H264Picture;
_Static_assert(offsetof(H264Picture, order) == 96, "as in the driver");

typedef struct {
  int width_blocks, height_blocks, surface, field, bottom, second_field;
  unsigned bytes;
  const uint8_t* data;
  uint8_t unused[144];
  union {
    H264Picture h264;
    uint8_t any[4096];
  } codec;
} DecodedPicture;
_Static_assert(offsetof(DecodedPicture, data) == 32 && offsetof(DecodedPicture, codec) == 184 &&
                   sizeof(DecodedPicture) == 4280,
               "as in the driver");

typedef struct {
  uint8_t unused[56];
  void* stream;
  uint8_t rest[200];
} MapWish;
_Static_assert(sizeof(MapWish) == 264, "as in the driver");

typedef struct {
  int status;
  uint8_t rest[188];
} DecodeStatus;
_Static_assert(sizeof(DecodeStatus) == 192, "as in the driver");
