"""The native part of freshframe. Private: use the package."""

from collections.abc import (
    AsyncIterator,
    Callable,
    Iterator,
    Mapping,
    Sequence
)
import os
import types
from typing import Annotated, Any, Generic, Literal, NoReturn

import numpy
import numpy.typing
from numpy.typing import NDArray
from typing_extensions import CapsuleType, TypeVar

import freshframe
from freshframe._graph.join import JoinBy
from freshframe._graph.queue import WhenFull
from freshframe._look.stats import (
    DropCause,
    NodeDropCause,
    NodeState,
    SourceState,
    WorkerState
)


class Frame:
    """
    An immutable, shared image. Copying the object copies no pixels.

    Holding frames is safe: their memory is counted and limited (Pipeline(max_held_bytes=)).
    """

    def __init__(self, *args: NoReturn, **kwargs: NoReturn) -> None: ...

    def _repr_jpeg_(self) -> bytes:
        """
        The image as JPEG, for notebooks. Scaled down if a side is longer than 960 pixels. GIL: released
        """

    def jpeg(self, *, max_side: int | None = None, quality: int = 80) -> bytes:
        """
        Encodes the frame as a JPEG file, for example for a web page, a message or a database.

        The colours are converted to those of JFIF: full range, BT.601, 4:2:0. A gray frame stays gray.

        Args:
            max_side: Maximum width and height in pixels; a larger image is scaled down. None keeps the size.
            quality: 1 to 100.

        Raises:
            OptionError: max_side or quality is out of range.
            OptionTypeError: max_side or quality is not an integer.
        GIL: released
        """

    @staticmethod
    def read(path: str | os.PathLike[str], *, pts: float | None = None) -> Frame:
        """
        Decodes an image file, or one frame of a video file.

        Args:
            path: An image file, or a video file if `pts` is given.
            pts: Time in the video, in seconds. Returns the frame shown at this time: the last one whose pts is not greater.

        Raises:
            SourceError: The file cannot be read, is not an image, or ends before `pts`.
            OptionError: `pts` is negative.
            OptionTypeError: An argument has the wrong type.
        GIL: released
        """

    def write(self, path: str | os.PathLike[str]) -> None:
        """
        Writes a PNG or JPEG file, depending on the file name's suffix.

        An existing file is replaced atomically: other programs see either the old file or the complete new one, and the old one stays if writing fails, for example because the disk is full. The new file gets the mode of the old one. If `path` is a symlink, its target is replaced. Devices and pipes are written to directly. The file is in place when write() returns.

        Raises:
            OSError: The file cannot be written.
            OptionError: The suffix is not one of PNG or JPEG.
            OptionTypeError: `path` is not a path.
        GIL: released
        """

    def crops(self, boxes: Any, size: tuple[int, int], *, padding: float = 0.0) -> numpy.typing.NDArray[numpy.uint8]:
        """
        Cuts boxes out of the image and scales them to one size, for example as the batch of a second model.

        The pixels are equal to cv2.resize() of the same regions of `bgr`. Boxes are rounded outwards to whole pixels and clipped to the image.

        Args:
            boxes: n Detections, or (n, 4) numbers: left, top, right and bottom in pixels.
            size: Width and height of each crop, 1 to 4096 pixels.
            padding: Margin added on each side of a box, as a fraction of its width or height, 0 to 10.

        Returns:
            (n, height, width, 3) uint8 in BGR order. The crop of a box that is outside the image, or contains NaN or infinity, is all zeros.

        Raises:
            OptionError: The boxes have another shape, or a number is out of range.
        GIL: released
        """

    @property
    def device(self) -> str:
        """
        The device whose memory holds the image: "cpu", or a GPU such as "cuda:0".
        """

    @property
    def on_device(self, /) -> tuple[DevicePlane, DevicePlane] | None:
        """
        The luma and chroma planes (NV12) in GPU memory, or None if the image is in host memory. To keep images on the GPU, use open(on_device=True).
        """

    @property
    def width(self) -> int:
        """Width in pixels."""

    @property
    def height(self) -> int:
        """Height in pixels."""

    @property
    def format(self, /) -> Literal['gray', 'nv12', 'i420', 'i422', 'i444', 'bgr', 'rgb']:
        """The pixel format."""

    @property
    def color_range(self, /) -> Literal['limited', 'full']:
        """'limited' (luma 16 to 235, as in most video) or 'full'."""

    @property
    def color_space(self) -> str:
        """'bt601', 'bt709', 'bt2020' or 'unspecified'."""

    @property
    def damaged(self) -> bool:
        """
        True if part of the image, or of one that it was predicted from, was lost in transit or could not be decoded. Frames that a node makes from a damaged frame are damaged, too.
        """

    @property
    def planes(self, /) -> tuple[numpy.typing.NDArray[numpy.uint8], ...]:
        """
        One read-only array per plane, in the frame's own format: (H, W) uint8, (H, W, 2) for the chroma of nv12, (H, W, 3) for bgr and rgb. GIL: released while an image is downloaded from the GPU
        """

    @property
    def luma(self, /) -> numpy.typing.NDArray[numpy.uint8]:
        """
        (H, W) uint8, read-only. For YUV and gray frames this is plane 0, without a copy, in the stream's own range. For bgr and rgb it is converted once, then shared. GIL: released for the first conversion
        """

    @property
    def bgr(self, /) -> numpy.typing.NDArray[numpy.uint8]:
        """
        (H, W, 3) uint8, read-only; converted once, then shared by all users. To get a writable array, for example to draw on, use copy('bgr'). GIL: released for the first conversion, then held
        """

    @property
    def rgb(self, /) -> numpy.typing.NDArray[numpy.uint8]:
        """
        (H, W, 3) uint8, read-only; converted once, then shared by all users. GIL: released for the first conversion, then held
        """

    @property
    def array(self, /) -> numpy.typing.NDArray[numpy.uint8]:
        """
        The frame in its own format as one read-only array: (H, W, 3) for bgr and rgb, (H, W) for gray, (H*3//2, W) for nv12 and i420, (H*2, W) for i422, (3, H, W) for i444. Planar formats are packed once, then shared.

        Raises:
            FreshframeError: The format is subsampled and the size is odd: use planes, luma or bgr.
        GIL: released for the first packing, then held
        """

    def to(self, format: Literal['gray', 'nv12', 'i420', 'i422', 'i444', 'bgr', 'rgb']) -> Frame:
        """
        Returns the image in another format: gray, nv12, i420, i422, i444, bgr or rgb. GIL: released
        """

    def copy(self, format: Literal['gray', 'nv12', 'i420', 'i422', 'i444', 'bgr', 'rgb'] | None = None) -> numpy.typing.NDArray[numpy.uint8]:
        """
        Returns a new writable array in the given format. Default: the frame's own format for gray and rgb, otherwise bgr, so that OpenCV can draw on it. GIL: released
        """

    @staticmethod
    def from_array(array: Any, format: Literal['gray', 'nv12', 'i420', 'i422', 'i444', 'bgr', 'rgb', 'bgra', 'rgba'] = 'bgr', *, copy: bool = True) -> Frame:
        """
        Creates a frame from an array of uint8 pixels, by default in BGR order as in OpenCV. Arrays from PIL, imageio and PyTorch are in RGB order: pass format='rgb'. Screen capture, Qt and cairo use format='bgra'.

        All formats of `array` are supported, with the same shapes. 'bgra' and 'rgba' are (H, W, 4); the alpha channel is dropped, so they cannot be combined with copy=False. With copy=False the frame shares the array's memory, which must not change afterwards.

        Raises:
            OptionError: The shape does not fit the format.
            OptionTypeError: The array is not a uint8 array.
        GIL: released for a copy that takes longer than about half a millisecond
        """

    def __copy__(self) -> object:
        """The same frame."""

    def __deepcopy__(self, memo: object) -> object:
        """The same frame, because it never changes."""

    def __reduce__(self) -> tuple:
        """Raises OptionTypeError: a Frame cannot be pickled."""

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> numpy.typing.NDArray[Any]:
        """
        Returns `array`, for NumPy. Raises OptionError unless the frame is gray, bgr or rgb.
        """

    def __dlpack__(self, **kwargs: Any) -> Any:
        """
        Exports `array` to DLPack, if the frame is gray, bgr or rgb: read-only and without a copy for consumers that support version 1.0, as a separate copy for older ones. GIL: released while copying
        """

    def __dlpack_device__(self) -> tuple:
        """The CPU: (1, 0)."""

    def __eq__(self, other: object, /) -> bool:
        """True if both frames share their memory. Pixels are not compared."""

    def __hash__(self) -> int: ...

    def __repr__(self) -> str: ...

    def _nbytes(self) -> int:
        """Size of this frame's memory in bytes, including its conversions."""

class DevicePlane:
    """
    A uint8 plane in GPU memory, which must not be modified. torch.from_dlpack(plane) returns a tensor that shares this memory.
    """

    @property
    def shape(self, /) -> tuple[int, ...]:
        """(H, W) for luma, (H, W, 2) for chroma."""

    def __dlpack__(self, *, stream: int | None = None, max_version: tuple[int, int] | None = None, dl_device: tuple[int, int] | None = None, copy: bool | None = None) -> Any:
        """
        Exports the plane to DLPack: without a copy for consumers that support version 1.0, with a copy on the GPU for older ones. `dl_device=(1, 0)` exports the copy in host memory, which is made once and then shared.

        Work that is submitted to `stream` afterwards starts once the image is complete. -1 means no synchronization.

        Raises:
            BufferError: A copy is needed, but `copy=False`; or `dl_device` is another device.
            DeviceError: The GPU has failed, or has too little memory for a copy.
        GIL: released
        """

    def __dlpack_device__(self) -> tuple[int, int]:
        """(2, the number of the GPU)."""

    @property
    def __cuda_array_interface__(self, /) -> dict[str, Any]:
        """
        The plane for consumers without DLPack, such as Numba: version 3 of the interface, read-only, without a copy. Keep a reference to the plane while you read it.

        Raises:
            DeviceError: The GPU has failed.
        GIL: released
        """

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> numpy.typing.NDArray[Any]:
        """
        Returns the plane in host memory. The image is downloaded once, then shared.
        """

    def __repr__(self) -> str: ...

class Stamp:
    """
    The origin of a sample: its numbers, times and source. ``sample.stamp`` does not keep the frame alive, so a program may store any number of stamps.
    """

    @property
    def seq(self) -> int:
        """Same as Sample.seq."""

    @property
    def part(self) -> int:
        """Same as Sample.part."""

    @property
    def pts(self) -> float:
        """Same as Sample.pts."""

    @property
    def captured(self) -> float:
        """Same as Sample.captured."""

    @property
    def source(self) -> str:
        """Same as Sample.source."""

    @property
    def _source_number(self) -> int:
        """
        The number of the source. It is never reused, even by another source with the same name.
        """

    def __reduce__(self) -> tuple:
        """Raises OptionTypeError: a Stamp cannot be pickled."""

    def __repr__(self) -> str: ...

T_co = TypeVar("T_co", covariant=True, default=Any)

class Sample(Generic[T_co]):
    """
    A value with its source, number and times, and the frame from which it was made.

    Samples are compared by identity. Readers return them and nodes receive them; programs do not create them.
    """

    def __init__(self, *args: NoReturn, **kwargs: NoReturn) -> None: ...

    @property
    def value(self, /) -> T_co:
        """
        The value. It is converted to a Python object on first access, then kept.
        """

    @property
    def frame(self, /) -> Frame:
        """
        The frame from which the value was made. If the values are frames, it is the value itself.

        Raises:
            StateError: The sample has no frame: its reader was created with frames=False, or its value was not made from a frame.
        """

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> None:
        """Raises TypeError: use ``sample.frame.bgr`` for the pixels."""

    @property
    def seq(self) -> int:
        """Frame number at the source, from 0."""

    @property
    def part(self) -> int:
        """
        Index among the results that one node returned for the sample with this seq, from 0.
        """

    @property
    def stamp(self) -> Stamp:
        """
        The numbers, times and source of the sample, without its value and frame; for stamped(like=).
        """

    @property
    def pts(self) -> float:
        """Presentation timestamp in seconds, in the source's own time."""

    @property
    def captured(self) -> float:
        """
        Capture time as of time.monotonic(). docs/reference/time.md defines it for each source.
        """

    @property
    def utc(self, /) -> float | None:
        """
        Capture time as Unix time in seconds, by the clock named in `utc_from`; None if that is "none".
        """

    @property
    def utc_error(self) -> float:
        """
        Uncertainty of `utc` in seconds (plus or minus), as stated by its clock; inf if unknown.
        """

    @property
    def utc_from(self, /) -> Literal['none', 'arrival', 'file', 'device', 'camera', 'browser']:
        """
        The clock of `utc`: the camera's own ("camera"), this machine's when the device ("device") or the browser ("browser") captured the image or when the packet arrived ("arrival"), the file's creation time plus pts ("file"), or "none".
        """

    @property
    def damaged(self) -> bool:
        """
        True if the frame from which the value was made is damaged, see Frame.damaged.
        """

    @property
    def source(self) -> str:
        """Name of the source node."""

    @property
    def node(self) -> str:
        """
        Name of the node that emitted this sample. In a merge, it tells from which parent the sample came.
        """

    @property
    def members(self, /) -> tuple[Sample[Any] | None, ...]:
        """
        For a set of a join: the samples of the parents, in order, None where one is missing. `value` is the tuple of their values; everything else is taken from the first member. Otherwise ().
        """

    @property
    def path(self, /) -> str | None:
        """Path of the image file, for image sequences; None for other sources."""

    @property
    def dropped(self) -> int:
        """Samples dropped on this edge since the previous one."""

    @property
    def age(self) -> float:
        """Seconds since `captured`."""

    def __reduce__(self) -> tuple:
        """Raises OptionTypeError: a Sample cannot be pickled."""

    def __repr__(self) -> str: ...

class NodeHandle:
    """A native node before and after it is added."""

    @property
    def added(self) -> bool:
        """True once the node belongs to a pipeline."""

    @property
    def has_place(self) -> bool | None:
        """
        For a node passed to replace(): True once it has replaced the old node, False if it never will, None while undecided.
        """

    @property
    def live(self) -> bool:
        """True for a live source, which cannot wait for a slow consumer."""

    @property
    def gives_several(self) -> bool:
        """True if there may be any number of results per sample."""

    @property
    def tick_every(self) -> float | None:
        """Interval of on_tick() in seconds; None if the node has none."""

    @property
    def finishes(self) -> bool:
        """True if the node has finish()."""

    @property
    def default_name(self) -> str:
        """The name of the node if add() is called without name=."""

class QueuePolicy:
    """A Queue as the engine represents it."""

    def __init__(self, depth: int, when_full: str, max_seconds: float | None, max_bytes: int | None) -> None: ...

    @property
    def depth(self) -> int: ...

    @property
    def when_full(self) -> WhenFull: ...

    @property
    def max_seconds(self) -> float | None: ...

    @property
    def max_bytes(self) -> int | None: ...

    @property
    def blocks(self) -> bool:
        """True if a full queue makes the producer wait."""

    @property
    def name(self) -> str:
        """
        Name of a predefined queue, or a string such as "Queue(4, drop_newest)".
        """

def predefined_queues() -> dict[str, QueuePolicy]:
    """LATEST, NEXT, LOSSLESS and RECORDING, keyed by name."""

class BatchPolicy:
    """A Batch as the engine represents it."""

    def __init__(self, size: int, max_wait: float) -> None: ...

class JoinPolicy:
    """A Join as the engine represents it."""

    def __init__(self, within: float | None, max_wait: float | None, by: str | None, partial: bool) -> None: ...

class EdgeOptions:
    """Options of an edge."""

    def __init__(self, queue: QueuePolicy | None = None, max_age: float | None = None, max_rate: float | None = None, every: int = 1) -> None: ...

class AddOptions:
    """Options of Pipeline.add()."""

    def __init__(self, name: str, edge: EdgeOptions, on_error: str, batch: BatchPolicy | None = None, as_source: str = '', join: JoinPolicy | None = None, merge: bool = False, companion_of: int | None = None) -> None: ...

class Engine:
    """The native part of a Pipeline."""

    def __init__(self, name: str, stall_timeout: float | None, max_held_bytes: int, max_device_bytes: int | None = None, keep_running: bool = False) -> None: ...

    def start(self, start_outside: Callable[[], None], /) -> None:
        """
        Starts the native threads, calls start_outside, and waits until every node has opened. Then the sources start to deliver. GIL: released while waiting
        """

    finish_add: types.MethodDescriptorType = ...

    give_up_add: types.MethodDescriptorType = ...

    remove: types.MethodDescriptorType = ...

    replace: types.MethodDescriptorType = ...

    def wait(self, seconds: float | None, /) -> bool:
        """
        Returns True if the pipeline ends within `seconds`; None means no limit. Raises the pipeline's failure. GIL: released while waiting
        """

    def finish(self, patience: float, /) -> bool:
        """
        If every source has ended, waits until the nodes have processed the remaining samples. Returns True if the pipeline has ended, False if a source is still running or nothing has moved for `patience` seconds. GIL: released while waiting
        """

    def stop(self, seconds: float, /) -> bool:
        """
        Stops the pipeline and joins its threads. Raises StopTimeoutError. On a node's own thread it only requests the stop and returns False. GIL: released while waiting
        """

    def join(self, seconds: float, /) -> list[str]:
        """
        Joins the threads. Returns the names of the nodes that are still busy after `seconds`; an empty list means that every thread has ended. Does not run signal handlers. GIL: released while waiting
        """

    def why(self) -> Why:
        """A breakdown of the samples' age, and the proven causes. GIL: released"""

    def request_stop(self) -> None:
        """Asks every node to stop. Returns without waiting. GIL: released"""

    def call_at_end(self, callback: Callable) -> None: ...

    @property
    def started(self) -> bool: ...

    @property
    def ended(self) -> bool: ...

    @property
    def failed(self) -> bool: ...

    @property
    def forked(self) -> bool:
        """True in a forked child of the process that created the engine."""

    def describe(self) -> str: ...

    def connect(self, child: int, parent: tuple[int, int], edge: EdgeOptions) -> None:
        """Adds an edge to a merge."""

    def disconnect(self, child: int, parent: tuple[int, int]) -> None:
        """Removes an edge into a merge."""

    def added_from(self, first: int) -> list[int]:
        """
        Returns the numbers, from `first` on, of the nodes that this thread has added. While the pipeline runs, only of those whose add() has not returned.
        """

    @property
    def next_number(self) -> int:
        """The number that the next node will get."""

    def node_numbers(self) -> list[int]:
        """The numbers of all nodes that were not removed."""

    def check_replaceable(self, index: int, node: NodeHandle | None = None) -> None:
        """
        Raises GraphError or StateError unless the node is running and the other node may replace it.
        """

    @property
    def on_node_thread(self) -> bool:
        """True if the calling thread belongs to one of the pipeline's nodes."""

    def note_launcher(self) -> None:
        """Must be called on the thread that is about to start a node's thread."""

    def add_node(self, node: NodeHandle, parents: Sequence[tuple[int, int]], options: AddOptions) -> int:
        """Adds a node and returns its number."""

    def set_max_wait(self, index: int, max_wait: float) -> None:
        """Sets max_wait of a node with a batch, starting with its next batch."""

    def source_of(self, node: int, source: int) -> int:
        """
        Returns the number of the only source upstream of `source`, which must itself be upstream of `node`.
        """

    def parents_of(self, index: int) -> list[tuple[int, int]]:
        """
        Returns the ports upstream of a node, except removed ones, as accepted by add_node().
        """

    def view_name(self, node: int, only: int) -> str:
        """Returns the name of a port in the list of views."""

    def shown_views(self) -> list[str]:
        """Returns the names of the ports that a server shows by default."""

    def node_name(self, index: int) -> str: ...

    def raise_unraised(self) -> None:
        """
        Raises the failure of the pipeline, unless a call has already raised it.
        """

    def raise_unreported(self) -> None:
        """
        Raises the failure of the pipeline so that it is reported, unless a call has already raised it. Does this only once; other calls still raise the failure afterwards.
        """

    @property
    def unreported_since(self) -> float | None:
        """
        time.monotonic() of a failure that was neither raised by a call nor reported; None if there is none.
        """

    def stats(self) -> Stats: ...

    def report(self) -> Report: ...

    def progress(self) -> ProgressTick: ...

    def reader(self, parents: Sequence[tuple[int, int]], edge: EdgeOptions, name: str, frames: bool, join: JoinPolicy | None) -> Reader:
        """Adds a reader."""

    def is_on_native_thread(self, index: int) -> bool:
        """
        Returns True if the node runs on a native thread, so that a Python node that replaces it needs a new thread.
        """

    def add_process(self, node: NodeDescription, parents: Sequence[tuple[int, int]], options: AddOptions, plan: ProcessPlan) -> int:
        """Adds a node that runs in worker processes, and returns its number."""

    def serve(self, host: str, port: int, view: Sequence[str] | None, token: str, picture_token: str, away_after: float | None, looks: Sequence[str], looks_per_minute: float, origins: Sequence[str]) -> list[str]:
        """Starts the dashboard's server and returns its URLs."""

    def close_server(self) -> None:
        """Stops the dashboard's server. GIL: released while waiting"""

    def picture_token(self) -> str:
        """
        The token that permits reading images from the dashboard; empty if none is needed.
        """

    def camera_tokens(self) -> dict[str, str]:
        """
        The tokens in the links of the sources to which browsers send video, keyed by name.
        """

    def metrics(self) -> str:
        """Returns the text of /metrics for this pipeline. GIL: released"""

    def forget_server(self) -> None:
        """Closes the server's sockets in a forked child."""

class NodeArrivals:
    """
    Tracks which samples of live sources have arrived at a node. Must be used on the node's thread.
    """

    def __init__(self, engine: Engine, node: int) -> None: ...

    def until(self, source: int) -> float | None:
        """
        Returns the capture time (time.monotonic()) up to which all samples of the source have arrived or were dropped. None while samples are in transit, or if the source is a file or was removed.
        """

    def have_ended(self) -> bool:
        """
        Returns True if all sources upstream have ended, so that the node ends after their last samples.
        """

    def is_live(self, source: int) -> bool:
        """
        Returns True if the source with this number is live and has not been removed.
        """

BY_DESIGN: frozenset = ...

class SourceStats:
    @property
    def state(self) -> SourceState: ...

    @property
    def away_for(self) -> float: ...

    @property
    def outages(self) -> int: ...

    @property
    def away_total(self) -> float: ...

    @property
    def reconnects(self) -> int: ...

    @property
    def stalls(self) -> int: ...

    @property
    def size_changes(self) -> int: ...

    @property
    def decoder_frames(self) -> int: ...

    @property
    def behind(self) -> float | None: ...

    @property
    def pace(self) -> float: ...

    @property
    def clock_offset(self) -> float | None: ...

    @property
    def clock_drift_ppm(self) -> float | None: ...

    @property
    def clock_residual(self) -> float | None: ...

    @property
    def clock_reports(self) -> int: ...

    @property
    def clock_steps(self) -> int: ...

    @property
    def packets(self) -> int: ...

    @property
    def packets_lost(self) -> int: ...

    @property
    def packets_late(self) -> int: ...

    @property
    def jitter(self) -> float: ...

    @property
    def marker_faults(self) -> int: ...

    @property
    def damaged(self) -> int: ...

    @property
    def undecoded(self) -> int: ...

    @property
    def last_error(self) -> str | None: ...

    @property
    def frozen(self) -> str | None: ...

    @property
    def frozen_for(self) -> float: ...

    @property
    def frozen_period(self) -> float: ...

    @property
    def frozen_frames(self) -> int: ...

    @property
    def frozen_contents(self) -> int: ...

    @property
    def settings(self) -> dict[str, int | None]: ...

    @property
    def settings_reason(self) -> str | None: ...

    @property
    def decoder(self) -> str | None: ...

    @property
    def decoder_reason(self) -> str | None: ...

    @property
    def decoder_changes(self) -> int: ...

    @property
    def downloads(self) -> int: ...

    @property
    def card_wait(self) -> float: ...

    @property
    def sender(self) -> SenderStats | None: ...

class SenderStats:
    @property
    def connected(self) -> bool: ...

    @property
    def browser(self) -> str | None: ...

    @property
    def camera(self) -> str | None: ...

    @property
    def state(self) -> str | None: ...

    @property
    def message(self) -> str | None: ...

    @property
    def hidden(self) -> bool: ...

    @property
    def codec(self) -> str | None: ...

    @property
    def mode(self) -> str | None: ...

    @property
    def stamped(self) -> str | None: ...

    @property
    def width(self) -> int: ...

    @property
    def height(self) -> int: ...

    @property
    def camera_frames(self) -> int: ...

    @property
    def sent(self) -> int: ...

    @property
    def skipped_link(self) -> int: ...

    @property
    def skipped_encoder(self) -> int: ...

    @property
    def missed(self) -> int: ...

    @property
    def bitrate(self) -> float: ...

    @property
    def arrives(self) -> float: ...

    @property
    def encoding(self) -> float: ...

    @property
    def round_trip(self) -> float: ...

    @property
    def clock_error(self) -> float: ...

    @property
    def failures(self) -> list[str]: ...

class WorkerStats:
    @property
    def pid(self) -> int | None: ...

    @property
    def state(self) -> WorkerState: ...

    @property
    def processed(self) -> int: ...

    @property
    def restarts(self) -> int: ...

    @property
    def rss_bytes(self) -> int: ...

    @property
    def cpu(self) -> float: ...

class InferenceStats:
    @property
    def provider(self) -> str: ...

    @property
    def threads(self) -> int: ...

    @property
    def runs(self) -> int: ...

    @property
    def duration_p50(self) -> float: ...

    @property
    def duration_p99(self) -> float: ...

class SpoolStats:
    @property
    def waiting(self) -> int: ...

    @property
    def size_bytes(self) -> int: ...

    @property
    def oldest_age(self) -> float: ...

    @property
    def sending_for(self) -> float: ...

    @property
    def sent(self) -> int: ...

    @property
    def refused(self) -> int: ...

    @property
    def expired(self) -> int: ...

    @property
    def lost(self) -> int: ...

    @property
    def errors(self) -> int: ...

    @property
    def last_error(self) -> str | None: ...

class PublishStats:
    @property
    def state(self) -> str: ...

    @property
    def connections(self) -> int: ...

    @property
    def sent(self) -> int: ...

    @property
    def dropped_away(self) -> int: ...

    @property
    def dropped_slow(self) -> int: ...

    @property
    def last_error(self) -> str | None: ...

class JoinParentStats:
    @property
    def parent(self) -> str: ...

    @property
    def unmatched(self) -> int: ...

    @property
    def late(self) -> int: ...

    @property
    def nearest(self) -> float | None: ...

class JoinStats:
    @property
    def by(self) -> JoinBy: ...

    @property
    def sets(self) -> int: ...

    @property
    def partial(self) -> int: ...

    @property
    def spread_p50(self) -> float: ...

    @property
    def spread_p99(self) -> float: ...

    @property
    def wait_p50(self) -> float: ...

    @property
    def wait_p99(self) -> float: ...

    @property
    def parents(self) -> list[JoinParentStats]: ...

    @property
    def reason(self) -> str | None: ...

class NodeStats:
    @property
    def number(self) -> int: ...

    @property
    def name(self) -> str: ...

    @property
    def state(self) -> NodeState: ...

    @property
    def processed(self) -> int: ...

    @property
    def rate(self) -> float: ...

    @property
    def busy(self) -> float: ...

    @property
    def duration_p50(self) -> float: ...

    @property
    def duration_p99(self) -> float: ...

    @property
    def gil_wait(self) -> float: ...

    @property
    def gil_hold(self) -> float: ...

    @property
    def errors(self) -> int: ...

    @property
    def dropped(self) -> int: ...

    @property
    def lost(self) -> int: ...

    @property
    def ticks(self) -> int: ...

    @property
    def ticks_missed(self) -> int: ...

    @property
    def drops(self) -> dict[NodeDropCause, int]: ...

    @property
    def batches(self) -> dict[int, int]: ...

    @property
    def in_flight(self) -> int: ...

    @property
    def workers(self) -> list[WorkerStats]: ...

    @property
    def inference(self) -> InferenceStats | None: ...

    @property
    def spool(self) -> SpoolStats | None: ...

    @property
    def publish(self) -> PublishStats | None: ...

    @property
    def join(self) -> JoinStats | None: ...

    @property
    def source(self) -> SourceStats | None: ...

    @property
    def last_error(self) -> str | None: ...

class EdgeStats:
    @property
    def parent(self) -> str: ...

    @property
    def child(self) -> str: ...

    @property
    def queue(self) -> QueuePolicy: ...

    @property
    def source_count(self) -> int: ...

    @property
    def max_rate(self) -> float | None: ...

    @property
    def every(self) -> int: ...

    @property
    def of(self) -> str | None: ...

    @property
    def passed_in(self) -> int: ...

    @property
    def delivered(self) -> int: ...

    @property
    def waiting(self) -> int: ...

    @property
    def dropped(self) -> int: ...

    @property
    def lost(self) -> int: ...

    @property
    def events_lost(self) -> int: ...

    @property
    def age_p50(self) -> float: ...

    @property
    def age_p99(self) -> float: ...

    @property
    def drops(self) -> dict[DropCause, int]: ...

class PoolStats:
    @property
    def bound(self) -> int: ...

    @property
    def in_use(self) -> int: ...

    @property
    def allocated(self) -> int: ...

    @property
    def reused(self) -> int: ...

    @property
    def idle_bytes(self) -> int: ...

class RemovedStats:
    @property
    def node_count(self) -> int: ...

    @property
    def samples(self) -> int: ...

    @property
    def processed(self) -> int: ...

    @property
    def errors(self) -> int: ...

    @property
    def edge_count(self) -> int: ...

    @property
    def passed_in(self) -> int: ...

    @property
    def delivered(self) -> int: ...

    @property
    def dropped(self) -> int: ...

    @property
    def drops(self) -> dict[str, int]: ...

    @property
    def node_drops(self) -> dict[str, int]: ...

class Stats:
    @property
    def nodes(self) -> list[NodeStats]: ...

    @property
    def edges(self) -> list[EdgeStats]: ...

    @property
    def removed(self) -> RemovedStats: ...

    @property
    def elapsed(self) -> float: ...

    @property
    def held_bytes(self) -> int: ...

    @property
    def device_bytes(self) -> int: ...

    @property
    def pool(self) -> PoolStats: ...

class Report:
    @property
    def stats(self) -> Stats: ...

    @property
    def complete(self) -> bool: ...

    @property
    def samples(self) -> int: ...

    @property
    def failures(self) -> list[str]: ...

    @property
    def silent(self) -> list[str]: ...

class ProgressTick:
    @property
    def samples(self) -> int: ...

    @property
    def total(self) -> int | None: ...

    @property
    def dropped(self) -> int: ...

class AgePart:
    @property
    def kind(self) -> str: ...

    @property
    def node(self) -> str: ...

    @property
    def mean(self) -> float: ...

    @property
    def oldest_mean(self) -> float: ...

class Age:
    @property
    def consumer(self) -> str: ...

    @property
    def sources(self) -> list[str]: ...

    @property
    def is_reader(self) -> bool: ...

    @property
    def samples(self) -> int: ...

    @property
    def unknown(self) -> int: ...

    @property
    def duration(self) -> float: ...

    @property
    def interval(self) -> float: ...

    @property
    def mean(self) -> float: ...

    @property
    def oldest_mean(self) -> float: ...

    @property
    def parts(self) -> list[AgePart]: ...

class Finding:
    @property
    def kind(self) -> str: ...

    @property
    def subject(self) -> str: ...

    @property
    def text(self) -> str: ...

    @property
    def remedy(self) -> str: ...

    @property
    def evidence(self) -> dict[str, float]: ...

class Why:
    @property
    def findings(self) -> list[Finding]: ...

    @property
    def ages(self) -> list[Age]: ...

    @property
    def is_running(self) -> bool: ...

    @property
    def watched_for(self) -> float: ...

    @property
    def needed(self) -> float: ...

    @property
    def unsettled(self) -> list[str]: ...

    @property
    def text(self) -> str: ...

class Reader(Generic[T_co]):
    """
    Pulls samples from one or more nodes; created by Pipeline.reader().

    If a node has failed, every method raises its NodeError instead of returning stale data. One thread at a time may call get() or poll(), or iterate; latest() and close() are thread-safe. ``with reader:`` closes the reader at the end of the block.
    """

    def __iter__(self) -> Iterator[Sample[T_co]]:
        """Implement iter(self)."""

    def __next__(self) -> Sample[T_co]:
        """Implement next(self)."""

    def __init__(self, *args: NoReturn, **kwargs: NoReturn) -> None: ...

    def get(self, timeout: float | None = None) -> Sample[T_co]:
        """
        Waits for the next unseen sample.

        Args:
            timeout: Seconds to wait; None waits until the stream ends.
        Returns:
            The sample; ``sample.dropped`` is the number of samples dropped on this edge since the last one.
        Raises:
            EndOfStreamError: Every parent has ended and the queue is empty.
            ReadTimeoutError: No sample arrived in time. The reader stays usable.
            NodeError: A node failed; ``__cause__`` is its exception.
            StalledError: The pipeline is stuck because nobody reads from another reader, whose queue blocks.
        GIL: released while waiting.
        """

    def _take(self) -> Sample[T_co] | None:
        """Returns the next sample, or None, for `async for`. Never waits."""

    def poll(self) -> Sample[T_co] | None:
        """
        Returns the next unseen sample, or None if there is none yet. Never waits.

        Raises:
            EndOfStreamError: Every parent has ended and the queue is empty.
            NodeError: A node failed.
            FramesHeldError: Python holds more frames than max_held_bytes.
        """

    def latest(self, *, max_age: float | None = None) -> Sample[T_co] | None:
        """
        Returns the newest sample of all ports, by capture time; the same object again if there is no newer one.

        Never waits. Thread-safe. Older samples in the queue are dropped as ``skipped``. After the end it returns the last sample.

        Args:
            max_age: Maximum age in seconds; an older sample is not returned, but stays the latest.
        Returns:
            The sample. None before the first one, and if the latest is older than ``max_age``.
        Raises:
            GraphError: The reader's queue blocks (a file) or is NEXT.
            NodeError: A node failed.
            StateError: The reader was closed, or its pipeline has not started.
            FramesHeldError: Python holds more frames than max_held_bytes.
        """

    @property
    def ended(self) -> bool:
        """True once every parent has ended and the queue is empty."""

    @property
    def name(self) -> str:
        """The reader's name in stats and messages."""

    def __repr__(self) -> str:
        """Shows the name."""

    def close(self) -> None:
        """
        Removes the reader from the graph, so that its name may be reused. Thread-safe and idempotent.

        Queued samples are dropped as ``removed`` and counted in ``stats().removed``. A loop or get() that is waiting on another thread ends.
        """

    def __enter__(self) -> Reader[T_co]:
        """Returns the reader."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: types.TracebackType | None) -> None:
        """Closes the reader."""

    def __aiter__(self) -> AsyncIterator[Sample[T_co]]:
        """
        Iterates over the samples until the end of the stream. One wake-up of the event loop serves any number of samples.
        """

    def _wake_fd(self) -> int:
        """A file descriptor that becomes readable to wake the event loop."""

    def _reset_wake(self) -> None:
        """
        Must be called before _take(), so that later samples wake the event loop again.
        """

    def _look_within(self) -> float | None:
        """
        Seconds after which _take() may return a partial set although nothing wakes the event loop; None if there is no such set.
        """

    def _check_stalled(self) -> None:
        """Raises StalledError if waiting longer cannot succeed."""

    def _arm(self, waits: bool) -> None:
        """Enables wake-ups before the event loop waits, and disables them after."""

class NodeDescription:
    """
    A Python node's name and value types, the file that it writes, and how it emits results other than one per sample.
    """

    def __init__(self, name: str, input: str, output: str, records_to: str | bytes | None = None, gives_several: bool = False, tick_every: float | None = None, finishes: bool = False, gives_last_of_source: bool = False) -> None: ...

def hosted(description: NodeDescription, node: object, takes_values: bool, spool: SpoolCounters | None = None) -> NodeHandle:
    """
    Returns a handle for a Python node. The caller must keep the node alive.
    """

def hosted_source(description: NodeDescription, node: object, live: bool) -> NodeHandle:
    """
    Returns a handle for a Python source. The caller must keep the source alive.
    """

class Ticks:
    """The iterator of StopToken.every()."""

    def __iter__(self) -> Ticks: ...

    def __next__(self) -> float:
        """
        Waits for the next tick.

        Raises:
            StateError: Another thread is already waiting.
        GIL: released
        """

def unset_stop_token() -> StopToken:
    """The stop token of a node without a pipeline, which is never set."""

class StopToken:
    """The stop signal of a node or source: its `stop_token`."""

    @property
    def stopped(self) -> bool:
        """True once the pipeline stops or the node is removed."""

    def __bool__(self) -> bool:
        """Same as `stopped`."""

    def __reduce__(self) -> tuple:
        """
        A copy, including a pickled one, is never set, because the signal belongs to one run.
        """

    def wait(self, seconds: float) -> bool:
        """
        Sleeps for `seconds`, or until the signal is set; returns `stopped`. Use it instead of time.sleep(). GIL: released while waiting
        """

    def every(self, seconds: float) -> Iterator[float]:
        """
        Paces a loop: ``for pts in self.stop_token.every(1 / 30)`` runs 30 times per second, until the signal is set.

        Yields 0.0 immediately, then each multiple of `seconds` when it is due, counted from the first. So the loop does not drift, however long its body takes. If the body took longer than `seconds`, the latest tick that is due follows immediately, and earlier ones are skipped.

        Args:
            seconds: At least 0.000001.

        Raises:
            OptionError: seconds is out of range.
            OptionTypeError: seconds is not a number.
        GIL: released while waiting
        """

class SpoolCounters:
    """The counters of a Spool, for statistics, the dashboard and metrics."""

    def __init__(self) -> None: ...

    def set(self, *, waiting: int, size_bytes: int, oldest: float | None, sent: int, refused: int, expired: int, lost: int, errors: int, called: float | None, last_error: str) -> None:
        """Replaces all counters."""

def run_node(engine: Engine, index: int, place: Any, coming: NodeHandle | None, /) -> None:
    """The body of a Python node's thread. GIL: released while waiting"""

class ProcessPlan:
    """
    How many worker processes a node has, their limits, and how to start them.
    """

    def __init__(self) -> None: ...

    @property
    def workers(self) -> int: ...

    @workers.setter
    def workers(self, arg: int, /) -> None: ...

    @property
    def ordered(self) -> bool: ...

    @ordered.setter
    def ordered(self, arg: bool, /) -> None: ...

    @property
    def timeout(self) -> float | None:
        """Time limit for one sample, in seconds."""

    @timeout.setter
    def timeout(self, seconds: float | None) -> None: ...

    @property
    def max_bytes(self) -> int | None:
        """Memory limit of one worker, in bytes."""

    @max_bytes.setter
    def max_bytes(self, bytes: int | None) -> None: ...

    @property
    def max_restarts(self) -> int: ...

    @max_restarts.setter
    def max_restarts(self, arg: int, /) -> None: ...

    @property
    def restart_window(self) -> float:
        """Seconds."""

    @restart_window.setter
    def restart_window(self, arg: float, /) -> None: ...

    def start_with(self, arguments: Sequence[bytes], environment: Sequence[bytes], payload: bytes, knows: int) -> None:
        """
        Sets the program with its arguments, the environment as NAME=value, the pickled node, and the version of the definitions that the workers already know.
        """

def run_process(engine, index, definitions):
    """
    The body of the thread of a node in worker processes. GIL: released while waiting
    """

class WorkerEnd:
    """The worker's end of the socket to its parent. Private."""

    def __init__(self, socket: int, parent: int) -> None: ...

    def init(self) -> tuple:
        """
        Returns the worker's task, the descriptor for its stack dumps, and the name of its node.
        """

    def opened(self) -> None: ...

    def receive(self) -> object:
        """
        Returns the next sample, None after the last one, or a list of sources that have ended. GIL: released while waiting
        """

    def arrivals(self) -> dict:
        """
        Returns NodeArrivals.until() for each source, as of the latest on_tick().
        """

    def receive_batch(self) -> object:
        """
        Returns the samples of the next call, or None after the last one. GIL: released while waiting
        """

    def reply(self, result: object | None) -> None:
        """
        Sends the result for the oldest sample that has none yet. GIL: released while copying
        """

    def reply_all(self, results: list) -> None:
        """Like reply(), for all results of a call. GIL: released while copying"""

    def fail(self, what: str, texts: tuple[str, str], parts: object | None, is_device_error: bool) -> None:
        """
        Reports that the node raised: for one "sample", for a whole "call", or "outside" of both.
        """

    @property
    def parent_ended(self) -> bool:
        """True if a call failed because the parent process has ended."""

    def closed(self) -> None: ...

    def log(self, level: int, logger: str, text: str) -> bool:
        """
        Sends a log record. Returns False if it was dropped because the parent is too slow.
        """

class OpenOptions:
    """Options of open(), with their defaults."""

    def __init__(self) -> None: ...

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height in pixels."""

    @size.setter
    def size(self, size: tuple[int, int] | None) -> None: ...

    @property
    def rotate(self) -> int: ...

    @rotate.setter
    def rotate(self, arg: int, /) -> None: ...

    @property
    def fps(self) -> float | None: ...

    @fps.setter
    def fps(self, arg: float | None, /) -> None: ...

    @property
    def start(self) -> float | None: ...

    @start.setter
    def start(self, arg: float | None, /) -> None: ...

    @property
    def end(self) -> float | None: ...

    @end.setter
    def end(self, arg: float | None, /) -> None: ...

    @property
    def open_timeout(self) -> float: ...

    @open_timeout.setter
    def open_timeout(self, arg: float, /) -> None: ...

    @property
    def read_timeout(self) -> float: ...

    @read_timeout.setter
    def read_timeout(self, arg: float, /) -> None: ...

    @property
    def reconnect(self) -> bool | None: ...

    @reconnect.setter
    def reconnect(self, arg: bool | None, /) -> None: ...

    @property
    def damaged(self) -> str:
        """"mark" or "hold"."""

    @damaged.setter
    def damaged(self, arg: str, /) -> None: ...

    @property
    def decode(self) -> str:
        """"all" or "keyframes"."""

    @decode.setter
    def decode(self, arg: str, /) -> None: ...

    @property
    def pace(self) -> str:
        """"even" or "burst"."""

    @pace.setter
    def pace(self, arg: str, /) -> None: ...

    @property
    def frozen_after(self) -> float | None: ...

    @frozen_after.setter
    def frozen_after(self, arg: float | None, /) -> None: ...

    @property
    def clock_offset(self) -> float: ...

    @clock_offset.setter
    def clock_offset(self, arg: float, /) -> None: ...

    @property
    def loop(self) -> bool: ...

    @loop.setter
    def loop(self, arg: bool, /) -> None: ...

    @property
    def realtime(self) -> bool: ...

    @realtime.setter
    def realtime(self, arg: bool, /) -> None: ...

    @property
    def live(self) -> bool | None: ...

    @live.setter
    def live(self, arg: bool | None, /) -> None: ...

    @property
    def rendition(self) -> str: ...

    @rendition.setter
    def rendition(self, arg: str, /) -> None: ...

    @property
    def stream(self) -> int | None: ...

    @stream.setter
    def stream(self, arg: int | None, /) -> None: ...

    @property
    def decoder_threads(self) -> int | None: ...

    @decoder_threads.setter
    def decoder_threads(self, arg: int | None, /) -> None: ...

    @property
    def decoder(self) -> str: ...

    @decoder.setter
    def decoder(self, arg: str, /) -> None: ...

    @property
    def on_device(self) -> bool: ...

    @on_device.setter
    def on_device(self, arg: bool, /) -> None: ...

    @property
    def settings(self) -> dict[str, str]: ...

    @settings.setter
    def settings(self, arg: Mapping[str, str], /) -> None: ...

    @property
    def options(self) -> dict[str, str]: ...

    @options.setter
    def options(self, arg: Mapping[str, str], /) -> None: ...

class VideoInfo:
    """Properties of an open video source."""

    @property
    def codec(self) -> str: ...

    @property
    def width(self) -> int: ...

    @property
    def height(self) -> int: ...

    @property
    def fps(self) -> float | None: ...

    @property
    def frame_count(self) -> int | None: ...

    @property
    def duration(self) -> float | None: ...

    @property
    def pixel_format(self) -> str: ...

    @property
    def container(self) -> str: ...

    @property
    def interlaced(self) -> bool | None: ...

    @property
    def client(self) -> str: ...

    @property
    def ends_by(self) -> str: ...

    @property
    def renditions(self) -> list[str]: ...

    @property
    def streams(self) -> list[str]: ...

class MediaVersions:
    """Versions, licence and build flags of FFmpeg."""

    @property
    def avformat(self) -> str: ...

    @property
    def avcodec(self) -> str: ...

    @property
    def avutil(self) -> str: ...

    @property
    def license(self) -> str: ...

    @property
    def configuration(self) -> str: ...

def make_video_source(url: str | bytes, options: OpenOptions) -> NodeHandle: ...

def need_first_frame(node: NodeHandle) -> None: ...

def is_network_stream(node: NodeHandle) -> bool: ...

def video_url(node: NodeHandle) -> str: ...

def video_info(node: NodeHandle) -> VideoInfo: ...

def media_versions() -> MediaVersions: ...

class CardFacts:
    """A GPU of this machine."""

    @property
    def number(self) -> int:
        """The number in `cuda:1`."""

    @property
    def name(self) -> str: ...

    @property
    def codecs(self) -> list[str]:
        """The codecs that the GPU decodes."""

class Cards:
    """The GPUs of this machine."""

    @property
    def cards(self) -> list[CardFacts]: ...

    @property
    def driver(self) -> str:
        """The driver's version; empty if no driver works."""

    @property
    def reason(self) -> str:
        """
        Why no GPU was found, or why one of them cannot be used; empty otherwise.
        """

def find_cards() -> Cards:
    """
    Lists the GPUs of this machine and the codecs that they decode. GIL: released
    """

class CameraSize:
    """
    An image size that a camera supports, or a range of sizes with a step, and the frame rates for it.
    """

    @property
    def width(self) -> int:
        """Width in pixels; for a range, the largest."""

    @property
    def height(self) -> int: ...

    @property
    def min_width(self) -> int:
        """Smallest width of a range."""

    @property
    def min_height(self) -> int: ...

    @property
    def step_width(self) -> int:
        """Step of a range of widths; 0 for a single size."""

    @property
    def step_height(self) -> int: ...

    @property
    def fps(self) -> list[float]:
        """Frames per second, highest first."""

    @property
    def fps_range(self) -> bool:
        """True if `fps` is the highest and the lowest rate of a range."""

class CameraFormat:
    """A pixel format of a camera."""

    @property
    def name(self) -> str: ...

    @property
    def description(self) -> str: ...

    @property
    def supported(self) -> bool: ...

    @property
    def sizes(self) -> list[CameraSize]: ...

class CameraControl:
    """A control of a camera."""

    @property
    def name(self) -> str:
        """The driver's name of the control."""

    @property
    def min(self) -> int: ...

    @property
    def max(self) -> int: ...

    @property
    def step(self) -> int: ...

    @property
    def default(self) -> int: ...

    @property
    def current(self) -> int: ...

    @property
    def setting(self) -> str:
        """The option of open() that sets this control; empty if there is none."""

    @property
    def automatic(self) -> bool:
        """True if that option also accepts "auto"."""

    @property
    def inactive(self) -> bool:
        """True if an automatic mode currently sets the value."""

    @property
    def menu(self) -> list[tuple[int, str]]:
        """Names of the values, if the control is a menu."""

class CameraInfo:
    """A local camera."""

    @property
    def path(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def driver(self) -> str: ...

    @property
    def bus(self) -> str: ...

    @property
    def problem(self) -> str:
        """Why the camera cannot be queried or used; empty if it can."""

    @property
    def problem_code(self) -> int:
        """errno of the problem, or 0."""

    @property
    def formats(self) -> list[CameraFormat]: ...

    @property
    def controls(self) -> list[CameraControl]: ...

def cameras() -> list[CameraInfo]:
    """
    Lists the local cameras with their formats, frame rates and controls. GIL: released
    """

def is_camera(node: NodeHandle) -> bool: ...

def set_camera(node: NodeHandle, name: str, value: str) -> None:
    """Sets exposure, gain, focus or white_balance of a camera. GIL: released"""

def camera_controls(node: NodeHandle) -> list[CameraControl]:
    """
    Returns the controls of a camera; empty for any other source. GIL: released
    """

def camera_setting(node: NodeHandle, name: str) -> str:
    """
    Returns exposure, gain, focus or white_balance of a camera. GIL: released
    """

def make_mock_camera(picture: object, fps: float) -> NodeHandle: ...

def rotate_frame(frame: Frame, degrees: int) -> Frame:
    """
    Returns a copy that is rotated clockwise by a multiple of 90 degrees. GIL: released
    """

def mask_passwords(text: str) -> str:
    """Returns the text with the passwords in its URLs masked."""

def shown_url(url: str) -> str:
    """
    Returns the URL with its password masked. The URL may contain spaces and control characters.
    """

class Packet:
    """
    One encoded frame, as the camera sent it.

    A bytes-like object: ``bytes(packet)`` copies, ``packet.data`` does not. It is the value of the samples of ``camera.packets``, which are in decoding order.
    """

    @property
    def data(self, /) -> memoryview:
        """The bytes as a read-only memoryview, without a copy."""

    @property
    def pts(self) -> float:
        """Presentation time in seconds; equals the pts of the decoded frame."""

    @property
    def dts(self) -> float:
        """
        Decoding time in seconds; increases from packet to packet, and is not greater than pts.
        """

    @property
    def duration(self) -> float | None:
        """Duration in seconds, or None if unknown."""

    @property
    def is_keyframe(self) -> bool:
        """True if decoding can start with it."""

    @property
    def damaged(self) -> bool:
        """
        True if part of the frame, or of one that it was predicted from, was lost in transit.
        """

    @property
    def codec(self) -> str:
        """FFmpeg's name: "h264", "hevc", "mjpeg", ..."""

    @property
    def format(self) -> str:
        """
        How NAL units are delimited: "annexb" (start codes) or "avcc" (length prefixes); "raw" for codecs without NAL units.
        """

    @property
    def size(self, /) -> tuple[int, int] | None:
        """Width and height in pixels, or None if unknown."""

    @property
    def extradata(self) -> bytes:
        """The parameter sets of the stream, in the layout of `format`."""

    def annexb(self) -> bytes:
        """
        Returns the bytes with start codes, as decoders, Rerun and .h264 files expect them.

        A keyframe without parameter sets gets those of the stream, so the concatenated packets from a keyframe on are a file that any decoder can read.

        Raises:
            OptionError: The codec is neither h264 nor hevc.
            FreshframeError: A length prefix exceeds the packet.
        """

    def __len__(self) -> int: ...

    def __repr__(self) -> str: ...

def make_packet_source(node: NodeHandle) -> NodeHandle:
    """
    Creates the source that emits the packets of a video source. May be called once, before the start.
    """

def decode_on_demand(engine: Engine, index: int) -> None:
    """
    Makes the video source decode only while a node, reader or viewer uses its frames.
    """

def wake(node: NodeHandle, seconds: float | None, pts: float | None) -> None:
    """Wakes a video source that was opened with decode="keyframes"."""

def make_video_file(path: str | bytes, encoding: dict, rate: tuple[float | None, float | None], segment_every: float | None, keep: tuple[float | None, int | None, int | None], reports_segments: bool) -> NodeHandle: ...

def next_segment(recorder: NodeHandle) -> object:
    """
    Waits for the next finished segment. Returns None once the recorder is closed. GIL: released while waiting
    """

def video_file_codec(path: str | bytes, codec: str) -> str:
    """Returns the codec of the file that make_video_file() would write."""

def make_clip_recorder(before: float, after: float, max_bytes: int, keep: tuple[int | None, str | bytes], encoding: dict) -> NodeHandle: ...

def save_clip(recorder: NodeHandle, path: str | bytes, pts: float | None) -> None:
    """GIL: released"""

class WriteClaim:
    """
    The right to write a regular file, held until it is released or destroyed.
    """

    def release(self) -> None:
        """
        Releases the claim; must be called before the file is closed. Idempotent. GIL: released
        """

    @property
    def is_locked(self) -> bool:
        """
        False if the file system does not support locks, so that another program may write the file at the same time.
        """

def claim_file(descriptor: int) -> WriteClaim | str:
    """
    Claims an open regular file for writing. If it is in use, returns the reason as a string. GIL: released
    """

def find_writer(descriptor: int) -> str | None:
    """
    Returns a description of the writer of an open regular file, or None. GIL: released
    """

def clips_in_writing(recorder: NodeHandle) -> list: ...

def make_publish(url: str, options: dict) -> NodeHandle: ...

def publish_url(node: NodeHandle) -> str:
    """Returns the URL with its password masked."""

def make_look(seconds: float, every: float, max_bytes: int) -> NodeHandle: ...

def look_snapshots(look: NodeHandle, ages: Sequence[float], exact: bool) -> list:
    """GIL: released while waiting"""

def look_is_part_of(look: NodeHandle, engine: Engine, name: str) -> bool: ...

def look_sources(look: NodeHandle, sources: Sequence[int], name: str) -> list[tuple[str, str, str, float]]: ...

class DemoCircle:
    """A circle in the ground truth of demo:circles."""

    @property
    def id(self) -> int: ...

    @property
    def x(self) -> float: ...

    @property
    def y(self) -> float: ...

    @property
    def r(self) -> float: ...

    @property
    def visible(self) -> float: ...

class DemoShape:
    """A shape in the ground truth of demo:shapes."""

    @property
    def id(self) -> int: ...

    @property
    def class_name(self) -> str: ...

    @property
    def x1(self) -> float: ...

    @property
    def y1(self) -> float: ...

    @property
    def x2(self) -> float: ...

    @property
    def y2(self) -> float: ...

    @property
    def visible(self) -> float: ...

def demo_circles(url: str, seq: int) -> list[DemoCircle]: ...

def demo_shapes(url: str, seq: int) -> list[DemoShape]: ...

def make_circle_detector(radius: tuple[float, float], max_circles: int, min_confidence: float, concentric: bool, roi: Sequence[int] | None) -> NodeHandle: ...

def detect_circles(detector: NodeHandle, frame: Any) -> freshframe.Circles:
    """GIL: released"""

def make_circle_tracker(radius: tuple[float, float], max_circles: int, max_gap: float, full_every: float, roi: Sequence[int] | None) -> NodeHandle: ...

def update_circle_tracker(tracker: NodeHandle, frame: Any, pts: float) -> freshframe.Circles:
    """GIL: released"""

class GroundHandle:
    """The native part of ff.Ground."""

    def places(self, pixels: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
        """Returns the ground points of pixels in metres, (n, 2) float64."""

    @property
    def residual(self) -> float: ...

def make_ground(points: Sequence[tuple[float, float]], places: Sequence[tuple[float, float]], click_error: float, acceleration: float) -> GroundHandle: ...

def continue_track_ids(tracker: NodeHandle, before: NodeHandle) -> None:
    """
    Makes `tracker` continue the ids of `before`. Call it before replace().
    """

def make_box_tracker(max_gap: float, min_confidence: float, min_iou: float, ground: GroundHandle | None) -> NodeHandle: ...

def update_box_tracker(tracker: NodeHandle, boxes: Any, pts: float, size: tuple[int, int]) -> freshframe.Detections:
    """GIL: released for a hundred boxes or more, held otherwise"""

def make_box_predictor(max_age: float) -> NodeHandle: ...

class ZoneRules:
    """Options that all zones of a counter share."""

def make_zone_rules(anchor: str, margin: float | None, max_gap: float, loiter_after: float | None, loiter_after_of: Mapping[str, float], relative: bool) -> ZoneRules: ...

def make_line_counter(start: tuple[float, float], end: tuple[float, float], anchor: str, margin: float | None, relative: bool) -> NodeHandle: ...

def make_zone_counter(zones: Sequence[tuple[str, Sequence[tuple[float, float]]]], rules: ZoneRules) -> NodeHandle: ...

def set_line(counter: NodeHandle, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Moves the line, starting with the next sample."""

def set_zones(counter: NodeHandle, zones: Sequence[tuple[str, Sequence[tuple[float, float]]]], rules: ZoneRules) -> None:
    """Replaces the zones, starting with the next sample."""

def update_line_counter(counter: NodeHandle, tracks: Any, pts: float, size: tuple[int, int]) -> Any: ...

def update_zone_counter(counter: NodeHandle, tracks: Any, pts: float, size: tuple[int, int]) -> Any: ...

class AnnotateRules:
    """Options of Annotate: what it writes, draws and blurs."""

def make_annotate_rules(labels: str | None, caption: str, blur: Sequence[str], masks: bool, skeletons: bool, bones: Sequence[tuple[int, int]]) -> AnnotateRules: ...

def make_annotate(trail: float, line_width: float | None, rules: AnnotateRules) -> NodeHandle: ...

def annotate(node: NodeHandle, frame: Frame, found: Any, pts: float | None) -> Frame:
    """
    Returns a copy of the frame with the results drawn on it. GIL: released
    """

def text_mask(text: str, height: float) -> Annotated[NDArray[numpy.uint8], dict(shape=(None, None))]:
    """
    Returns a line of anti-aliased text as a mask: the coverage of each pixel, 0 to 255.
    """

def encode_masks(masks: Annotated[NDArray[numpy.bool_], dict(shape=(None, None, None), order='C', device='cpu', writable=False)]) -> list[str]:
    """GIL: released"""

class OnnxModel:
    """The native part of freshframe.OnnxModel."""

    @property
    def inputs(self) -> list: ...

    @property
    def outputs(self) -> list: ...

    @property
    def metadata(self) -> dict[str, str]: ...

    @property
    def producer(self) -> str: ...

    @property
    def provider(self) -> str: ...

    @property
    def threads(self) -> int: ...

    def run(self, arrays: list[Any]) -> list[Any]:
        """GIL: released"""

    def placement(self, width: int, height: int, size: tuple[int, int] | None) -> tuple:
        """
        (scale_x, scale_y, left, top): where an image of this size is placed in the model's input.
        """

    def node(self, size: tuple[int, int] | None) -> NodeHandle: ...

def load_onnx(library: str | bytes, path: str | bytes, threads: int, provider: str, provider_options: Mapping[str, str]) -> OnnxModel:
    """GIL: released"""

def onnx_runtime(library: str) -> tuple[str, list[str]]:
    """
    Returns the version and the execution providers of ONNX Runtime. GIL: released
    """

class OnnxClassifierOptions:
    """Options of OnnxClassifier, with their defaults."""

    def __init__(self) -> None: ...

    @property
    def column(self) -> str: ...

    @column.setter
    def column(self, arg: str, /) -> None: ...

    @property
    def names(self) -> list[str]: ...

    @names.setter
    def names(self, arg: Sequence[str], /) -> None: ...

    @property
    def size(self) -> tuple[int, int] | None: ...

    @size.setter
    def size(self, arg: tuple[int, int] | None, /) -> None: ...

    @property
    def center_crop(self) -> bool | None: ...

    @center_crop.setter
    def center_crop(self, arg: bool | None, /) -> None: ...

    @property
    def antialias(self) -> bool | None: ...

    @antialias.setter
    def antialias(self, arg: bool | None, /) -> None: ...

    def set_crops(self, classes: Sequence[str], padding: float, when: str) -> None: ...

def make_onnx_classifier(model: OnnxModel, options: OnnxClassifierOptions) -> NodeHandle:
    """GIL: released"""

class OnnxDetectorOptions:
    """Options of OnnxDetector, with their defaults."""

    def __init__(self) -> None: ...

    @property
    def min_confidence(self) -> float: ...

    @min_confidence.setter
    def min_confidence(self, arg: float, /) -> None: ...

    @property
    def max_iou(self) -> float: ...

    @max_iou.setter
    def max_iou(self, arg: float, /) -> None: ...

    @property
    def agnostic_nms(self) -> bool: ...

    @agnostic_nms.setter
    def agnostic_nms(self, arg: bool, /) -> None: ...

    @property
    def classes(self) -> list[str]: ...

    @classes.setter
    def classes(self, arg: Sequence[str], /) -> None: ...

    @property
    def names(self) -> list[str]: ...

    @names.setter
    def names(self, arg: Sequence[str], /) -> None: ...

    @property
    def layout(self) -> str: ...

    @layout.setter
    def layout(self, arg: str, /) -> None: ...

    @property
    def size(self) -> tuple[int, int] | None: ...

    @size.setter
    def size(self, arg: tuple[int, int] | None, /) -> None: ...

    @property
    def tensor_batches(self) -> bool | None: ...

    @tensor_batches.setter
    def tensor_batches(self, arg: bool | None, /) -> None: ...

    @property
    def roi(self) -> list[int] | None:
        """x0, y0, x1, y1 in pixels."""

    @roi.setter
    def roi(self, roi: Sequence[int] | None) -> None: ...

class OnnxDescription:
    """The output layout that an OnnxDetector found in its model."""

    @property
    def layout(self) -> str: ...

    @property
    def layout_reason(self) -> str: ...

    @property
    def names(self) -> list[str]: ...

    @property
    def classes(self) -> int: ...

    @property
    def size(self) -> tuple[int, int]: ...

    @property
    def batch_size(self) -> int: ...

def make_onnx_detector(model: OnnxModel, options: OnnxDetectorOptions) -> NodeHandle:
    """GIL: released"""

def prepare_onnx_batches(detector: NodeHandle) -> None:
    """Loads the model a second time if batches need it. GIL: released"""

def detect_onnx(detector: NodeHandle, frame: Any) -> freshframe.Detections:
    """GIL: released"""

def set_onnx_min_confidence(node: NodeHandle, confidence: float) -> None:
    """Takes effect with the next frame."""

def set_onnx_classes(node: NodeHandle, classes: Sequence[str]) -> None:
    """Takes effect with the next frame."""

def describe_onnx_detector(node: NodeHandle) -> OnnxDescription: ...

def make_function_node(address: int, keep: object, options: dict[str, Any]) -> NodeHandle:
    """
    Creates a node that calls a C function. The node keeps a reference to `keep`.
    """

def load_function_node(path: str, symbol: str, options: dict[str, Any]) -> NodeHandle:
    """GIL: released"""

def load_node(path: str, name: str, options: dict[str, Any]) -> NodeHandle:
    """GIL: released"""

def adopt_node(owner: object, capsule: object) -> NodeHandle:
    """Creates a node from an object of an extension module."""

def native_types(node: NodeHandle) -> tuple[str, str]:
    """
    Returns the names of a node's input and output types; empty if it has none.
    """

class LoneNode:
    """Runs a native node without a pipeline."""

    def __init__(self, node: NodeHandle, name: str = '') -> None: ...

    def open(self) -> None:
        """GIL: released"""

    def process(self, sample: Sample) -> Any:
        """GIL: released"""

    def process_out(self, sample: Sample) -> list[Any]:
        """GIL: released"""

    def on_tick(self) -> list[Any]:
        """GIL: released"""

    def finish(self) -> list[Any]:
        """GIL: released"""

    def close(self) -> None:
        """GIL: released"""

def set_gil_findings(capsule: CapsuleType) -> None:
    """
    Sets the table from which the server reads the GIL watch's findings without the GIL.
    """

class Pages:
    """An HTTP server for the program's own pages. Private."""

    def __init__(self, host: str, port: int, token: str) -> None: ...

    def set(self, path: str, type: str, body: bytes, status: int) -> None:
        """Sets the response for a path."""

    def set_for(self, path: str, body: bytes, seconds: float, after: str) -> None:
        """
        Sets the response for a path, with status 200, for `seconds`. After that the response is `after`, with status 503.
        """

    @property
    def asked(self) -> int:
        """Number of requests for these pages."""

    @property
    def urls(self) -> list[str]:
        """The server's URLs, with the token if there is one."""

    def close(self) -> None:
        """Stops the server. GIL: released while waiting"""

    def forget_in_child(self) -> None:
        """Closes the server's sockets in a forked child."""

class FleetStream:
    """One output of one run of a camera, on an agent. Private."""

    def outlet(self, output: str) -> NodeHandle:
        """
        Returns the node that receives the results of the output with this name.
        """

    @property
    def kept(self) -> int:
        """
        Number of results that were put into outboxes, or that no reader wanted.
        """

    @property
    def refused(self) -> int:
        """Number of results that arrived after the run was closed."""

    @property
    def too_large(self) -> int:
        """Number of kept results that are too large for an outbox."""

class FleetAgent:
    """The agent's end of the channel to its controller. Private."""

    def __init__(self, socket: int, parent: int, options: dict) -> None: ...

    def next_order(self) -> object:
        """
        Returns the next bytes from the controller, or None once it has closed the connection. GIL: released while waiting
        """

    def tell(self, message: bytes) -> None:
        """Sends bytes to the controller."""

    def open_run(self, camera: int, epoch: int) -> None:
        """Starts a run of a camera."""

    def close_run(self, camera: int, epoch: int) -> None:
        """Ends a run. Its results can still be pulled."""

    def watch(self, camera: int, epoch: int, engine: Engine) -> None:
        """
        Makes the agent's renewals report on this pipeline of the run, which must have been started.
        """

    def open_stream(self, camera: int, epoch: int, output: str) -> FleetStream:
        """Opens a stream for the results of an output."""

def keep_last_words(page: int) -> None:
    """
    Maps the page and installs handlers for fatal signals, which write the run of their thread to it. Call it once per process.
    """

def enter_run(camera: int, epoch: int) -> None:
    """
    Assigns this thread, and every thread that it starts, to a run until leave_run().
    """

def leave_run() -> None:
    """Undoes enter_run() for this thread."""

def say_fault(number: int) -> None:
    """
    Records that this thread is about to end the process, as a fault of its run.
    """

def say_end_in_order(status: int) -> None:
    """Records that the process is ending on purpose."""

def fleet_records() -> dict:
    """
    Returns the fields of the records on the channel (camera, outbox, result) as NumPy dtypes, and the names of the losses in a camera's record.
    """

def fleet_value(data: memoryview, producer: str) -> Any:
    """
    Returns the value of a camera's result. Raises FreshframeError if it cannot be unpickled here.
    """

class FleetChild:
    """An agent's process, as used by the guard that starts it. Private."""

    @property
    def pid(self) -> int:
        """Process ID; 0 after reap() has returned how the process ended."""

    def fileno(self) -> int:
        """Returns a descriptor that becomes readable once the process has ended."""

    def kill(self) -> None:
        """Kills the process and its process group."""

    def signal(self, number: int) -> None:
        """Sends a signal to the process."""

    def reap(self) -> object:
        """
        Reaps the process and returns how it ended, only once. Returns None while it is running.
        """

def start_fleet_child(arguments: list, environment: list, socket: int, page: int = -1) -> FleetChild:
    """
    Starts a process with a socket and a page of shared memory. The calling thread must outlive it.
    """

def collect_log(on: bool) -> None:
    """Collects the engine's log lines from now on, or drops them."""

def take_log() -> list:
    """
    Removes and returns the collected lines: (level 0 to 3, text, "") for the engine, (Python's level, text, logger) for a worker.
    """

def wait_log(seconds: float | None, seen: int, /) -> int:
    """
    Waits until there are log lines, until the total of wake_log() calls and pipeline failures exceeds `seen`, or for `seconds` (None means no limit). Returns that total. GIL: released while waiting
    """

def wake_log() -> None:
    """Ends the current or next wait_log() of every thread."""

def does_without_gil(module: Any) -> bool | None:
    """
    Returns True if an extension module declares that it runs without the GIL, and None if its declaration cannot be read.
    """

def register_classes(classes: dict) -> None:
    """Passes the package's classes to the module. Called once."""

def forget_classes() -> None:
    """Drops the package's classes when the interpreter exits."""

def let_leaks_pass() -> None:
    """
    Disables nanobind's leak warnings. Call it if a node is still busy at exit, because its objects then outlive the interpreter.
    """

__version__: str
