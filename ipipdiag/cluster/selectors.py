"""Calico's label selectors, as ``nodeSelector`` and ``peerSelector`` hold them (docs.tigera.io, Selectors).

Understood are ``all()``, ``has(l)``, ``l == 'v'``, ``l != 'v'``, ``l in {'a', 'b'}``, ``l not in {…}``, ``contains``,
``starts with``, ``ends with``, with ``!``, ``&&``, ``||`` and brackets. ``!=`` and ``not in`` hold where the label is
missing, as Calico has it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

_TOKEN = re.compile(
    r"\s*(?:(?P<operator>\|\||&&|==|!=|!|\(|\)|\{|\}|,)"
    r"|(?P<function>(?:all|has)\s*\()|(?P<word>not\s+in\b|in\b|contains\b|starts\s+with\b|ends\s+with\b)"
    r"|(?P<value>'[^']*'|\"[^\"]*\")|(?P<label>[\w./-]+))"
)
_COMPARISONS: dict[str, Callable[[str | None, str], bool]] = {
    "==": lambda label, value: label == value,
    "!=": lambda label, value: label != value,
    "contains": lambda label, value: label is not None and value in label,
    "starts with": lambda label, value: label is not None and label.startswith(value),
    "ends with": lambda label, value: label is not None and label.endswith(value),
}
_LONGEST = 2_000  # characters; no selector that people write is longer


class _NotUnderstoodError(Exception):
    """Another form of selector, or none."""


def selects(selector: str, labels: Mapping[str, str] | None) -> bool | None:
    """Whether a selector selects what has these labels; None where the selector is not understood or the labels are
    not known. An empty selector is ``all()``.
    """
    text = selector.strip()
    if text in ("", "all()"):
        return True
    if labels is None or len(text) > _LONGEST:
        return None
    try:
        return _Reading(text, labels).whole()
    except (_NotUnderstoodError, RecursionError):
        return None


class _Reading:
    """A selector read from left to right, evaluated as it is read."""

    def __init__(self, text: str, labels: Mapping[str, str]) -> None:
        self._text = text
        self._labels = labels
        self._at = 0

    def whole(self) -> bool:
        """The value of all of it."""
        value = self._either()
        if self._text[self._at :].strip():
            raise _NotUnderstoodError
        return value

    def _peek(self) -> str:
        match = _TOKEN.match(self._text, self._at)
        return re.sub(r"\s+", " ", match.group().strip()) if match else ""

    def _take(self, wanted: str | None = None) -> str:
        match = _TOKEN.match(self._text, self._at)
        if match is None or (wanted is not None and self._peek() != wanted):
            raise _NotUnderstoodError
        taken = self._peek()
        self._at = match.end()
        return taken

    def _either(self) -> bool:
        value = self._both()
        while self._peek() == "||":
            self._take()
            other = self._both()
            value = value or other
        return value

    def _both(self) -> bool:
        value = self._one()
        while self._peek() == "&&":
            self._take()
            other = self._one()
            value = value and other
        return value

    def _one(self) -> bool:
        token = self._take()
        if token == "!":
            return not self._one()
        if token == "(":
            value = self._either()
            self._take(")")
            return value
        if token.replace(" ", "") == "all(":
            self._take(")")
            return True
        if token.replace(" ", "") == "has(":
            label = self._take()
            self._take(")")
            return label in self._labels
        return self._comparison(self._labels.get(token))

    def _comparison(self, label: str | None) -> bool:
        operator = self._take()
        if operator in _COMPARISONS:
            return _COMPARISONS[operator](label, self._value())
        if operator not in ("in", "not in"):
            raise _NotUnderstoodError
        self._take("{")
        values = [self._value()]
        while self._peek() == ",":
            self._take()
            values.append(self._value())
        self._take("}")
        return (label in values) is (operator == "in")

    def _value(self) -> str:
        token = self._take()
        if token[0] not in "'\"":
            raise _NotUnderstoodError
        return token[1:-1]
