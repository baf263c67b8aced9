"""Options of ``analyze`` from a configuration file: ``--config FILE``, else ``ipipdiag.toml`` in the working directory,
else ``~/.config/ipipdiag/config.toml``.

The first that is there is read, the others are not. Its table ``[analyze]`` holds options by their long names, without
the dashes; what the command line says overrules it::

    [analyze]
    cluster = ["diags.tar.gz"]
    ipip-mode = ["10.244.0.0/16=CrossSubnet"]
    fail-on = "warning"
    skip = ["IPD0007"]

Paths in it are relative to the file.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from ipipdiag.report.model import COMMAND_LINE, Setting
from ipipdiag.report.units import format_time

LOCAL = "ipipdiag.toml"
TABLE = "analyze"
NOT_FROM_FILES = frozenset({"captures", "config", "no_config", "output", "help"})
OF_PATHS = frozenset({"cluster_files"})
NARROWING = frozenset({"only", "skip", "max_frames", "duration", "from_ns", "to_ns", "hosts", "thresholds"})
ORIGIN = "ipipdiag.config"  # in the context: which file the defaults came from
Values = dict[str, Any]


def config_file() -> Path | None:
    """The configuration file that is read where none is named; None where there is none."""
    home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return next((path for path in (Path(LOCAL), Path(home) / "ipipdiag" / "config.toml") if path.is_file()), None)


def take_config(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Callback of ``--config``, which comes before all other options: makes the file's values their defaults."""
    if context.params.get("no_config"):
        return None
    path = Path(value) if value is not None else config_file()
    if path is not None:
        context.default_map = _read(context, path)
        context.meta[ORIGIN] = str(path)
    return value


def settings_of(context: click.Context) -> tuple[Setting, ...]:
    """What the report is to say of the options: what narrows it, and what the configuration file gave."""
    settings = []
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if source is ParameterSource.DEFAULT_MAP:
            given = (context.default_map or {})[parameter.name or ""]
            settings += _settings(parameter, given, context.meta[ORIGIN])
        elif source is ParameterSource.COMMANDLINE and parameter.name in NARROWING:
            settings += _settings(parameter, context.params[parameter.name], COMMAND_LINE)
    return tuple(settings)


def _settings(parameter: click.Parameter, value: Any, source: str) -> list[Setting]:
    values = value if isinstance(value, (list, tuple)) else [value]
    return [Setting(parameter.opts[-1], _text(parameter, each), source) for each in values]


def _text(parameter: click.Parameter, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):  # a threshold
        return f"{value[0].replace('_', '-')}={value[1]:g}"
    if isinstance(value, int) and (parameter.name or "").endswith("_ns"):
        return format_time(value, 9)
    return str(value)


def _read(context: click.Context, path: Path) -> Values:
    import tomllib  # here, since few runs have such a file

    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise click.UsageError(f"{path}: cannot be read ({error.strerror or error})") from None
    except ValueError as error:  # not UTF-8, or not TOML
        raise click.UsageError(f"{path}: is not TOML ({error})") from None
    if unknown := [name for name in document if name != TABLE]:
        raise click.UsageError(f"{path}: [{unknown[0]}] is no table that is known; options stand below [{TABLE}].")
    table = document.get(TABLE, {})
    if not isinstance(table, dict):
        raise click.UsageError(f"{path}: {TABLE} is to be a table, [{TABLE}].")
    return dict(_value(context, path, name, value) for name, value in table.items())


def _value(context: click.Context, path: Path, name: str, value: Any) -> tuple[str, Any]:
    """The parameter's name and its value, converted once to see that it means something."""
    options = {
        option.removeprefix("--"): parameter
        for parameter in context.command.params
        for option in parameter.opts
        if option.startswith("--") and parameter.name not in NOT_FROM_FILES
    }
    parameter = options.get(name)
    if parameter is None or parameter.name is None:
        import difflib  # here, since few runs name what is not there

        near = difflib.get_close_matches(name, options, 1)
        advice = f"did you mean {near[0]}?" if near else f"it can hold {', '.join(options)}."
        raise click.UsageError(f"{path}: {name} is no option of analyze; {advice}")
    if parameter.multiple and not isinstance(value, list):
        value = [value]
    if isinstance(value, dict) or (isinstance(value, list) and not parameter.multiple):
        raise click.UsageError(f"{path}: {name} takes one value.")
    if parameter.name in OF_PATHS:
        value = [str(path.parent / str(each)) for each in value]
    elif isinstance(value, list):
        value = [str(each) for each in value]
    elif not isinstance(value, bool):
        value = str(value)
    try:
        parameter.type_cast_value(context, value)
    except click.BadParameter as error:
        raise click.UsageError(f"{path}: {name}: {error.message}") from None
    return parameter.name, value
