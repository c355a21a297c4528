/* The C border between the engine and native nodes of users: plain C11, also C++; links nothing.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Rules of the border
 * - Each struct begins with its size as the maker of the struct knows it. Each side reads no more than the smaller
 *   of the two sizes. Additions append; nothing is reordered. FRESHFRAME_ABI_VERSION changes only when that rule is
 *   broken, and then the names of the exported symbols change with it.
 * - Memory is freed by the side that allocated it. No exception crosses. Text is UTF-8 and ends with a zero byte.
 * - A function that can fail returns a negative number and writes a text into the freshframe_error that it was given.
 * - Types go by name: "frame", "circles", "detections", "float64", "array" and "table".
 * - No function of a node is called with Python's GIL held, except for destroy(), tick_every(), and constructors of an
 *   extension's own class.
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

/* The symbol of the node `name` in a shared library. It is a freshframe_node. */
#define FRESHFRAME_NODE_SYMBOL(name) freshframe_node_1_##name

/* NOLINTBEGIN(readability-identifier-naming): names of C */
#ifdef __cplusplus
extern "C" {
#endif

/* ---- a function: ff.native.load() and ff.native.function() ------------------------------------------------- */

/* One call per frame, always by one thread at a time.
 * pixels   first byte of the picture: 1 byte per pixel (gray) or 3 (bgr, rgb); read only, valid during the call
 * width    pixels per row
 * height   rows
 * stride   bytes from the start of a row to the start of the next
 * pts      seconds in the source's own time
 * seq      number of the frame at its source, from 0
 * source   index of the source node in its pipeline
 * out      zeroed memory for the result
 * max_rows rows that `out` has room for; 0 when the result's shape is fixed
 * state    the node's private copy of the bytes given as state=, aligned for any type; null without any
 * returns  0, or the number of rows when their number varies; negative: an error
 *
 * A library may name its errors: `const char* NAME_error(int32_t code)` beside the function NAME. */
typedef int32_t (*freshframe_function)(const uint8_t* pixels, int32_t width, int32_t height, int64_t stride,
                                       double pts, int64_t seq, int32_t source, void* out, int32_t max_rows,
                                       void* state);
typedef const char* (*freshframe_function_error)(int32_t code);

/* ---- values -------------------------------------------------------------------------------------------------- */

/* A run of structs that may grow: read entry i at (const char*)data + i * element_size. */
typedef struct freshframe_array {
  const void* data;      /* null when count is 0 */
  uint64_t count;        /* entries */
  uint64_t element_size; /* bytes from one entry to the next */
} freshframe_array;

/* One component array of a picture. */
typedef struct freshframe_plane {
  const uint8_t* data; /* first byte of the first row */
  int32_t rows;
  int32_t row_bytes; /* bytes of a row that are pixels */
  int64_t stride;    /* bytes from row start to row start, at least row_bytes */
} freshframe_plane;

/* A view of a picture's pixels. */
typedef struct freshframe_picture {
  uint64_t size;           /* sizeof(freshframe_picture) */
  int32_t width;           /* pixels */
  int32_t height;          /* pixels */
  const char* format;      /* "gray", "nv12", "i420", "i422", "i444", "bgr" or "rgb"; 8 bits per sample */
  const char* range;       /* "limited" (16 to 235) or "full" (0 to 255); null: limited */
  const char* space;       /* "unspecified", "bt601", "bt709" or "bt2020"; null: unspecified */
  freshframe_array planes; /* of freshframe_plane: 1, 2 (nv12) or 3 (planar YUV) */
} freshframe_picture;

/* A frame as the engine keeps it; freshframe_host has the functions that read it. */
typedef struct freshframe_frame freshframe_frame;

/* One entry of a column of text. */
typedef struct freshframe_text {
  const char* data; /* UTF-8 without a zero byte at its end; null only when `bytes` is 0 */
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
  int64_t shape[4];   /* elements; the first ndim are used, the others are 0 */
  int64_t strides[4]; /* bytes, at least 0 and a multiple of the dtype's size; the first ndim are used */
  const void* data;   /* aligned for its dtype; null only when there are no elements */
  uint64_t bytes;     /* memory behind `data`: all elements lie within it */
} freshframe_column;

/* A value of one of the named types.
 * "circles":    xyr (n, 3) float32 and confidence (n,) float32; tracker_id (n,) int64, velocity (n, 2) float32,
 *               track_age (n,) float32 and track_confidence (n,) float32 are optional
 * "detections": xyxy (n, 4) float32, confidence (n,) float32 and class_id (n,) int32; the tracker's columns are
 *               optional, as in "circles"
 *               Of a node with FRESHFRAME_FURTHER_COLUMNS also those of Python's Detections.data, such as mask, keypoints,
 *               corners and place: float32, float64, int32, int64, bool or text, 1 to 4 dimensions, a row for each box.
 *               The engine leaves out those of Python objects and of more dimensions.
 *               Other columns are refused.
 * "array":      one column
 * "table":      any columns */
typedef struct freshframe_value {
  uint64_t size;            /* sizeof(freshframe_value) */
  const char* type;         /* name of the type */
  double number;            /* of "float64" */
  freshframe_frame* frame;  /* of "frame" */
  freshframe_array columns; /* of freshframe_column: of all other types */
  void* owner;              /* for `release` */
  void (*release)(
      void* owner); /* called once per value given out, from any thread, with or without the GIL, until
                                   the process ends; null: nothing to release. The engine calls it also for a value
                                   that it refuses. Null in values that the engine gives. */
} freshframe_value;

/* The clock of a wall time. */
enum freshframe_utc_from {
  FRESHFRAME_UTC_NONE = 0,    /* there is no wall time */
  FRESHFRAME_UTC_ARRIVAL = 1, /* this machine's, when the packet arrived */
  FRESHFRAME_UTC_FILE = 2,    /* the file's creation time plus pts */
  FRESHFRAME_UTC_DEVICE = 3,  /* this machine's, when the device took the picture */
  FRESHFRAME_UTC_CAMERA = 4   /* the camera's own */
};

/* The origin of a sample: number, times and source. */
typedef struct freshframe_stamp {
  uint64_t size; /* sizeof(freshframe_stamp) */
  /* Number at its source, from 0, with gaps for what a device lost. A source may leave -1: the next number. Each is
   * greater than the one before, else the source ends with an error. */
  int64_t seq;
  double pts; /* seconds in the source's own time: any finite number */
  /* CLOCK_MONOTONIC when device, file or network handed it over; a source may leave 0: now. It may go back, as in a
   * video with B-frames. A time to come counts as now. */
  int64_t captured_ns;
  uint64_t dropped; /* samples dropped on this edge since the previous one */
  int32_t source;   /* index of the source node in its pipeline */
  /* 1: a part of its picture, or of one that it was predicted from, was lost on the way or could not be
   * decoded. An engine that does not know this has 0, and so has a source. */
  int32_t damaged;
  /* Since 0.2. An engine that does not know these three has a smaller `size`.
   * Unix time of the capture in seconds; of no meaning where `utc_from` is FRESHFRAME_UTC_NONE. */
  double utc;
  /* Seconds: half the width of what is known of `utc`, as that clock goes; infinity: not known. At least 0. */
  double utc_error;
  /* freshframe_utc_from. A source may leave FRESHFRAME_UTC_NONE: if it is live, the engine gives the time of arrival. */
  int32_t utc_from;
  /* Number among the results that one node gave with this seq, from 0. A source and a stamp given to emit() leave 0. */
  int32_t part;
} freshframe_stamp;

/* The input of a node; everything in it is valid during the call. */
typedef struct freshframe_sample {
  uint64_t size; /* sizeof(freshframe_sample) */
  const freshframe_stamp* stamp;
  const freshframe_value* value;
  const freshframe_frame*
      frame; /* that the value was made from; the value itself when that is a frame; may be null */
} freshframe_sample;

/* Room for the text of an error. */
typedef struct freshframe_error {
  uint64_t size;     /* sizeof(freshframe_error) */
  char* text;        /* empty when the function is called */
  uint64_t capacity; /* bytes, with the zero byte at the end */
} freshframe_error;

/* ---- options ------------------------------------------------------------------------------------------------- */

enum freshframe_option_kind {
  FRESHFRAME_OPTION_BOOL = 1,    /* `integer` is 0 or 1 */
  FRESHFRAME_OPTION_INT64 = 2,   /* `integer` */
  FRESHFRAME_OPTION_FLOAT64 = 3, /* `number` */
  FRESHFRAME_OPTION_TEXT = 4,    /* `data` with a zero byte behind `count` bytes */
  FRESHFRAME_OPTION_BYTES = 5,   /* `data`, `count` bytes */
  FRESHFRAME_OPTION_NUMBERS = 6  /* `data`, `count` doubles */
};

/* The value of an option; valid until create() returns. */
typedef struct freshframe_option {
  uint64_t size;    /* sizeof(freshframe_option) */
  int32_t kind;     /* freshframe_option_kind */
  int32_t reserved; /* 0 */
  int64_t integer;
  double number; /* also of FRESHFRAME_OPTION_INT64 */
  const void* data;
  uint64_t count;
} freshframe_option;

/* Given to create(). */
typedef struct freshframe_options {
  uint64_t size; /* sizeof(freshframe_options) */
  void* self;    /* first argument of `get` */
  /* Looks an option up and thereby declares its name. An option that was given and never looked up is refused, and
   * the error lists the declared names. Returns 1 and fills `out`, or 0 when it was not given. Set out->size before. */
  int32_t (*get)(void* self, const char* name, freshframe_option* out);
} freshframe_options;

/* ---- functions of the engine ---------------------------------------------------------------------------------- */

enum freshframe_log_level {
  FRESHFRAME_LOG_DEBUG = 0,
  FRESHFRAME_LOG_INFO = 1,
  FRESHFRAME_LOG_WARNING = 2,
  FRESHFRAME_LOG_ERROR = 3
};

/* Given to open(); valid until destroy() is called, or forever for a node that is never destroyed. Every function may be
 * called from any thread. After close() those that make or convert frames fail, and the others do nothing. */
typedef struct freshframe_host {
  uint64_t size;    /* sizeof(freshframe_host) */
  uint64_t version; /* FRESHFRAME_ABI_VERSION of the engine */
  void* self;       /* first argument of each function */

  /* One line, no line break, cut at 16 KiB; never blocks. */
  void (*log)(void* self, int32_t level, const char* text);
  /* Counts samples that the node lost by itself: cause "device", "decode" or "error". Shown in stats(). */
  void (*count_drops)(void* self, const char* cause, uint64_t count);
  /* The pipeline's clock in nanoseconds; CLOCK_MONOTONIC unless it is simulated. */
  int64_t (*now_ns)(void* self);
  /* 1 once the pipeline stops. Code that waits or runs for long must check it. */
  int32_t (*stop_requested)(void* self);
  /* A file descriptor for poll() that is readable once the pipeline stops; do not read or close it. -1: none. */
  int32_t (*stop_fd)(void* self);
  /* Sleeps for so many seconds of the pipeline's clock; 1 at once when it stops, else 0. */
  int32_t (*wait)(void* self, double seconds);

  /* The pixels of a frame. `format` null: the frame's own format; else converted once and shared by all users. "gray" is
   * the luma of a YUV frame without a copy, in the video's range. The planes in `out` are valid as long as the frame.
   * Returns 0, or a negative number: no such conversion. Set out->size before. */
  int32_t (*picture)(void* self, const freshframe_frame* frame, const char* format, freshframe_picture* out);
  /* A handle of the same frame that outlives the call; release_frame() ends it. It counts towards the pipeline's
   * bound of frames on loan. Null: no memory. */
  freshframe_frame* (*keep_frame)(void* self, const freshframe_frame* frame);
  /* A new picture of `wanted`'s size, format, range and space in memory of the engine's pool. `out` shows its planes,
   * which may be written (cast the const away) until the frame is given out as a value, which hands it over, or released.
   * Null: bad size or format, or no memory. Set out->size before. */
  freshframe_frame* (*make_frame)(void* self, const freshframe_picture* wanted, freshframe_picture* out);
  /* A frame of the caller's own memory, which must not change any more. `release` is called once, from any thread,
   * after the last user has dropped the frame. Null: bad picture; `release` is then not called. */
  freshframe_frame* (*wrap_frame)(void* self, const freshframe_picture* picture, void* owner,
                                  void (*release)(void* owner));
  /* Ends a handle of keep_frame(), or a frame of make_frame() or wrap_frame() that is not given out. Does not read
   * `self`, and may be called until the process ends, also when the node is gone. */
  void (*release_frame)(void* self, freshframe_frame* frame);
} freshframe_host;

/* The way out of a node of several results. Valid during the call that it was given to, on its thread. */
typedef struct freshframe_outlet {
  uint64_t size; /* sizeof(freshframe_outlet) */
  void* self;    /* first argument of `emit` */
  /* Sends a result to the children, and waits while a blocking queue of theirs is full. Takes over what `value` holds,
   * whatever it returns. 1: go on; 0: the pipeline stops, return soon (never within finish()); negative: refused, return
   * soon. The engine then fails the call with a text of its own.
   * like   null: the result belongs to the sample of the call; within on_tick() and finish() to a stream of the node's
   *        own. Else the stamp of an earlier sample of this node, whose seq must not be less than that of the result
   *        before with the same source.
   * frame  with `like`: the frame that the children get with the value; null: none. It stays the caller's. */
  int32_t (*emit)(void* self, const freshframe_value* value, const freshframe_stamp* like,
                  const freshframe_frame* frame);
} freshframe_outlet;

/* ---- functions of a node -------------------------------------------------------------------------------------- */

/* What a node can do. */
enum freshframe_node_flags {
  FRESHFRAME_FURTHER_COLUMNS = 1 /* its "detections" have all columns that there are */
};

/* One kind of node: exported as FRESHFRAME_NODE_SYMBOL(name). open(), process(), process_out() or read(), on_tick(),
 * finish() and close() are called by one thread, one at a time; create() by the thread that makes the node; destroy() by any thread. */
typedef struct freshframe_node {
  uint64_t size;      /* sizeof(freshframe_node) */
  uint64_t version;   /* FRESHFRAME_ABI_VERSION that the plugin was compiled with */
  const char* name;   /* the node's name in a pipeline that gives none */
  const char* input;  /* type of its input; null: a source */
  const char* output; /* type of its output; null: a sink */
  int32_t live;       /* of a source: 1 when it cannot wait (a camera), 0 when it can (a file) */
  int32_t reserved;   /* 0 */

  /* Required. Makes a node; null: an error. */
  void* (*create)(const freshframe_options* options, freshframe_error* error);
  /* Required. Python's GIL may be held: it must not wait for a thread that takes it. */
  void (*destroy)(void* self);
  /* Required. Before the first sample. `host` is valid until destroy(). 0, or negative. */
  int32_t (*open)(void* self, const freshframe_host* host, freshframe_error* error);
  /* Required unless it is a source, or has process_out. 1: `out` is filled; 0: nothing is emitted; negative: an error. `out` has its size
   * set and is otherwise zero. The memory that `out->release` frees must stay valid until that call. */
  int32_t (*process)(void* self, const freshframe_sample* sample, freshframe_value* out,
                     freshframe_error* error);
  /* Required of a source. 1: `out` and `stamp` are filled; 0: the stream has ended; negative: an error. On entry
   * `stamp` has seq -1, pts 0 and captured_ns 0. May wait, but must return when the pipeline stops. */
  int32_t (*read)(void* self, freshframe_value* out, freshframe_stamp* stamp, freshframe_error* error);
  /* Once after a successful open(), also after a failure. May be null. 0, or negative. */
  int32_t (*close)(void* self, freshframe_error* error);
  /* For several samples in one call: reserved, may be null. An engine of version 1 never calls it.
   * `samples`: of freshframe_sample; `outs`: of freshframe_value, as many; bit i of `given`: out i is filled. */
  int32_t (*process_batch)(void* self, freshframe_array samples, freshframe_array outs, uint64_t* given,
                           freshframe_error* error);

  /* Since 0.2, none of a source. An engine that does not know these four has a smaller table: it calls process(), and
   * refuses a node that has only process_out().
   * Instead of process(): any number of results, each by outlet->emit(). 0, or negative. The default queues below such a
   * node block. */
  int32_t (*process_out)(void* self, const freshframe_sample* sample, const freshframe_outlet* outlet,
                         freshframe_error* error);
  /* Seconds between two calls of on_tick(), more than 0 and at most a day; asked once, when the node has been made. Both
   * or none of the two is null. */
  double (*tick_every)(void* self);
  /* Between two samples, or while none comes, at the pipeline's start + k x tick_every(). Of several late calls only the
   * last takes place. `now_ns`: of the pipeline's clock. 0, or negative. */
  int32_t (*on_tick)(void* self, int64_t now_ns, const freshframe_outlet* outlet, freshframe_error* error);
  /* Once before close(), when all parents have ended or the pipeline stops; not after a failure of a node. May be null.
   * 0, or negative. */
  int32_t (*finish)(void* self, const freshframe_outlet* outlet, freshframe_error* error);
  /* Since 0.2. Bits of freshframe_node_flags. An engine that does not know these has a smaller table, and gives and takes
   * no further columns. */
  uint64_t flags;
} freshframe_node;

/* An extension module's own class as a node: the capsule "freshframe.node.1" of its method __freshframe_node__() points at
 * this. The engine renames the capsule to "freshframe.node.1.used", and keeps the Python object that gave it for as
 * long as it uses `self`; it calls neither create() nor destroy(). */
typedef struct freshframe_object {
  uint64_t size;               /* sizeof(freshframe_object) */
  const freshframe_node* node; /* its functions */
  void* self;                  /* their first argument */
  /* May be null, or missing by `size`. 0 until a pipeline takes the object, which sets 1: no other pipeline takes it
   * then. Back to 0 when that pipeline ends without having called open(). Valid as long as `self`. */
  int32_t* taken;
} freshframe_object;

#define FRESHFRAME_CAPSULE "freshframe.node.1"
#define FRESHFRAME_CAPSULE_USED "freshframe.node.1.used"

#ifdef __cplusplus
}
#endif
/* NOLINTEND(readability-identifier-naming) */

#endif /* FRESHFRAME_ABI_H */
