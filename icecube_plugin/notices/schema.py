"""Optional check of notices against their schemas: reports, never refuses.

JSON notices are held against GCN's JSON schema, VOEvents against the VOEvent 2.0 schema that
voevent-parse brings (extra ``voevent``, Python before 3.12 only). GCN's schema is not shipped; give
the folder of a copy of ``nasa-gcn/gcn-schema``, in any of its versions (extra ``schema``)::

    from icecube_plugin.notices.schema import Checker

    checker = Checker.from_folder("gcn-schema")
    for concern in checker.problems(alert):
        print(concern.field, concern.found, concern.why)

Conventions
-----------
- The schema is chosen by the kind of notice. Its ``$schema`` is not asked: producers send stale
  ones, and ones that do not exist.
- Nothing is fetched: a schema that refers to one outside of the folder is a `ConfigError`.
- A concern of this module changes nothing: ``taken`` is what was found.
- The real notices of some years break the schema in the same places (``healpix_url`` null in the
  first notice, say), so a problem is no reason to throw a notice away.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urldefrag, urljoin

from icecube_hooks import Alert, AlertKind, Concern, ConfigError, NoticeError, WireFormat
from icecube_plugin.extras import pip_line

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

__all__ = ["Checker"]

_SEARCH: Final = "search"
_SINGLE: Final = "single"

_FILES: Final = {
    _SEARCH: ("lvk_nu_track_search.schema.json", "LvkNuTrackSearch.schema.json"),
    _SINGLE: (
        "single_neutrino_alerts.schema.json",
        "gold_bronze_track_alerts.schema.json",
        "GoldAndBronze.schema.json",
    ),
}
"""Names of the schema files, newest first."""

_LVK_MARKS: Final = ("pval_generic", "pval_bayesian")
_SINGLE_MARKS: Final = ("nu_energy", "pipeline")
_SHOWN: Final = 80


@dataclass(frozen=True, slots=True)
class Checker:
    """Checks notices against the schemas of one folder; make it with `from_folder`."""

    _validators: Mapping[str, Validator] = field(repr=False)

    @classmethod
    def from_folder(cls, path: str | Path) -> Checker:
        """Read all schemas below `path`.

        Raises
        ------
        ConfigError
            If the extra ``schema`` is not installed, if the folder holds no schema of an IceCube
            notice, or if a schema is broken or refers to one that is not there.
        """
        schemas = _schemas(Path(path))
        chosen = {group: _first(schemas, names) for group, names in _FILES.items()}
        uris = {group: uri for group, uri in chosen.items() if uri is not None}
        if not uris:
            raise ConfigError("no schema of an IceCube notice below this folder", key=str(path))
        by_uri = {uri: schema for uri, (_, schema) in schemas.items()}
        return cls({group: _validator(uri, by_uri) for group, uri in uris.items()})

    def problems(self, notice: bytes, alert: Alert | None = None) -> tuple[Concern, ...]:
        """Return what in a notice is not as the schema says.

        Parameters
        ----------
        notice : bytes
        alert : Alert, optional
            What was read from it: tells its format and kind.

        Returns
        -------
        tuple of Concern
            Empty if it is valid. What cannot be checked is a concern, too.
        """
        if alert is not None and alert.format is WireFormat.VOEVENT:
            return _voevent_problems(notice)
        if alert is not None and alert.format is not WireFormat.JSON:
            return (_concern("format", alert.format, "only JSON and VOEvent have a schema"),)
        try:
            data = _decoded(notice)
        except NoticeError as error:
            return (_concern("", error.value, error.reason),)
        group = _group(data, None if alert is None else alert.kind)
        validator = None if group is None else self._validators.get(group)
        if validator is None:
            return (_concern("", data, "the folder holds no schema for this kind of notice"),)
        found = (_problem(error) for error in validator.iter_errors(data))
        return tuple(sorted(dict.fromkeys(found), key=lambda concern: (concern.field, concern.why)))


def _voevent_problems(raw: bytes) -> tuple[Concern, ...]:
    """Validate a VOEvent that our own reader has taken, so that it holds no DTD."""
    from lxml import etree

    try:
        import voeventparse
    except ImportError:
        return (_concern("version", "VOEvent", "not checked: voevent-parse is not installed"),)
    try:
        voeventparse.assert_valid_as_v2_0(voeventparse.loads(raw))
    except (ValueError, etree.LxmlError) as error:
        return (_concern("VOEvent", "the notice", f"{type(error).__name__}: {error}"),)
    return ()


def _decoded(raw: bytes) -> dict[str, Any]:
    try:
        data = json.loads(raw.decode("utf-8-sig"), parse_constant=_no_constant)
    except RecursionError:
        raise NoticeError("nested too deeply", value=raw) from None
    except ValueError as error:
        raise NoticeError(f"not valid JSON ({error})", value=raw) from error
    if not isinstance(data, dict):
        raise NoticeError("expected an object", value=data)
    return data


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _group(data: Mapping[str, Any], kind: AlertKind | None) -> str | None:
    """Choose the schema by the kind, or by the fields that only this kind has."""
    if kind is AlertKind.LVK_SEARCH or (kind is None and any(key in data for key in _LVK_MARKS)):
        return _SEARCH
    return _SINGLE if kind is not None or any(key in data for key in _SINGLE_MARKS) else None


def _problem(error: Any) -> Concern:
    """Turn one of jsonschema's errors into words of ours; theirs quote the whole value."""
    return _concern(_path(error.absolute_path), error.instance, _why(error))


def _path(parts: Iterable[str | int]) -> str:
    """Return ``coincident_events[1].id``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
    return text.removeprefix(".")


def _why(error: Any) -> str:
    """Say which rule of the schema is broken."""
    if error.validator == "type":
        types = [error.validator_value] if isinstance(error.validator_value, str) else None
        return f"expected {' or '.join(types or error.validator_value)}"
    if error.validator == "enum":
        return f"expected one of {', '.join(map(str, error.validator_value))}"
    if error.validator in ("anyOf", "oneOf"):
        inner = dict.fromkeys(_why(one) for one in error.context)
        return ", or ".join(inner) or "fits more than one of the allowed forms"
    return f"breaks the rule {error.validator} = {_shown(error.validator_value)}"


def _concern(field: str, found: object, why: str) -> Concern:
    text = found if isinstance(found, str) else _shown(found)
    return Concern(field=field or "(notice)", found=text, taken=text, why=f"schema: {why}")


def _shown(value: object) -> str:
    text = repr(value) if isinstance(value, bytes) else json.dumps(value, default=str)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def _schemas(folder: Path) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return name and content of every schema below a folder, by its address."""
    found = {}
    for path in sorted(folder.rglob("*.schema.json")):
        try:
            schema = json.loads(path.read_bytes())
        except (OSError, ValueError) as error:
            raise ConfigError(f"cannot be read ({error})", key=str(path)) from error
        if not isinstance(schema, dict):
            raise ConfigError("is not a JSON schema", key=str(path))
        found[str(schema.get("$id") or path.resolve().as_uri())] = (path.name, schema)
    return found


def _first(schemas: Mapping[str, tuple[str, dict[str, Any]]], names: Iterable[str]) -> str | None:
    """Return the address of the first schema whose file has one of the names."""
    found = {name: uri for uri, (name, _) in schemas.items()}
    return next((found[name] for name in names if name in found), None)


def _reachable(uri: str, schemas: Mapping[str, Any], seen: set[str]) -> set[str]:
    """Add to `seen` the schema and all that it refers to; refuse what is not in the folder."""
    if uri not in schemas:
        raise ConfigError("a schema refers to this one, which is not in the folder", key=uri)
    seen.add(uri)
    for reference in _references(schemas[uri]):
        target = urldefrag(urljoin(uri, reference)).url
        if target not in seen:
            _reachable(target, schemas, seen)
    return seen


def _references(schema: object) -> list[str]:
    if isinstance(schema, list):
        return [one for item in schema for one in _references(item)]
    if not isinstance(schema, dict):
        return []
    own = schema.get("$ref")
    inner = [one for item in schema.values() for one in _references(item)]
    return [own, *inner] if isinstance(own, str) else inner


def _validator(uri: str, schemas: Mapping[str, Any]) -> Validator:
    try:
        from jsonschema import Draft202012Validator
        from jsonschema.exceptions import SchemaError
        from referencing import Registry, Resource
        from referencing.jsonschema import DRAFT202012
    except ImportError as error:
        hint = pip_line("schema")
        raise ConfigError(f"checking notices needs {error.name}", hint=hint) from error
    registry: Registry[Any] = Registry().with_resources(
        (uri, Resource.from_contents(schema, default_specification=DRAFT202012))
        for uri, schema in schemas.items()
    )
    for part in sorted(_reachable(uri, schemas, set())):
        try:
            Draft202012Validator.check_schema(schemas[part])
        except SchemaError as error:
            raise ConfigError(f"is not a valid JSON schema ({error.message})", key=part) from error
    validator: Validator = Draft202012Validator({"$ref": uri}, registry=registry)
    return validator
