"""``ipipdiag inspect``: frames header field by field, beside what Calico's rules expect of each field."""

from __future__ import annotations

import click

from ipipdiag.cli.exits import ExitCode, HelperMissingError, UnreadableError


@click.command(
    short_help="Show frames header by header, beside what Calico's rules expect.",
    epilog="\b\nExamples:\n  ipipdiag inspect node-a.pcap 12 14\n  ipipdiag inspect --tshark node-a.pcap 12",
)
@click.argument("capture", type=click.Path())
@click.argument("frames", metavar="FRAME...", nargs=-1, required=True, type=click.IntRange(min=1))
@click.option("--tshark", "with_tshark", is_flag=True, help="Add tshark's own dissection (needs tshark).")
def inspect(capture: str, frames: tuple[int, ...], with_tshark: bool) -> int:
    """Show frames of a CAPTURE by their numbers (Wireshark's), outer and inner header field by field.

    A field is marked ok or !! where one frame alone can tell, with what is expected of it.
    """
    # numpy and dpkt are needed here only: the other commands answer faster without
    from dataclasses import replace

    from ipipdiag.capture import CaptureError
    from ipipdiag.inspection.dissect import dissect
    from ipipdiag.inspection.layers import view
    from ipipdiag.inspection.read import NoSuchFrameError, read_frames
    from ipipdiag.inspection.tshark import TsharkMissingError, tshark_layers
    from ipipdiag.report.frame_text import render

    try:
        records = read_frames(capture, frames)
        views = []
        for record in records:
            headers = dissect(record.data, record.wire_length, record.link_type, record.record_offset)
            shown = view(record, headers)
            if with_tshark:
                shown = replace(shown, tshark=tshark_layers(capture, record.number))
            views.append(shown)
    except NoSuchFrameError as error:
        raise click.UsageError(str(error)) from None
    except CaptureError as error:
        raise UnreadableError(str(error)) from None
    except TsharkMissingError as error:
        raise HelperMissingError(str(error)) from None
    click.echo("\n".join(render(shown) for shown in views), nl=False)
    return ExitCode.OK
