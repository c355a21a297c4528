/* The C border between the engine and native nodes of users: plain C11, also C++; links nothing.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Rules of the interface
 * - Every struct starts with its size as known to the side that created it. Neither side reads beyond the
 *   smaller of the two sizes. New fields are appended; nothing is reordered. FRESHFRAME_ABI_VERSION changes
 *   only if this rule is broken, and the names of the exported symbols change with it.
 * - The side that allocated memory frees it. Exceptions do not cross. Strings are UTF-8 and null-terminated.
 * - A function that can fail returns a negative number and writes a message into the freshframe_error that it
 *   was given.
 * - Types are identified by name: "frame", "circles", "detections", "float64", "array" and "table".
 * - The engine does not hold Python's GIL when it calls a node, except in destroy() and tick_every().
 *   Constructors of an extension's own class also run with it.
 */
#ifndef FRESHFRAME_ABI_H
#define FRESHFRAME_ABI_H

#include <stdint.h>

#define FRESHFRAME_ABI_VERSION 1

#if defined(__GNUC__)
#define FRESHFRAME_EXPORT __attribute__((visibility("default")))
#else
#define FRESHFRAME_EXPORT
#endif

/* The symbol that a shared library exports for the node `name`: a freshframe_node. */
#define FRESHFRAME_NODE_SYMBOL(name) freshframe_node_1_##name

/* NOLINTBEGIN(readability-identifier-naming): names of C */
#ifdef __cplusplus
extern "C" {
#endif

/* ---- a function: ff.native.load() and ff.native.function() ------------------------------------------------- */

/* One call per frame, always by one thread at a time.
 * pixels   first byte of the image: 1 byte per pixel (gray) or 3 (bgr, rgb); read only, valid during the call
 * width    pixels per row
 * height   rows
 * stride   bytes from the start of a row to the start of the next
 * pts      seconds in the source's own time
 * seq      number of the frame at its source, from 0
 * source   index of the source node in its pipeline
 * out      zeroed memory for the result
 * max_rows rows that fit into `out`; 0 if the result's shape is fixed
 * state    the node's private copy of the bytes passed as state=, aligned for any type; null if there are none
 * returns  0, or the number of rows if it varies; negative on error
 *
 * A library may describe its errors: `const char* NAME_error(int32_t code)` beside the function NAME. */
typedef int32_t (*freshframe_function)(const uint8_t* pixels, int32_t width, int32_t height, int64_t stride,
                                       double pts, int64_t seq, int32_t source, void* out, int32_t max_rows,
                                       void* state);
typedef const char* (*freshframe_function_error)(int32_t code);

/* ---- values -------------------------------------------------------------------------------------------------- */

/* An array of structs whose size may grow between versions: read entry i at (const char*)data + i *
 * element_size. */
typedef struct freshframe_array {
  const void* data; /* null if count is 0 */
  uint64_t count;
  uint64_t element_size; /* bytes from one entry to the next */
} freshframe_array;

/* One component array of a picture. */
typedef struct freshframe_plane {
  const uint8_t* data;
  int32_t rows;
  int32_t row_bytes; /* bytes of a row that hold pixels; may be less than `stride` */
  int64_t stride;    /* bytes from the start of one row to the start of the next, at least row_bytes */
} freshframe_plane;

/* A view of an image's pixels. */
typedef struct freshframe_picture {
  uint64_t size; /* sizeof(freshframe_picture) */
  int32_t width;
  int32_t height;          /* pixels */
  const char* format;      /* "gray", "nv12", "i420", "i422", "i444", "bgr" or "rgb"; 8 bits per sample */
  const char* range;       /* "limited" (16 to 235) or "full" (0 to 255); null: limited */
  const char* space;       /* "unspecified", "bt601", "bt709" or "bt2020"; null: unspecified */
  freshframe_array planes; /* of freshframe_plane: 1, 2 (nv12) or 3 (planar YUV) */
} freshframe_picture;

/* An opaque frame of the engine. freshframe_host has the functions that read it. */
typedef struct freshframe_frame freshframe_frame;

/* One entry of a string column. */
typedef struct freshframe_text {
  const char* data; /* UTF-8, not null-terminated; null only if `bytes` is 0 */
  uint64_t bytes;
} freshframe_text;

/* A named array. */
typedef struct freshframe_column {
  const char* name; /* unique in its table, at most 1000 bytes; "" for the only column of an "array" */
  const char*
      dtype; /* "bool", "int8" to "int64", "uint8" to "uint64", "float32" or "float64"; "text", of freshframe_text,
                         only in further columns of "detections" */
  int32_t ndim;       /* 1 to 4; 0 to 4 for an "array" */
  int32_t reserved;   /* 0 */
  int64_t shape[4];   /* in elements; only the first ndim are used, the rest are 0 */
  int64_t strides[4]; /* in bytes, a multiple of the dtype's size, at least 0; the first ndim are used */
  const void* data;   /* aligned for its dtype; null only when there are no elements */
  uint64_t bytes;     /* size of the memory at `data`, which contains every element */
} freshframe_column;

/* A value of one of the named types.
 * "circles":    xyr (n, 3) float32 and confidence (n,) float32; tracker_id (n,) int64, velocity (n, 2) float32,
 *               track_age (n,) float32 and track_confidence (n,) float32 are optional
 * "detections": xyxy (n, 4) float32, confidence (n,) float32 and class_id (n,) int32; the tracker's columns are
 *               optional, as in "circles".
 *               With FRESHFRAME_FURTHER_COLUMNS a node also gives and receives the columns of Python's
 *               Detections.data, such as mask, keypoints, corners and place: float32, float64, int32, int64, bool or
 *               text, 1 to 4 dimensions, one row per box. Columns of Python objects or of more dimensions are left
 *               out by the engine. All other columns are rejected.
 * "array":      one column
 * "table":      any columns */
typedef struct freshframe_value {
  uint64_t size; /* sizeof(freshframe_value) */
  const char* type;
  double number;            /* for "float64" */
  freshframe_frame* frame;  /* for "frame" */
  freshframe_array columns; /* of freshframe_column: for all other types */
  void* owner;              /* passed to `release` */
  void (*release)(
      void* owner); /* called once per value given out, from any thread, with or without the GIL, until
                                   the process ends; null: nothing to release. The engine calls it also for a value
                                   that it refuses. Null in values that the engine gives. */
} freshframe_value;

/* Which clock a wall time was read from. */
enum freshframe_utc_from {
  FRESHFRAME_UTC_NONE = 0,    /* no wall time */
  FRESHFRAME_UTC_ARRIVAL = 1, /* this machine's clock when the packet arrived */
  FRESHFRAME_UTC_FILE = 2,    /* the file's creation time plus pts */
  FRESHFRAME_UTC_DEVICE = 3,  /* this machine's clock when the device captured the image */
  FRESHFRAME_UTC_CAMERA = 4,  /* the camera's own clock */
  FRESHFRAME_UTC_BROWSER = 5  /* the capture time that a browser gave, by this machine's clock */
};

/* Where a sample comes from: its number, its timestamps and its source. */
typedef struct freshframe_stamp {
  uint64_t size; /* sizeof(freshframe_stamp) */
  /* Frame number at the source, from 0, with gaps where a device lost frames. A source may leave -1 to get
   * the next number. Numbers must increase, or the source fails. */
  int64_t seq;
  double pts; /* seconds in the source's own time: any finite number */
  /* CLOCK_MONOTONIC at which the device, file or network delivered it. A source may leave 0, which means
   * now. It may go backwards, as in video with B-frames. A time in the future is replaced by now. */
  int64_t captured_ns;
  uint64_t dropped; /* samples dropped on this edge since the previous one */
  int32_t source;   /* index of the source node in its pipeline */
  /* 1 if part of the image, or of one that it was predicted from, was lost in transit or could not be
   * decoded. 0 in stamps from a source and from engines that do not know this field. */
  int32_t damaged;
  /* Since 0.2: engines that do not know the following fields pass a smaller `size`. Unix time of the
   * capture in seconds; meaningless if `utc_from` is FRESHFRAME_UTC_NONE. */
  double utc;
  /* Uncertainty of `utc` in seconds (plus or minus), by that clock; at least 0. Infinity if unknown. */
  double utc_error;
  /* freshframe_utc_from. A live source may leave FRESHFRAME_UTC_NONE: the engine then fills in the arrival
   * time. */
  int32_t utc_from;
  /* Index among the results that one node emitted with this seq, from 0. Leave 0 in a source and in stamps
   * passed to emit(). */
  int32_t part;
} freshframe_stamp;

/* A node's input. Everything in it is valid only during the call. */
typedef struct freshframe_sample {
  uint64_t size; /* sizeof(freshframe_sample) */
  const freshframe_stamp* stamp;
  const freshframe_value* value;
  const freshframe_frame*
      frame; /* that the value was made from; the value itself when that is a frame; may be null */
} freshframe_sample;

/* Buffer for an error message. */
typedef struct freshframe_error {
  uint64_t size;     /* sizeof(freshframe_error) */
  char* text;        /* an empty string on entry */
  uint64_t capacity; /* in bytes, including the null terminator */
} freshframe_error;

/* ---- options ------------------------------------------------------------------------------------------------- */

enum freshframe_option_kind {
  FRESHFRAME_OPTION_BOOL = 1,    /* `integer` is 0 or 1 */
  FRESHFRAME_OPTION_INT64 = 2,   /* `integer` */
  FRESHFRAME_OPTION_FLOAT64 = 3, /* `number` */
  FRESHFRAME_OPTION_TEXT = 4,    /* `data`: null-terminated, `count` bytes without the terminator */
  FRESHFRAME_OPTION_BYTES = 5,   /* `data`, `count` bytes */
  FRESHFRAME_OPTION_NUMBERS = 6  /* `data`, `count` doubles */
};

/* The value of an option; valid until create() returns. */
typedef struct freshframe_option {
  uint64_t size;    /* sizeof(freshframe_option) */
  int32_t kind;     /* freshframe_option_kind */
  int32_t reserved; /* 0 */
  int64_t integer;
  double number; /* also set for FRESHFRAME_OPTION_INT64 */
  const void* data;
  uint64_t count;
} freshframe_option;

/* Passed to create(). */
typedef struct freshframe_options {
  uint64_t size; /* sizeof(freshframe_options) */
  void* self;    /* first argument of `get` */
  /* Looks up an option and declares its name. An option that was given but never looked up is an error,
   * and the message lists the declared names. Returns 1 and fills `out`, or 0 if the option was not given.
   * Set out->size before the call. */
  int32_t (*get)(void* self, const char* name, freshframe_option* out);
} freshframe_options;

/* ---- functions of the engine ---------------------------------------------------------------------------------- */

enum freshframe_log_level {
  FRESHFRAME_LOG_DEBUG = 0,
  FRESHFRAME_LOG_INFO = 1,
  FRESHFRAME_LOG_WARNING = 2,
  FRESHFRAME_LOG_ERROR = 3
};

/* Passed to open(). Valid until destroy(), or forever for a node that is never destroyed. All functions
 * are thread-safe. After close(), those that make or convert frames fail, and the others do nothing. */
typedef struct freshframe_host {
  uint64_t size;    /* sizeof(freshframe_host) */
  uint64_t version; /* FRESHFRAME_ABI_VERSION of the engine */
  void* self;       /* first argument of each function */

  /* Logs one line. No line breaks; truncated at 16 KiB. Never blocks. */
  void (*log)(void* self, int32_t level, const char* text);
  /* Counts samples that the node itself lost, for stats(). Cause: "device", "decode" or "error". */
  void (*count_drops)(void* self, const char* cause, uint64_t count);
  /* The pipeline's clock in nanoseconds; CLOCK_MONOTONIC unless it is simulated. */
  int64_t (*now_ns)(void* self);
  /* Returns 1 once the pipeline is stopping. Code that waits or runs for long must check it. */
  int32_t (*stop_requested)(void* self);
  /* A file descriptor for poll() that becomes readable when the pipeline stops, or -1. Do not read or
   * close it. */
  int32_t (*stop_fd)(void* self);
  /* Sleeps for `seconds` of the pipeline's clock and returns 0. Returns 1 immediately if the pipeline
   * stops. */
  int32_t (*wait)(void* self, double seconds);

  /* Gets a frame's pixels, in `format` or, if that is null, in the frame's own. A conversion runs once and
   * is shared by all users. "gray" is the luma of a YUV frame, not copied, in the video's range. The
   * planes in `out` are valid as long as the frame. Returns 0, or a negative number if the conversion is
   * not supported. Set out->size before the call. */
  int32_t (*picture)(void* self, const freshframe_frame* frame, const char* format, freshframe_picture* out);
  /* Returns a handle to the same frame that outlives the call, or null if out of memory. Free it with
   * release_frame(). It counts towards the pipeline's limit of frames on loan. */
  freshframe_frame* (*keep_frame)(void* self, const freshframe_frame* frame);
  /* Allocates an image in the engine's pool with the size, format, range and space of `wanted`. The planes
   * in `out` may be written (cast away the const) until the frame is released or emitted as a value, which
   * transfers ownership. Returns null for an invalid size or format, or if out of memory. Set out->size
   * before the call. */
  freshframe_frame* (*make_frame)(void* self, const freshframe_picture* wanted, freshframe_picture* out);
  /* Wraps the caller's own memory as a frame. The pixels must not change afterwards. `release` is called
   * once, from any thread, when the last user has dropped the frame. Returns null for an invalid image;
   * `release` is then not called. */
  freshframe_frame* (*wrap_frame)(void* self, const freshframe_picture* picture, void* owner,
                                  void (*release)(void* owner));
  /* Frees a handle from keep_frame(), or a frame from make_frame() or wrap_frame() that was not emitted.
   * Does not use `self` and may be called until the process ends, even after the node is gone. */
  void (*release_frame)(void* self, freshframe_frame* frame);
} freshframe_host;

/* Emits the results of a node with several results per sample. Valid only during the call it was passed
 * to, on that thread. */
typedef struct freshframe_outlet {
  uint64_t size; /* sizeof(freshframe_outlet) */
  void* self;    /* first argument of `emit` */
  /* Sends a result to the children; blocks while one of their blocking queues is full. Takes ownership of
   * what `value` holds, whatever it returns. Returns 1 to continue; 0 if the pipeline is stopping: return
   * soon (never in finish()); negative if the result was rejected: return soon, and the engine fails the
   * call with its own message.
   * like   null: the result belongs to the sample of the call or, in on_tick() and finish(), to the node's own
   *        stream. Otherwise the stamp of an earlier sample of this node. Its seq must not be less than that of
   *        the previous result with the same source.
   * frame  with `like`: the frame that the children get with the value, or null. The caller keeps ownership. */
  int32_t (*emit)(void* self, const freshframe_value* value, const freshframe_stamp* like,
                  const freshframe_frame* frame);
} freshframe_outlet;

/* ---- functions of a node -------------------------------------------------------------------------------------- */

/* What a node can do. */
enum freshframe_node_flags {
  FRESHFRAME_FURTHER_COLUMNS = 1 /* its "detections" include all columns, not only the standard ones */
};

/* One kind of node, exported as FRESHFRAME_NODE_SYMBOL(name). open(), process(), process_out(), read(),
 * on_tick(), finish() and close() are all called on one thread. create() is called on the thread that
 * makes the node, destroy() on any thread. */
typedef struct freshframe_node {
  uint64_t size;      /* sizeof(freshframe_node) */
  uint64_t version;   /* FRESHFRAME_ABI_VERSION that the plugin was compiled with */
  const char* name;   /* default name in a pipeline */
  const char* input;  /* type of its input; null: a source */
  const char* output; /* type of its output; null: a sink */
  int32_t live;       /* of a source: 1 when it cannot wait (a camera), 0 when it can (a file) */
  int32_t reserved;   /* 0 */

  /* Required. Creates a node, or returns null on error. */
  void* (*create)(const freshframe_options* options, freshframe_error* error);
  /* Required. May be called with Python's GIL held: it must not wait for a thread that needs the GIL. */
  void (*destroy)(void* self);
  /* Required. Called before the first sample. `host` is valid until destroy(). Returns 0, or negative on
   * error. */
  int32_t (*open)(void* self, const freshframe_host* host, freshframe_error* error);
  /* Required, except for a source or a node with process_out(). Returns 1 if `out` is filled, 0 to emit
   * nothing, negative on error. On entry `out` is zeroed apart from its size. Memory owned by `out` must
   * stay valid until `out->release` is called. */
  int32_t (*process)(void* self, const freshframe_sample* sample, freshframe_value* out,
                     freshframe_error* error);
  /* Required for a source. Returns 1 if `out` and `stamp` are filled, 0 at the end of the stream, negative
   * on error. On entry `stamp` has seq -1, pts 0 and captured_ns 0. May block, but must return when the
   * pipeline stops. */
  int32_t (*read)(void* self, freshframe_value* out, freshframe_stamp* stamp, freshframe_error* error);
  /* Called once if open() succeeded, even after a failure. May be null. Returns 0, or negative on error. */
  int32_t (*close)(void* self, freshframe_error* error);
  /* Reserved for several samples per call; may be null. An engine of version 1 never calls it. `samples`
   * holds freshframe_sample, `outs` as many freshframe_value. Bit i of `given` means that out i is filled. */
  int32_t (*process_batch)(void* self, freshframe_array samples, freshframe_array outs, uint64_t* given,
                           freshframe_error* error);

  /* Since 0.2, not for sources. An engine that does not know these four fields sees a smaller table: it
   * calls process(), and rejects a node that has only process_out(). Called instead of process() to emit
   * any number of results with outlet->emit(). Returns 0, or negative on error. The default queues
   * downstream of such a node block. */
  int32_t (*process_out)(void* self, const freshframe_sample* sample, const freshframe_outlet* outlet,
                         freshframe_error* error);
  /* The interval of on_tick() in seconds, more than 0 and at most a day. Called once, after the node is
   * created. Set either both of these functions or neither. */
  double (*tick_every)(void* self);
  /* Called between two samples or while waiting for one, at the pipeline's start + k x tick_every(). If
   * several ticks are overdue, only the last one is called. `now_ns` is the pipeline's clock. Returns 0,
   * or negative on error. */
  int32_t (*on_tick)(void* self, int64_t now_ns, const freshframe_outlet* outlet, freshframe_error* error);
  /* Called once before close(), when all parents have ended or the pipeline stops, but not after any node
   * of the pipeline has failed. May be null. Returns 0, or negative on error. */
  int32_t (*finish)(void* self, const freshframe_outlet* outlet, freshframe_error* error);
  /* Since 0.2. Bits of freshframe_node_flags. An engine that does not know this field sees a smaller table
   * and neither gives nor accepts further columns. */
  uint64_t flags;
} freshframe_node;

/* Makes an object of an extension module's own class usable as a node: its method __freshframe_node__()
 * returns a capsule "freshframe.node.1" that points to this. The engine renames the capsule to
 * "freshframe.node.1.used" and keeps the Python object alive as long as it uses `self`. It never calls
 * create() or destroy(). */
typedef struct freshframe_object {
  uint64_t size; /* sizeof(freshframe_object) */
  const freshframe_node* node;
  void* self; /* passed to `node`'s functions */
  /* May be null, or beyond `size`. A pipeline that takes the object changes it from 0 to 1, so that no
   * other pipeline takes it. Reset to 0 if that pipeline ends without calling open(). Valid as long as
   * `self`. */
  int32_t* taken;
} freshframe_object;

#define FRESHFRAME_CAPSULE "freshframe.node.1"
#define FRESHFRAME_CAPSULE_USED "freshframe.node.1.used"

#ifdef __cplusplus
}
#endif
/* NOLINTEND(readability-identifier-naming) */

#endif /* FRESHFRAME_ABI_H */
