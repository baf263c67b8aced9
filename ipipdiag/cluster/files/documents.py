"""YAML and JSON documents of a cluster file: single objects, Lists, several documents; bounded against hostile ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

DEPTH_LIMIT = 60  # levels of nesting; a Pod has some fifteen
ALIAS_LIMIT = 20  # of one file; what kubectl writes has none
OBJECTS_LIMIT = 500_000  # of one file

Document = dict[str, Any]


class DocumentError(Exception):
    """A file that is not usable YAML or JSON; the text says why."""


def looks_like_objects(text: str) -> bool:
    """Whether a text may hold Kubernetes objects: kind and apiVersion, as YAML or JSON."""
    return "apiVersion" in text and "kind" in text


def read_documents(text: str) -> Iterator[Document]:
    """The objects of a text, Lists taken apart; DocumentError where it cannot be read or goes beyond a limit.

    JSON is read as the YAML it is. Objects before an unreadable document are given first.
    """
    _require_bounds(text)
    count = 0
    try:
        for document in yaml.load_all(text, Loader=yaml.CSafeLoader):
            for item in _items(document, depth=0):
                count += 1
                if count > OBJECTS_LIMIT:
                    raise DocumentError(f"more than {OBJECTS_LIMIT} objects; the rest is not read")
                yield item
    except (yaml.YAMLError, ValueError, TypeError, RecursionError, OverflowError) as error:
        raise DocumentError(f"not readable as YAML or JSON ({_short(error)})") from None


def _require_bounds(text: str) -> None:
    """Aliases and nesting are counted before anything is built from them."""
    depth = aliases = 0
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > DEPTH_LIMIT:
                    raise DocumentError(f"nested more than {DEPTH_LIMIT} levels deep; not read")
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            elif isinstance(event, yaml.AliasEvent):
                aliases += 1
                if aliases > ALIAS_LIMIT:
                    raise DocumentError(f"more than {ALIAS_LIMIT} YAML aliases; not read")
    except (yaml.YAMLError, ValueError) as error:
        if "nesting depth" in str(error):  # libyaml has a limit of its own, and reads ahead of the events
            raise DocumentError(f"nested more than {DEPTH_LIMIT} levels deep; not read") from None
        return  # said with its line when the documents are built, after those before it


def _items(document: object, depth: int) -> Iterator[Document]:
    if not isinstance(document, dict):
        return
    items = document.get("items")
    if isinstance(items, list) and str(document.get("kind", "List")).endswith("List") and depth < 3:
        for item in items:
            if isinstance(item, dict) and "kind" not in item:  # the items of a typed list leave theirs out
                kind = str(document.get("kind", "")).removesuffix("List")
                item = {"kind": kind, "apiVersion": document.get("apiVersion")} | item
            yield from _items(item, depth + 1)
    else:
        yield document


def _short(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    where = f"line {mark.line + 1}: " if mark is not None else ""
    return where + " ".join(str(getattr(error, "problem", None) or error).split())[:120]
