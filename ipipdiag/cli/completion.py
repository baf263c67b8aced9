"""``ipipdiag completion SHELL``: the script that lets a shell complete commands, options, files and codes."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem, get_completion_class

from ipipdiag.checks.catalogue import all_checks
from ipipdiag.cli.exits import ExitCode
from ipipdiag.cli.output import write

VARIABLE = "_IPIPDIAG_COMPLETE"


@click.command(
    short_help="Print the script that completes commands in a shell.",
    epilog="\b\nExamples:\n"
    "  source <(ipipdiag completion bash)             in this shell\n"
    "  ipipdiag completion bash > ~/.local/share/bash-completion/completions/ipipdiag\n"
    "  ipipdiag completion zsh > ~/.zfunc/_ipipdiag   where ~/.zfunc is in fpath\n"
    "  ipipdiag completion fish > ~/.config/fish/completions/ipipdiag.fish",
)
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
@click.pass_context
def completion(context: click.Context, shell: str) -> int:
    """Print what lets SHELL complete commands, options, file names and codes of checks."""
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"{shell}: is not known to this version of click.")
    write((kind(context.find_root().command, {}, "ipipdiag", VARIABLE).source() + "\n").encode(), None)
    return ExitCode.OK


def complete_code(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Codes of checks that begin so, or whose name does, each with its name."""
    known = {check.code: check.name for check in all_checks()}
    start = incomplete.lower()
    return [
        CompletionItem(code, help=name)
        for code, name in sorted(known.items())
        if code.lower().startswith(start) or name.lower().startswith(start)
    ]
