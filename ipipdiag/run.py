"""One run, from capture files to the report: the stages strung together, each fed by the one before it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from ipaddress import IPv4Network
from typing import TYPE_CHECKING

from ipipdiag.capture import CaptureError, CaptureSummary, Limits, find_captures
from ipipdiag.checks.catalogue import all_checks, unusable
from ipipdiag.checks.thresholds import Thresholds
from ipipdiag.cluster.configuration import Configuration
from ipipdiag.cluster.endpoints import find_address
from ipipdiag.cluster.model import Cluster, ModeOption, NodeOption
from ipipdiag.cluster.told import build_told
from ipipdiag.facts.ahead import CaptureAhead, CaptureHere, Reader, ReaderLostError, open_reader
from ipipdiag.facts.selection import Selection
from ipipdiag.freed_memory import give_back
from ipipdiag.points.model import Point, PointOption
from ipipdiag.points.series import find_series
from ipipdiag.report.model import CALL, COMMAND_LINE, InputError, Report, Setting
from ipipdiag.trace.query import End, EndOption, FrameOption, Query

if TYPE_CHECKING:
    from ipipdiag.facts.collect import CaptureCollector, CaptureFacts
    from ipipdiag.report.trace.model import TraceReport

Progress = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What the user asked for; ``captures`` are files, folders, or "-" for standard input.

    ``hosts`` are addresses, or names that the cluster files or ``nodes`` give; ``settings`` are what the report is to
    say of these options.
    """

    captures: tuple[str, ...]
    points: tuple[PointOption, ...] = ()
    ipip_modes: tuple[ModeOption, ...] = ()
    pod_cidrs: tuple[IPv4Network, ...] = ()
    nodes: tuple[NodeOption, ...] = ()
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    max_frames: int | None = None
    duration: float | None = None  # seconds of reading, of all captures together
    cluster_files: tuple[str, ...] = ()
    from_ns: int | None = None
    to_ns: int | None = None
    hosts: tuple[str, ...] = ()
    settings: tuple[Setting, ...] = ()
    thresholds: Thresholds = field(default_factory=Thresholds)
    with_exhibits: bool = False  # for a format that draws: costs time, and reads the cited frames again


def analyze(
    options: RunOptions,
    progress: Progress | None = None,
    is_stopped: Callable[[], bool] | None = None,
    limits: Limits | None = None,
) -> Report:
    """Read all captures and report; an input that cannot be read is an error of the report, not an exception.

    ``progress`` is told the name of each file and how many of its bytes are read. Once ``is_stopped`` says so, or the
    duration has passed, nothing more is read, and what was read by then is reported. Raises UnknownNameError for a host
    that nothing names.
    """
    limits = limits or Limits(max_frames=options.max_frames)
    if is_stopped is not None:
        limits = replace(limits, is_stopped=is_stopped)
    if options.duration is not None:
        limits = replace(limits, deadline=time.monotonic() + options.duration)
    problems: list[InputError] = []
    configuration, told = _told(options, problems)
    hosts = frozenset(find_address(told, host) for host in options.hosts)
    selection = Selection(options.from_ns, options.to_ns, hosts)
    drawn = options.with_exhibits
    captures, errors = read_captures(
        options.captures,
        limits,
        progress,
        None if selection.is_everything else selection,
        always_keys=drawn,
        with_buckets=drawn,
        meanwhile=_import_later_stages,
    )
    from ipipdiag.checks.run import Case, run_checks
    from ipipdiag.redaction.secrets import secrets_of
    from ipipdiag.report.build import build_report
    from ipipdiag.trace.build import build_trace

    errors += problems
    errors += [InputError(f"check {entry.name}", entry.problem, fatal=False) for entry in unusable()]
    points, cluster = _place(options, captures, told)
    trace = build_trace(points, cluster)
    case = Case(tuple(captures), points, cluster, configuration, trace, options.thresholds)
    told_something = configuration != Configuration()
    checks = run_checks(case, options.only, options.skip) if captures or told_something else ()
    report = build_report(captures, points, cluster, checks, errors, trace, options.settings)
    files = [file for capture in captures for file in capture.files]
    sources = {setting.source for setting in options.settings} - {COMMAND_LINE, CALL}
    named = (*options.captures, *options.cluster_files, *sources, *(error.name for error in errors))
    report = replace(report, secrets=secrets_of(files, configuration, cluster, named))
    if not drawn:
        return report
    from ipipdiag.report.exhibits.build import with_exhibits  # here, since few formats draw: it takes dpkt

    return with_exhibits(report, captures, points, cluster, trace)


def _import_later_stages() -> None:
    """Import what follows the reading: a hundred and more modules, a tenth of a second in which captures are read."""
    import ipipdiag.checks.run
    import ipipdiag.cluster.infer
    import ipipdiag.points.placement
    import ipipdiag.redaction.secrets
    import ipipdiag.report.build
    import ipipdiag.trace.build  # noqa: F401

    all_checks()


@dataclass(frozen=True, slots=True)
class TraceOptions:
    """Which packets the user asks for; all of them where nothing is said."""

    source: EndOption | None = None
    destination: EndOption | None = None
    frame: FrameOption | None = None


def trace(options: RunOptions, asked: TraceOptions, limits: Limits | None = None) -> TraceReport:
    """Read all captures and say what became of packets on their way.

    Raises UnknownNameError for a name that nothing has, NoSuchFrameError for a frame that no capture holds.
    """
    # here, since `analyze` can do without
    from ipipdiag.decode.single import read_rows
    from ipipdiag.report.trace.build import TraceReporter
    from ipipdiag.report.trace.packet import frames_of
    from ipipdiag.trace.build import build_trace
    from ipipdiag.trace.packet import follow_packet

    limits = limits or Limits(max_frames=options.max_frames)
    errors: list[InputError] = []
    _, told = _told(options, errors)
    query = Query(_end(told, asked.source), _end(told, asked.destination), asked.frame)
    captures, unread = read_captures(options.captures, limits, always_keys=True)
    points, cluster = _place(options, captures, told)
    found = build_trace(points, cluster, fewest_places=1)
    reporter = TraceReporter(captures, points, cluster, found, (*unread, *errors))
    if query.frame is None or not captures:
        return reporter.routes(query)
    frame = reporter.files.find(query.frame.file, query.frame.number)
    ways = (follow_packet(found, cluster, point, frame.through) for point in points if point.input == frame.first_input)
    way = next((way for way in ways if way is not None), None)
    wanted = frames_of(way, reporter.files) if way is not None else {}
    wanted.setdefault(frame.input, set()).add(frame.number)
    rows = {
        (name, number): row
        for name, numbers in wanted.items()
        for number, row in read_rows(reporter.files.name(name), numbers, limits)
    }
    return reporter.packet(query, frame, way, rows)


def _end(told: Cluster, option: EndOption | None) -> End | None:
    """Who a user means: an address or network, else what --cluster or --node calls so."""
    if option is None:
        return None
    try:
        return End(option.name, IPv4Network(option.name, strict=False), option.port)
    except ValueError:
        return End(option.name, IPv4Network((find_address(told, option.name), 32)), option.port)


def _told(options: RunOptions, errors: list[InputError]) -> tuple[Configuration, Cluster]:
    """What files and flags tell of the cluster; complaints about the files go to the errors."""
    configuration = _read_files(options.cluster_files, errors) if options.cluster_files else Configuration()
    return configuration, build_told(configuration, options.nodes, options.pod_cidrs, options.ipip_modes)


def _read_files(paths: Sequence[str], errors: list[InputError]) -> Configuration:
    # here, since many runs have no such file: it takes PyYAML
    from ipipdiag.cluster.files.load import load_configuration
    from ipipdiag.cluster.files.members import Complaints

    complaints = Complaints()
    configuration = load_configuration(paths, complaints)
    errors += [InputError(line.name, line.text, line.fatal) for line in complaints.lines]
    return configuration


def _place(options: RunOptions, captures: Sequence[CaptureFacts], told: Cluster) -> tuple[tuple[Point, ...], Cluster]:
    """Where the captures were taken, and what they tell of the cluster beside what is told."""
    from ipipdiag.cluster.infer import build_cluster
    from ipipdiag.points.placement import place_points

    names = {node.address: node.name for node in told.nodes.values() if node.name}
    points = place_points(captures, options.points, names, told.pod_interfaces)
    return points, build_cluster(points, told)


def read_captures(
    sources: Iterable[str],
    limits: Limits,
    progress: Progress | None = None,
    selection: Selection | None = None,
    *,
    always_keys: bool = False,
    with_buckets: bool = False,
    meanwhile: Callable[[], object] | None = None,
) -> tuple[list[CaptureFacts], list[InputError]]:
    """The facts of every capture that can be read, and why the others cannot; the same bytes are read once.

    ``meanwhile`` is done while there is nothing to do yet but to wait for the process that reads ahead, where one does.
    """
    captures: list[CaptureFacts] = []
    errors: list[InputError] = []
    series = find_series(_expand(sources, errors), limits)
    with open_reader(series, limits, selection) as reader:
        from ipipdiag.facts.collect import CaptureCollector  # here: the process that reads ahead has begun by now

        if reader.is_ahead and meanwhile is not None:
            meanwhile()
        new_collector = partial(
            CaptureCollector, captures=len(series), always_keys=always_keys, with_buckets=with_buckets
        )
        for names in series:
            collect = partial(_collect, names, new_collector, reader, limits, progress)
            try:
                found, unread = collect()
            except ReaderLostError:
                found, unread = collect()  # from its beginning, and in this process
            errors += unread
            if found is None:
                continue
            give_back()
            twin = _twin(found.files, captures)
            if twin is None:
                captures.append(found)
            else:
                name = found.files[0].name
                errors.append(InputError(name, f"the same bytes as {twin.name}; counted once", fatal=False))
    return captures, errors


def _collect(
    names: Iterable[str],
    new_collector: Callable[[], CaptureCollector],
    reader: Reader,
    limits: Limits,
    progress: Progress | None,
) -> tuple[CaptureFacts | None, list[InputError]]:
    """The facts of one capture, if any of its files can be read; those that cannot, or were not in time, are errors."""
    collector = new_collector()
    errors: list[InputError] = []
    reader.begin()
    for name in names:
        try:
            if limits.is_over():
                who = "the user stopped the reading" if limits.is_stopped() else "--duration had passed"
                raise CaptureError(name, "was not read", f"{who} before it")
            if progress:
                progress(name, 0)
            with reader.open(name) as capture:
                collector.read(capture, partial(_tell, progress, name) if progress else None)
        except CaptureError as error:
            errors.append(_unread(error))
    return collector.finish() if collector.files else None, errors


def _tell(progress: Progress, name: str, capture: CaptureHere | CaptureAhead) -> None:
    progress(name, capture.bytes_read)


def _unread(error: CaptureError) -> InputError:
    """An input that cannot be read; its name stands beside the text, not in it."""
    return InputError(error.name, str(error).removeprefix(f"{error.name}: "), fatal=True)


def _twin(files: Sequence[CaptureSummary], captures: Iterable[CaptureFacts]) -> CaptureSummary | None:
    """The file read before that has the same bytes as this one, where it is one and not empty."""
    if len(files) > 1 or not files[0].frames:
        return None
    return next((file for other in captures for file in other.files if file.sha256 == files[0].sha256), None)


def _expand(sources: Iterable[str], errors: list[InputError]) -> list[str]:
    names: list[str] = []
    for source in sources:
        try:
            names.extend(name for name in find_captures(source) if name not in names)
        except CaptureError as error:
            errors.append(_unread(error))
    return names
