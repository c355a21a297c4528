"""The native part of freshframe. Not an interface: use the package."""

from collections.abc import (
    AsyncIterator,
    Callable,
    Iterator,
    Mapping,
    Sequence
)
from typing import Annotated, Any, Generic, Literal, TypeVar

import numpy
import numpy.typing
from numpy.typing import NDArray
from typing_extensions import CapsuleType

import freshframe.results


class Frame:
    """
    An immutable, shared picture. Copying the object copies no pixels.

    Holding frames is safe: they are on loan, counted and bounded (Pipeline(max_held_bytes=)).
    """

    def _repr_jpeg_(self) -> bytes:
        """The picture for notebooks, at most 960 pixels wide. GIL: released"""

    @property
    def width(self) -> int:
        """Pixels. GIL: held"""

    @property
    def height(self) -> int:
        """Pixels. GIL: held"""

    @property
    def format(self, /) -> Literal['gray', 'nv12', 'i420', 'i422', 'i444', 'bgr', 'rgb']:
        """As decoded. GIL: held"""

    @property
    def color_range(self, /) -> Literal['limited', 'full']:
        """'limited': luma 16 to 235, as video has it. GIL: held"""

    @property
    def color_space(self) -> str:
        """'bt601', 'bt709', 'bt2020' or 'unspecified'. GIL: held"""

    @property
    def planes(self, /) -> tuple[numpy.typing.NDArray[numpy.uint8], ...]:
        """
        The component arrays as they lie in memory: (h, w) uint8, nv12's chroma (h, w, 2), bgr and rgb (h, w, 3); read-only views. GIL: held
        """

    @property
    def luma(self, /) -> numpy.typing.NDArray[numpy.uint8]:
        """
        (H, W) uint8, read-only. Plane 0 without a copy, in the stream's own range; of bgr and rgb converted once. GIL: held; released for the first conversion
        """

    @property
    def bgr(self, /) -> numpy.typing.NDArray[numpy.uint8]:
        """
        (H, W, 3) uint8, read-only; converted once, then shared by all. copy('bgr') gives an array to draw on. GIL: released for the first conversion, then held
        """

    @property
    def rgb(self, /) -> numpy.typing.NDArray[numpy.uint8]:
        """
        (H, W, 3) uint8, read-only; converted once, then shared by all. GIL: released for the first conversion, then held
        """

    @property
    def array(self, /) -> numpy.typing.NDArray[numpy.uint8]:
        """
        The frame's own format in one read-only array: (H, W, 3), (H, W), (H*3//2, W) for nv12 and i420, (H*2, W) for i422, (3, H, W) for i444. Planar formats are packed once, then shared.

        Raises:
            FreshframeError: A subsampled format of odd size: use planes, luma or bgr.
        GIL: released for the first packing, then held
        """

    def to(self, format: str) -> Frame:
        """
        The same picture in another format: gray, nv12, i420, i422, i444, bgr or rgb. GIL: released
        """

    def copy(self, format: str | None = None) -> numpy.typing.NDArray[numpy.uint8]:
        """
        A writable array of your own, laid out as `array` (of `format`, when given): copy('bgr') is what OpenCV's functions can draw on. GIL: released
        """

    @staticmethod
    def from_array(array: Any, format: str = 'bgr', *, copy: bool = True) -> Frame:
        """
        A frame of a uint8 array in the layout of `array`; also 'rgba' (H, W, 4), whose alpha is dropped.

        With copy=False the frame shares the array's memory, which must not change any more.

        Raises:
            OptionError: The shape does not fit the format.
            OptionTypeError: Not a uint8 array.
        GIL: held; released for a copy of more than about half a millisecond
        """

    def __copy__(self) -> object:
        """The same frame. GIL: held"""

    def __deepcopy__(self, memo: object) -> object:
        """The same frame: it never changes. GIL: held"""

    def __reduce__(self) -> object:
        """Refuses. GIL: held"""

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> numpy.typing.NDArray[Any]:
        """
        `array` for NumPy, of a frame in gray, bgr or rgb; others raise OptionError. GIL: held
        """

    def __dlpack__(self, **kwargs: Any) -> Any:
        """
        `array` for DLPack, of a frame in gray, bgr or rgb: read-only without a copy for consumers of version 1.0 or newer, a copy of their own for older ones. GIL: held; released while copying
        """

    def __dlpack_device__(self) -> tuple:
        """The CPU: (1, 0). GIL: held"""

    def __eq__(self, other: object, /) -> bool:
        """Same memory, not same pixels. GIL: held"""

    def __hash__(self) -> int:
        """GIL: held"""

    def __repr__(self) -> str:
        """GIL: held"""

    def _nbytes(self) -> int:
        """Bytes behind this frame, conversions included. GIL: held"""

T_co = TypeVar("T_co", covariant=True)

class Sample(Generic[T_co]):
    """
    A value, the stamp of its birth and the frame that it was made from.

    Compares by identity. Made by readers and for nodes, not by hand.
    """

    @property
    def value(self, /) -> T_co:
        """The value; made at first use and kept. GIL: held"""

    @property
    def frame(self, /) -> Frame | None:
        """
        The frame that the value was made from; the value itself on an edge of frames; None below a source of other things or with frames=False. GIL: held
        """

    @property
    def seq(self) -> int:
        """Frame number at the source, from 0. GIL: held"""

    @property
    def pts(self) -> float:
        """Seconds in the source's own time. GIL: held"""

    @property
    def captured(self) -> float:
        """
        time.monotonic() when device, file or network handed the packet over. GIL: held
        """

    @property
    def source(self) -> str:
        """Name of the source node. GIL: held"""

    @property
    def node(self) -> str:
        """
        Name of the node that gave this sample: tells the parents of a merge apart. GIL: held
        """

    @property
    def path(self, /) -> str | None:
        """File of this picture of a sequence; None for other sources. GIL: held"""

    @property
    def dropped(self) -> int:
        """Samples dropped on this edge since the previous one. GIL: held"""

    @property
    def age(self) -> float:
        """Seconds since `captured`. GIL: held"""

    def __repr__(self) -> str:
        """GIL: held"""

class Reader(Generic[T_co]):
    """
    Pulls samples from one or more nodes; made by Pipeline.reader().

    Every verb raises a failed node's NodeError rather than return stale data. One thread at a time.
    """

    def __iter__(self) -> Iterator[Sample[T_co]]:
        """Implement iter(self)."""

    def __next__(self) -> Sample[T_co]:
        """Implement next(self)."""

    def get(self, timeout: float | None = None) -> Sample[T_co]:
        """
        Waits for the next unseen sample.

        Args:
            timeout: Seconds to wait; None waits until the stream ends.
        Returns:
            The sample; ``sample.dropped`` counts those lost on this edge since the last one.
        Raises:
            EndOfStream: Every parent ended and the queue is empty.
            ReadTimeout: Nothing arrived in time. The reader stays usable.
            NodeError: A node failed; ``__cause__`` is its exception.
            Stalled: Nothing moves because another reader, whose queue blocks, is not read.
        GIL: released while waiting.
        """

    def _take(self) -> Sample[T_co] | None:
        """What `async for` polls with: the next sample or None. GIL: held"""

    def latest(self) -> Sample[T_co] | None:
        """
        The newest sample; the same object again when nothing is newer, None before the first.

        Older waiting samples are dropped as ``skipped``. Never waits.

        Raises:
            GraphError: The reader's queue blocks (a file) or is NEXT.
            NodeError: A node failed.
            FramesHeld: Python holds more frames than max_held_bytes.
        GIL: held
        """

    def poll(self) -> Sample[T_co] | None:
        """
        The next unseen sample or None. Never waits.

        Raises:
            EndOfStream: Every parent ended and the queue is empty.
            NodeError: A node failed.
            FramesHeld: Python holds more frames than max_held_bytes.
        GIL: held
        """

    @property
    def ended(self) -> bool:
        """True when nothing will come any more and nothing waits. GIL: held"""

    @property
    def name(self) -> str:
        """The reader's name in stats and messages. GIL: held"""

    def __repr__(self) -> str:
        """Its name. GIL: held"""

    def close(self) -> None:
        """
        Ends this reader: later samples are dropped as ``stop`` and never block anybody. GIL: held
        """

    def __aiter__(self) -> AsyncIterator[Sample[T_co]]:
        """
        Samples until the end, one wake-up of the event loop for any number of them. GIL: held
        """

    def _wake_fd(self) -> int:
        """Descriptor for the event loop. GIL: held"""

    def _reset_wake(self) -> None:
        """
        Called before _take(), so that what comes after it wakes the loop. GIL: held
        """

    def _check_stalled(self) -> None:
        """Raises Stalled when waiting on can lead to nothing. GIL: held"""

    def _arm(self, waits: bool) -> None:
        """Called before and after the event loop waits. GIL: held"""

class NodeHandle:
    """A native node before and after it is added."""

    @property
    def added(self) -> bool:
        """True when it belongs to a pipeline. GIL: held"""

    @property
    def live(self) -> bool:
        """True for a source that cannot wait. GIL: held"""

    @property
    def default_name(self) -> str:
        """Its name when add() is given none. GIL: held"""

class Engine:
    """The native part of a Pipeline."""

    def __init__(self, name: str, stall_timeout: float | None, max_held_bytes: int) -> None:
        """GIL: held"""

    def wait_opened(self, seconds: float, /) -> bool:
        """True once every node has opened. GIL: released while waiting"""

    def wait_ended(self, seconds: float, /) -> bool:
        """
        True once the pipeline has ended; raises what failed. GIL: released while waiting
        """

    def join(self, seconds: float, /) -> bool:
        """True once every thread has ended. GIL: released while waiting"""

    def add_native(self, node: NodeHandle, parents: Sequence[int], options: dict) -> int:
        """Adds a native node; returns its index. GIL: held"""

    def add_python(self, label: str, kinds: tuple[str, str], parents: Sequence[int], options: dict) -> int:
        """Adds a place for a Python node; returns its index. GIL: held"""

    def add_python_source(self, label: str, live_and_kind: tuple[bool, str], parents: Sequence[int], options: dict) -> int:
        """Adds a place for a Python source; returns its index. GIL: held"""

    def reader(self, parents: Sequence[int], queue: tuple[int, str, float, int] | None, name: str, frames: bool) -> Reader:
        """Adds a reader. GIL: held"""

    def node_name(self, index: int) -> str:
        """GIL: held"""

    def launch(self) -> None:
        """Starts the native threads. GIL: held"""

    def go(self) -> None:
        """Lets the sources go. GIL: held"""

    def raise_untold(self) -> None:
        """Raises what failed, unless a call has raised it already. GIL: held"""

    def request_stop(self) -> None:
        """Asks everything to stop. GIL: released"""

    def call_at_end(self, callback: Callable) -> None:
        """GIL: held"""

    def busy_nodes(self) -> list[str]:
        """GIL: held"""

    def on_worker_thread(self) -> bool:
        """GIL: held"""

    @property
    def started(self) -> bool:
        """GIL: held"""

    @property
    def ended(self) -> bool:
        """GIL: held"""

    @property
    def failed(self) -> bool:
        """GIL: held"""

    @property
    def forked(self) -> bool:
        """True in a child of the process that made it. GIL: held"""

    def describe(self) -> str:
        """GIL: held"""

    def stats(self) -> tuple:
        """GIL: held"""

    def report(self) -> tuple:
        """GIL: held"""

    def progress(self) -> tuple:
        """GIL: held"""

    def serve(self, host: str, port: int, view: Sequence[str] | None, token: str, source_timeout: float | None) -> list[str]:
        """Starts the dashboard's server; returns its URLs. GIL: held"""

    def close_server(self) -> None:
        """Ends it. GIL: released while waiting"""

    def metrics(self) -> str:
        """What /metrics tells of this pipeline. GIL: released"""

    def forget_server(self) -> None:
        """In the child of a fork: closes its socket there. GIL: held"""

    def add_process(self, label: str, kinds: tuple[str, str], parents: Sequence[int], options: dict) -> int:
        """
        Adds a place for a node in worker processes; returns its index. GIL: held
        """

    def limit_stop(self, seconds: float) -> None:
        """Says how long a stop may take, before it is asked for. GIL: held"""

def set_gil_findings(capsule: CapsuleType) -> None:
    """Where the server hears of the GIL watch, without the GIL. GIL: held"""

def run_process(engine, index):
    """
    The body of the thread of a node in worker processes. GIL: released while waiting
    """

class StopToken:
    """Tells a source that its pipeline stops; given to Source.read()."""

    @property
    def stopped(self) -> bool:
        """True once the pipeline stops. GIL: held"""

    def __bool__(self) -> bool:
        """As `stopped`. GIL: held"""

    def wait(self, seconds: float) -> bool:
        """
        Sleeps for `seconds`, or until the pipeline stops; returns `stopped`. Use it instead of time.sleep(). GIL: released while waiting
        """

def run_node(engine: Engine, index: int, node: Any, takes_values: bool, /) -> None:
    """The body of a Python node's thread. GIL: released while waiting"""

class WorkerEnd:
    """A worker process's end of its socket. Not an interface."""

    def __init__(self, socket: int, parent: int) -> None:
        """GIL: held"""

    def init(self) -> tuple:
        """What the worker is for, and where its stacks are dumped. GIL: held"""

    def opened(self) -> None:
        """GIL: held"""

    def receive(self) -> object:
        """The next sample; None: there are no more. GIL: released while waiting"""

    def reply(self, result: object | None) -> None:
        """Answers the sample that was received last. GIL: released while copying"""

    def fail(self, in_call: bool, texts: tuple[str, str], parts: object | None) -> None:
        """Says that the node raised. GIL: held"""

    def closed(self) -> None:
        """GIL: held"""

    def log(self, level: int, logger: str, text: str) -> bool:
        """False: the parent is too slow. GIL: held"""

def make_video_source(url: str, options: dict) -> NodeHandle:
    """GIL: held"""

def video_url(node: NodeHandle) -> str:
    """GIL: held"""

def video_info(node: NodeHandle) -> tuple:
    """GIL: held"""

def make_mock_camera(picture: object, fps: float) -> NodeHandle:
    """GIL: held"""

def make_circle_detector(radius: tuple[float, float], max_circles: int, min_confidence: float, concentric: bool) -> NodeHandle:
    """GIL: held"""

def detect_circles(image: Any, radius: tuple[float, float], max_circles: int, min_confidence: float, concentric: bool) -> freshframe.results.Circles:
    """GIL: released"""

def make_circle_tracker(radius: tuple[float, float], max_circles: int, max_gap: float, full_every: float) -> NodeHandle:
    """GIL: held"""

def update_circle_tracker(tracker: NodeHandle, image: Any, time: float) -> freshframe.results.Circles:
    """GIL: released"""

def make_annotate(ids: bool, confidences: bool, trail: float, line_width: float) -> NodeHandle:
    """GIL: held"""

def text_mask(text: str, height: float) -> Annotated[NDArray[numpy.uint8], dict(shape=(None, None))]:
    """
    A line of anti-aliased text: how much of each pixel is covered. GIL: held
    """

def make_video_file(path: str, codec: str, fps: float | None, quality: int, options: Mapping[str, str]) -> NodeHandle:
    """GIL: held"""

def read_picture(path: str, at: float | None) -> Frame:
    """GIL: released"""

def write_picture(frame: Frame, path: str) -> None:
    """GIL: released"""

def demo_truth(url: str, seq: int) -> list:
    """GIL: held"""

def cameras() -> list[dict[str, Any]]:
    """The cameras of this machine and what they offer. GIL: released"""

def media_versions() -> dict:
    """FFmpeg's versions, licence and build flags. GIL: held"""

class BoxTracker:
    """The core of freshframe.BoxTracker."""

    def __init__(self, max_gap: float, min_confidence: float, iou: float) -> None:
        """GIL: held"""

    def update(self, pts: float, xyxy: numpy.typing.NDArray[numpy.float32], confidence: numpy.typing.NDArray[numpy.float32], class_id: numpy.typing.NDArray[numpy.int32]) -> tuple[numpy.typing.NDArray[numpy.int64], numpy.typing.NDArray[numpy.int64], numpy.typing.NDArray[numpy.float32], numpy.typing.NDArray[numpy.float32], numpy.typing.NDArray[numpy.float32]]:
        """
        (rows, ids, velocity, age, track_confidence) of the boxes with a confirmed track. GIL: released for a hundred boxes or more, else held
        """

def collect_log(on: bool) -> None:
    """
    Collects the log lines of the engine from now on, or drops them. GIL: held
    """

def take_log() -> list:
    """
    Takes what was collected: (level 0..3, text, "") each, or (Python's level, text, logger) of a worker. GIL: held
    """

def wait_log() -> bool:
    """
    Waits until there are lines to take; False: end_log() was called. GIL: released while waiting
    """

def end_log() -> None:
    """Ends one wait_log(), of now or later. GIL: held"""

def register_classes(classes: dict) -> None:
    """Tells the module the package's classes, once. GIL: held"""

def forget_classes() -> None:
    """The opposite, when the interpreter exits. GIL: held"""

def let_leaks_pass() -> None:
    """
    For an exit with a node that is still busy: what it holds outlives the interpreter. GIL: held
    """

__version__: str
