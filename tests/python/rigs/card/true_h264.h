// Decodes the slices of an H.264 stream to its real images.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "driver_types.h"

typedef struct TrueDecoder TrueDecoder;

TrueDecoder* true_open(void);
void true_close(TrueDecoder* decoder);
/// Fills the NV12 surface. Returns 0 if the slices are corrupt.
int true_decode(TrueDecoder* decoder, const DecodedPicture* picture, uint8_t* surface, unsigned pitch,
                unsigned rows);
