"""Short messages for calls of native functions with wrong arguments."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import re
from typing import NamedTuple

from ._errors import OptionTypeError

_SUPPORTED = "(): incompatible function arguments. The following argument types are supported:\n"
_GIVEN = "\nInvoked with types: "
_MODULES = r"\b(?:freshframe\._native|collections\.abc|typing|numpy|builtins)\."
_CONTAINERS = ("Iterable", "Collection", "Container", "Sized")
# Annotations that accept each built-in type.
_ACCEPTING = {
    "int": {"int", "Literal", "float", "SupportsInt", "SupportsIndex", "SupportsFloat"},
    "bool": {"bool", "Literal", "int", "float", "SupportsInt", "SupportsIndex", "SupportsFloat"},
    "float": {"float", "SupportsFloat"},
    "str": {"str", "Literal", "PathLike", *_CONTAINERS, "Sequence"},
    "bytes": {"bytes", "Literal", *_CONTAINERS, "Sequence"},
    "list": {"list", *_CONTAINERS, "Sequence"},
    "tuple": {"tuple", *_CONTAINERS, "Sequence"},
    "dict": {"dict", *_CONTAINERS, "Mapping"},
    "set": {"set", *_CONTAINERS, "Set", "AbstractSet"},
    "NoneType": {"None"},
    "ndarray": {"ndarray", "NDArray", "ArrayLike", "Annotated"},
    "function": {"Callable"},
}


def explain(text: str) -> OptionTypeError:
    """Returns the error to raise instead of nanobind's, given its message.

    Raises:
        ValueError: This is another message.
    """
    name, supported, rest = text.partition(_SUPPORTED)
    signatures, given, types = rest.partition(_GIVEN)
    if not (supported and given):
        raise ValueError("not a message about a call")
    overloads = [_Signature.of(line) for line in re.findall(r"^ {4}\d+\. (.*)$", signatures, re.M)]
    call = _Call.of(types)
    wrong = overloads[0].find_fault(call) if len(overloads) == 1 else ""
    usage = " or ".join(f"{name}({one.text})" for one in overloads)
    return OptionTypeError(f"{name}(): {wrong or 'got ' + call.text}; call it as {usage}")


class _Call(NamedTuple):
    """The types of the arguments of a call."""

    positional: list[str]
    named: dict[str, str]
    text: str

    @classmethod
    def of(cls, types: str) -> _Call:
        before, _, after = re.sub(_MODULES, "", types).partition("kwargs = { ")
        positional = [one for one in _split(before) if one]
        named = dict(one.split(": ", 1) for one in _split(after.removesuffix(" }")) if one)
        shown = positional + [f"{name}={one}" for name, one in named.items()]
        return cls(positional, named, f"({', '.join(shown)})")


class _Parameter(NamedTuple):
    name: str
    annotation: str
    is_required: bool

    @classmethod
    def of(cls, text: str) -> _Parameter:
        before, equals, _ = text.partition(" = ")
        name, _, annotation = before.partition(": ")
        return cls(name, annotation, not equals)

    def refuses(self, found: str) -> bool:
        """Returns True if a value of this type is certainly rejected."""
        accepted = set(re.findall(r"\w+", self.annotation))
        known = _ACCEPTING.get(found)
        if known is None or not accepted:
            return False
        return not accepted & (known | {"object", "Any", found})


class _Signature(NamedTuple):
    """The parameters of one function, without `self`."""

    text: str
    positional: list[_Parameter]
    named: list[_Parameter]  # only by name
    is_method: bool

    @classmethod
    def of(cls, line: str) -> _Signature:
        inside = re.sub(_MODULES, "", line.rpartition(" -> ")[0] or line).partition("(")[2].removesuffix(")")
        parts = [one for one in _split(inside) if one not in ("", "/")]
        is_method = parts[:1] == ["self"]
        parts = parts[is_method:]
        star = parts.index("*") if "*" in parts else len(parts)
        first, rest = parts[:star], parts[star + 1 :]
        return cls(", ".join(parts), [*map(_Parameter.of, first)], [*map(_Parameter.of, rest)], is_method)

    def find_fault(self, call: _Call) -> str:
        """Returns what is wrong with the first argument that cannot be passed, or an empty string."""
        positional = call.positional[self.is_method :]
        everything = self.positional + self.named
        if any(one.name.startswith("*") for one in everything):
            return ""
        if len(positional) > len(self.positional):
            by_name = " or ".join(f"{one.name}=" for one in self.named)
            remedy = f": pass {by_name} by name" if by_name else ""
            count = len(self.positional)
            what = "1 argument" if count == 1 else f"{count} arguments"
            return f"takes {what} by position, got {len(positional)}{remedy}"
        bound = dict(zip((one.name for one in self.positional), positional, strict=False))
        names = [one.name for one in everything]
        for name in call.named:
            if name in bound or name not in names:
                known = f"its arguments are {', '.join(names)}" if names else "it has no arguments at all"
                unknown = f"has no argument {name!r}; {known}"
                return f"got {name} twice, by position and by name" if name in bound else unknown
        bound.update(call.named)
        for one in everything:
            if one.name not in bound and one.is_required:
                return f"needs the argument {one.name}"
            if one.name in bound and one.refuses(bound[one.name]):
                found = bound[one.name].replace("NoneType", "None")
                return f"{one.name} must be {one.annotation}, got {found}"
        return ""


def _split(text: str) -> list[str]:
    """Splits at commas that are not within brackets or quotes."""
    parts, depth, quote, begin = [], 0, "", 0
    for at, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter in "([{":
            depth += 1
        elif letter in ")]}":
            depth -= 1
        elif letter == "," and depth == 0:
            parts.append(text[begin:at].strip())
            begin = at + 1
    return [*parts, text[begin:].strip()]
