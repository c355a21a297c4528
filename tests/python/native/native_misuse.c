/* A plugin for the tests that breaks the rules of abi.h, as its option "how" says.
 * SPDX-License-Identifier: Apache-2.0 */
#include <freshframe/abi.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define CROWD 6

typedef struct {
  char how[32];
  const freshframe_host* host;
  const freshframe_frame* first; /* of the first call, which must not be kept */
  int calls;
  atomic_int ended;
  pthread_t crowd[CROWD];
  int threads;
} node;

static int is(const node* self, const char* how) {
  return strcmp(self->how, how) == 0;
}

static void* create(const freshframe_options* options, freshframe_error* error) {
  freshframe_option how = {.size = sizeof how};
  node* self = calloc(1, sizeof *self);
  (void)error;
  (void)options->get(options->self, 0, &how);
  (void)options->get(options->self, "caf\xe9", &how);
  if (options->get(options->self, "how", &how)) memcpy(self->how, how.data, how.count);
  return self;
}

static void destroy(void* object) {
  node* self = object;
  self->ended = 1;
  for (int i = 0; i < self->threads; ++i) pthread_join(self->crowd[i], 0);
  free(self);
}

/* Waits repeatedly, even after the node has been closed. */
static void* waits(void* object) {
  node* self = object;
  while (!self->ended) (void)self->host->wait(self->host->self, 1000);
  return 0;
}

static int32_t open_(void* object, const freshframe_host* host, freshframe_error* error) {
  node* self = object;
  self->host = host;
  (void)error;
  while (is(self, "crowd") && self->threads < CROWD) {
    pthread_create(&self->crowd[self->threads++], 0, waits, self);
  }
  return is(self, "open fails") ? -4 : 0;
}

/* Calls the host with null arguments where that is not allowed. All of these calls must fail. */
static int with_null(const freshframe_host* host) {
  freshframe_picture picture = {.size = sizeof picture};
  host->log(host->self, 1, 0);
  host->count_drops(host->self, 0, 1);
  host->release_frame(host->self, 0);
  return host->picture(host->self, 0, 0, &picture) < 0 && !host->keep_frame(host->self, 0) &&
         !host->make_frame(host->self, 0, &picture) && !host->make_frame(host->self, &picture, 0) &&
         !host->wrap_frame(host->self, 0, 0, 0);
}

/* A frame that is still being written cannot be converted or kept, but its planes can be read. */
static int with_unwritten(const freshframe_host* host) {
  const freshframe_picture wanted = {.size = sizeof wanted, .width = 8, .height = 8, .format = "gray"};
  freshframe_picture out = {.size = sizeof out};
  freshframe_frame* frame = host->make_frame(host->self, &wanted, &out);
  const int fine = host->picture(host->self, frame, 0, &out) == 0 && out.width == 8 &&
                   host->picture(host->self, frame, "bgr", &out) < 0 && !host->keep_frame(host->self, frame);
  host->release_frame(host->self, frame);
  return fine;
}

static int with_a_huge_stride(const freshframe_host* host) {
  static uint8_t pixels[64];
  const freshframe_plane plane = {pixels, 8, 8, INT64_MAX / 4};
  const freshframe_picture wanted = {
      .size = sizeof wanted, .width = 8, .height = 8, .format = "gray", .planes = {&plane, 1, sizeof plane}};
  return !host->wrap_frame(host->self, &wanted, 0, 0);
}

/* Asks for an image with a side that is longer than the engine allows. */
static int with_a_long_side(const freshframe_host* host) {
  static uint8_t pixels[65537];
  const freshframe_plane plane = {pixels, 1, 65537, 65537};
  const freshframe_picture wanted = {
      .size = sizeof wanted, .width = 65537, .height = 1, .format = "gray", .planes = {&plane, 1, sizeof plane}};
  return !host->wrap_frame(host->self, &wanted, 0, 0);
}

FRESHFRAME_EXPORT atomic_int freed_frames;

static void free_frame(void* owner) {
  (void)owner;
  ++freed_frames;
}

static freshframe_frame* a_frame(const freshframe_host* host) {
  static uint8_t pixels[64];
  const freshframe_plane plane = {pixels, 8, 8, 8};
  const freshframe_picture wanted = {
      .size = sizeof wanted, .width = 8, .height = 8, .format = "gray", .planes = {&plane, 1, sizeof plane}};
  return host->wrap_frame(host->self, &wanted, 0, free_frame);
}

static int32_t process(void* object, const freshframe_sample* sample, freshframe_value* out,
                       freshframe_error* error) {
  node* self = object;
  out->type = "float64";
  if (is(self, "null")) out->number = with_null(self->host);
  if (is(self, "unwritten")) out->number = with_unwritten(self->host);
  if (is(self, "stride")) out->number = with_a_huge_stride(self->host);
  if (is(self, "log")) self->host->log(self->host->self, 2, "caf\xe9\nand more");
  if (is(self, "long side")) out->number = with_a_long_side(self->host);
  if (is(self, "two")) {
    out->frame = a_frame(self->host);
    return 2;
  }
  if (is(self, "long error")) {
    for (uint64_t i = 0; i + 2 < error->capacity; i += 2) memcpy(error->text + i + 1, "\xc3\xa4", 2);
    error->text[0] = '|';
    return -1;
  }
  if (is(self, "latin-1 error")) {
    strcpy(error->text, "caf\xe9");
    return -1;
  }
  if (is(self, "no text")) return -9;
  if (is(self, "latin-1 type")) out->type = "caf\xe9";
  if (is(self, "old frame") && self->calls++ == 0) self->first = sample->frame;
  return 1;
}

/* Emits the frame that it borrowed in the previous call, which is no longer valid. */
static int32_t process_frame(void* object, const freshframe_sample* sample, freshframe_value* out,
                             freshframe_error* error) {
  node* self = object;
  (void)error;
  out->type = "frame";
  if (self->calls++ == 0) self->first = sample->frame;
  out->frame = (freshframe_frame*)self->first;
  return 1;
}
static int32_t close_(void* object, freshframe_error* error) {
  node* self = object;
  freshframe_picture picture = {.size = sizeof picture};
  (void)error;
  if (self->first == 0) return 0;
  /* The frame is no longer valid here, so all of these calls must fail. */
  if (self->host->picture(self->host->self, self->first, 0, &picture) == 0) return -1;
  if (self->host->keep_frame(self->host->self, self->first) != 0) return -2;
  self->host->release_frame(self->host->self, (freshframe_frame*)self->first);
  return 0;
}

static int32_t read_(void* object, freshframe_value* out, freshframe_stamp* stamp, freshframe_error* error) {
  node* self = object;
  (void)error;
  out->type = "float64";
  if (self->calls++ == 3) return 0;
  if (is(self, "nan")) stamp->pts = NAN;
  if (is(self, "inf")) stamp->pts = INFINITY;
  if (is(self, "seq")) stamp->seq = INT64_MAX;
  if (is(self, "negative seq")) stamp->seq = -2;
  if (is(self, "captured")) stamp->captured_ns = INT64_MIN;
  if (is(self, "future")) stamp->captured_ns = INT64_MAX;
  return 1;
}

/* Emits columns with the mistake named by `how`. */
static int32_t boxes(void* object, const freshframe_sample* sample, freshframe_value* out,
                     freshframe_error* error) {
  static float numbers[8];
  static int32_t classes[2];
  node* self = object;
  freshframe_column columns[4] = {
      {"xyxy", "float32", 2, 0, {2, 4, 0, 0}, {16, 4, 0, 0}, numbers, sizeof numbers},
      {"confidence", "float32", 1, 0, {2, 0, 0, 0}, {4, 0, 0, 0}, numbers, sizeof numbers},
      {"class_id", "int32", 1, 0, {2, 0, 0, 0}, {4, 0, 0, 0}, classes, sizeof classes},
      {"velocity", "float32", 2, 0, {2, 2, 0, 0}, {8, 4, 0, 0}, numbers, sizeof numbers},
  };
  static freshframe_column given[4];
  (void)sample, (void)error;
  if (is(self, "another column")) columns[3].name = "size";
  if (is(self, "other rows")) columns[3].shape[0] = 1;
  if (is(self, "latin-1 column")) columns[3].name = "caf\xe9";
  if (is(self, "endless")) columns[3].shape[0] = INT64_C(1) << 60, columns[3].shape[1] = 0;
  if (is(self, "huge")) {
    for (int i = 0; i < 4; ++i) columns[i].shape[0] = INT64_C(1) << 40, columns[i].strides[0] = 0;
  }
  if (is(self, "uint16")) columns[3].name = "size", columns[3].dtype = "uint16";
  if (is(self, "short")) columns[3].name = "size", columns[3].shape[0] = 1;
#ifdef FURTHER_COLUMNS /* which the first version of the header has not */
  if (is(self, "latin-1 text") || is(self, "no text")) {
    static freshframe_text texts[2];
    texts[0].data = "caf\xe9", texts[0].bytes = is(self, "no text") ? 3 : 4;
    texts[1].data = 0, texts[1].bytes = is(self, "no text") ? 4 : 0;
    columns[3] = (freshframe_column){"size", "text", 1, 0, {2, 0, 0, 0}, {16, 0, 0, 0}, texts, sizeof texts};
  }
#endif
  memcpy(given, columns, sizeof given);
  out->type = "detections";
  out->columns.data = given;
  out->columns.count = 4;
  out->columns.element_size = sizeof given[0];
  return 1;
}

#define HEAD sizeof(freshframe_node), FRESHFRAME_ABI_VERSION
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"  // for functions that the first version does not have
FRESHFRAME_EXPORT const freshframe_node freshframe_node_1_misuse = {
    HEAD, "misuse", "frame", "float64", 0, 0, create, destroy, open_, process, 0, close_, 0};
FRESHFRAME_EXPORT const freshframe_node freshframe_node_1_keeper = {
    HEAD, "keeper", "frame", "frame", 0, 0, create, destroy, open_, process_frame, 0, close_, 0};
FRESHFRAME_EXPORT const freshframe_node freshframe_node_1_stamps = {
    HEAD, "stamps", 0, "float64", 0, 0, create, destroy, open_, 0, read_, close_, 0};
FRESHFRAME_EXPORT const freshframe_node freshframe_node_1_boxes = {
    HEAD, "boxes", "frame", "detections", 0, 0, create, destroy, open_, boxes, 0, close_, 0};
#ifdef FURTHER_COLUMNS
FRESHFRAME_EXPORT const freshframe_node freshframe_node_1_wide = {
    HEAD, "wide", "frame", "detections", 0, 0, create, destroy, open_, boxes, 0, close_, 0,
    .flags = FRESHFRAME_FURTHER_COLUMNS};
#endif
FRESHFRAME_EXPORT const freshframe_node freshframe_node_1_latin_1 = {
    HEAD, "caf\xe9", "frame", "float64", 0, 0, create, destroy, open_, process, 0, close_, 0};
FRESHFRAME_EXPORT const freshframe_node freshframe_node_1_nameless = {
    HEAD, "", "frame", "float64", 0, 0, create, destroy, open_, process, 0, close_, 0};
FRESHFRAME_EXPORT const freshframe_node freshframe_node_1_larger = {
    1000, FRESHFRAME_ABI_VERSION, "x", "frame", "float64", 0, 0, create, destroy, open_, process, 0, close_,
    0};
FRESHFRAME_EXPORT const freshframe_node* const freshframe_node_1_pointer = &freshframe_node_1_misuse;
FRESHFRAME_EXPORT void freshframe_node_1_function(void) {}
FRESHFRAME_EXPORT int data = 5;
