// Decodes the slices of an H.264 stream to its real images.
//
// The slices that a GPU would get are passed to libavcodec, after parameter sets that are rebuilt from the fields that
// a GPU gets. An image is taken from the buffer that it is decoded into, so its place in display order does not matter.
// SPDX-License-Identifier: Apache-2.0
#include "true_h264.h"

#include <stdlib.h>
#include <string.h>

#include <libavcodec/avcodec.h>

// ---- bits

typedef struct {
  uint8_t at[256];
  int count;
} Bits;

static void put(Bits* bits, int width, unsigned value) {
  while (width-- > 0) {
    if ((value >> width & 1) != 0) bits->at[bits->count / 8] |= (uint8_t)(128 >> bits->count % 8);
    ++bits->count;
  }
}

static void put_golomb(Bits* bits, unsigned value) {
  int width = 0;
  ++value;
  while (value >> (width + 1) != 0) ++width;
  put(bits, width, 0);
  put(bits, width + 1, value);
}

static void put_signed(Bits* bits, int value) {
  put_golomb(bits, (unsigned)(value > 0 ? 2 * value - 1 : -2 * value));
}

static unsigned read_golomb(const uint8_t* data, int* bit) {
  int width = 0;
  while ((data[*bit / 8] << *bit % 8 & 128) == 0) {
    ++width;
    ++*bit;
  }
  unsigned value = 0;
  for (int i = 0; i <= width; ++i, ++*bit) value = value << 1 | (data[*bit / 8] >> (7 - *bit % 8) & 1);
  return value - 1;
}

/// Writes a NAL unit with a start code, the stop bit and emulation prevention. Returns the number of bytes.
static int write_unit(Bits* bits, uint8_t* to) {
  int bytes = 0, zeros = 0;
  put(bits, 1, 1);
  to[bytes++] = 0;
  to[bytes++] = 0;
  to[bytes++] = 1;
  for (int i = 0; i < (bits->count + 7) / 8; ++i) {
    if (zeros >= 2 && bits->at[i] <= 3) {
      to[bytes++] = 3;
      zeros = 0;
    }
    zeros = bits->at[i] != 0 ? 0 : zeros + 1;
    to[bytes++] = bits->at[i];
  }
  return bytes;
}

static int write_sequence(const DecodedPicture* picture, uint8_t* to) {
  const H264Picture* const h = &picture->codec.h264;
  Bits bits = {{0}, 0};
  put(&bits, 8, 0x67);
  put(&bits, 8, 100);  // High
  put(&bits, 8, 0);
  put(&bits, 8, 52);
  put_golomb(&bits, 0);
  put_golomb(&bits, 1);  // 4:2:0
  put_golomb(&bits, h->luma_bits_minus8);
  put_golomb(&bits, h->chroma_bits_minus8);
  put(&bits, 1, h->lossless);
  put(&bits, 1, 0);
  put_golomb(&bits, (unsigned)h->log2_frame_number_minus4);
  put_golomb(&bits, (unsigned)h->order_kind);
  if (h->order_kind == 0) put_golomb(&bits, (unsigned)h->log2_order_minus4);
  if (h->order_kind == 1) {
    put(&bits, 1, (unsigned)h->order_always_zero);
    put_signed(&bits, 0);
    put_signed(&bits, 0);
    put_golomb(&bits, 0);
  }
  put_golomb(&bits, (unsigned)h->references);
  put(&bits, 1, 1);
  put_golomb(&bits, (unsigned)picture->width_blocks - 1);
  put_golomb(&bits, (unsigned)(picture->height_blocks / (h->frames_only ? 1 : 2) - 1));
  put(&bits, 1, (unsigned)h->frames_only);
  if (!h->frames_only) put(&bits, 1, (unsigned)h->is_mbaff);
  put(&bits, 1, (unsigned)h->direct_8x8);
  put(&bits, 2, 0);
  return write_unit(&bits, to);
}

static int put_picture(const DecodedPicture* picture, unsigned number, uint8_t* to) {
  const H264Picture* const h = &picture->codec.h264;
  Bits bits = {{0}, 0};
  put(&bits, 8, 0x68);
  put_golomb(&bits, number);
  put_golomb(&bits, 0);
  put(&bits, 1, (unsigned)h->cabac);
  put(&bits, 1, (unsigned)h->order_present);
  put_golomb(&bits, 0);
  put_golomb(&bits, (unsigned)h->list0_minus1);
  put_golomb(&bits, (unsigned)h->list1_minus1);
  put(&bits, 1, (unsigned)h->weighted);
  put(&bits, 2, (unsigned)h->weighted_both);
  put_signed(&bits, h->quantiser_minus26);
  put_signed(&bits, 0);
  put_signed(&bits, h->chroma_offset);
  put(&bits, 1, (unsigned)h->deblocking);
  put(&bits, 1, (unsigned)h->constrained_intra);
  put(&bits, 1, (unsigned)h->redundant);
  put(&bits, 1, (unsigned)h->transform_8x8);
  put(&bits, 1, 0);
  put_signed(&bits, h->second_chroma_offset);
  return write_unit(&bits, to);
}

// ---- pictures

struct TrueDecoder {
  AVCodecContext* codec;
  AVFrame *now, *out;  // now: the buffer to decode into; out: the decoder's output
  AVPacket* packet;
};

static int take_buffer(AVCodecContext* codec, AVFrame* frame, int flags) {
  TrueDecoder* const decoder = codec->opaque;
  const int result = avcodec_default_get_buffer2(codec, frame, flags);
  if (result < 0) return result;
  av_frame_unref(decoder->now);
  return av_frame_ref(decoder->now, frame);
}

TrueDecoder* true_open(void) {
  TrueDecoder* const decoder = calloc(1, sizeof *decoder);
  AVCodecContext* const codec = avcodec_alloc_context3(avcodec_find_decoder(AV_CODEC_ID_H264));
  codec->thread_count = 1;
  codec->thread_type = 0;
  codec->get_buffer2 = take_buffer;
  codec->opaque = decoder;
  codec->flags |= AV_CODEC_FLAG_OUTPUT_CORRUPT;
  decoder->codec = codec;
  decoder->now = av_frame_alloc();
  decoder->out = av_frame_alloc();
  decoder->packet = av_packet_alloc();
  avcodec_open2(codec, NULL, NULL);
  return decoder;
}

void true_close(TrueDecoder* decoder) {
  if (decoder == NULL) return;
  avcodec_free_context(&decoder->codec);
  av_frame_free(&decoder->now);
  av_frame_free(&decoder->out);
  av_packet_free(&decoder->packet);
  free(decoder);
}

static void copy_out(const AVFrame* frame, uint8_t* surface, unsigned pitch, unsigned rows) {
  const unsigned height = (unsigned)frame->height, width = (unsigned)frame->width;
  for (unsigned y = 0; y < rows && y < height; ++y) {
    memcpy(surface + (size_t)y * pitch, frame->data[0] + (ptrdiff_t)y * frame->linesize[0],
           width < pitch ? width : pitch);
  }
  for (unsigned y = 0; y < rows / 2 && y < height / 2; ++y) {
    uint8_t* const line = surface + (size_t)(rows + y) * pitch;
    for (unsigned x = 0; x < width / 2; ++x) {
      line[2 * x] = frame->data[1][(ptrdiff_t)y * frame->linesize[1] + x];
      line[2 * x + 1] = frame->data[2][(ptrdiff_t)y * frame->linesize[2] + x];
    }
  }
}

int true_decode(TrueDecoder* decoder, const DecodedPicture* picture, uint8_t* surface, unsigned pitch,
                unsigned rows) {
  enum { kParameters = 1024, kHeader = 3, kShortest = 8 };
  if (picture->data == NULL || picture->bytes < kShortest) return 0;
  int bit = 8;
  (void)read_golomb(picture->data + kHeader, &bit);
  (void)read_golomb(picture->data + kHeader, &bit);
  const unsigned number = read_golomb(picture->data + kHeader, &bit);  // ID of the picture parameter set
  AVPacket* const packet = decoder->packet;
  av_packet_unref(packet);
  if (av_new_packet(packet, kParameters + (int)picture->bytes) < 0) return 0;
  int bytes = write_sequence(picture, packet->data);
  bytes += put_picture(picture, number, packet->data + bytes);
  memcpy(packet->data + bytes, picture->data, picture->bytes);
  av_shrink_packet(packet, bytes + (int)picture->bytes);
  int is_whole = avcodec_send_packet(decoder->codec, packet) >= 0;
  while (avcodec_receive_frame(decoder->codec, decoder->out) >= 0) av_frame_unref(decoder->out);
  const AVFrame* const frame = decoder->now;
  if (frame->data[1] == NULL) return 0;
  is_whole = is_whole && frame->decode_error_flags == 0;
  copy_out(frame, surface, pitch, rows);
  return is_whole;
}
