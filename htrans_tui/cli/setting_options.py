"""Options for training settings, built from `core.settings`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from inspect import Parameter, signature
from types import MappingProxyType
from typing import Annotated, Any

import typer

from core.settings import GROUPS, SETTINGS, Setting, shown

NO_CHANGES: Mapping[str, Any] = MappingProxyType({})
_TYPES = {"integer": int, "number": float, "boolean": bool}

Command = Callable[..., None]


def setting_options(
    names: Iterable[str] = tuple(SETTINGS),
    *,
    default: str | None = None,
    panels: bool = True,
    **options: Any,
) -> Callable[[Command], Command]:
    """Replace the parameter `changes` of a command with an option for each setting.

    The command receives the values that the user sets as a mapping from the setting's name.

    Args:
        names: The settings to offer.
        default: The default that the help states, if not the default of the setting.
        panels: Whether the options have help panels.
        options: Typer options that replace the declared ones, by the setting's name.
    """
    settings = sorted((SETTINGS[name] for name in names), key=_order)
    declared = {each.name: _option(each, default, panels=panels) for each in settings} | options
    replacements = [
        Parameter(
            each.name,
            Parameter.POSITIONAL_OR_KEYWORD,
            default=None,
            annotation=Annotated[_type(each) | None, declared[each.name]],
        )
        for each in settings
    ]

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def with_changes(**arguments: Any) -> None:
            given = {each: arguments.pop(each.name) for each in settings}
            changes = {
                each.name: each.parse(value) if isinstance(value, str) else value
                for each, value in given.items()
                if value is not None
            }
            command(**arguments, changes=changes)

        parameters: list[Parameter] = []
        plain = signature(command, eval_str=True)
        for parameter in plain.parameters.values():
            parameters += replacements if parameter.name == "changes" else [parameter]
        with_changes.__dict__["__signature__"] = plain.replace(parameters=parameters)
        return with_changes

    return decorate


def _order(setting: Setting) -> int:
    """Position in the help: declaration order in the first panel, then by group."""
    is_first = setting.panel == GROUPS["training"]
    return -1 if is_first else list(GROUPS).index(setting.group)


def _type(setting: Setting) -> Any:
    return _TYPES.get(setting.schema.get("type", ""), str)


def _option(setting: Setting, default: str | None, *, panels: bool) -> Any:
    """Return the Typer option of a setting, with its meaning and default."""
    names = []
    stated = shown(setting.default) if default is None else default
    if _type(setting) is bool:
        names.append(f"{setting.option}/--no-{setting.hyphenated}")
        if default is None:
            stated = "depends on the system" if setting.default else "off"
    return typer.Option(
        *names,
        help=f"{setting.help} [default: {stated}]" if stated else setting.help,
        show_default=False,
        rich_help_panel=setting.panel if panels else None,
    )
