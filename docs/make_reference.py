"""Make the folder `reference` from the program itself: `python docs/make_reference.py [FOLDER]`.

Commands come from the command line's own declarations, settings from `core.settings` and
`core.systems`, JSON from `json_fields.py`, which a test compares with what is printed.
"""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import typer
from json_fields import COMMANDS, LINES, SHAPES

from core.engine.runs.retraining import CHANGEABLE
from core.settings import PRESETS, SETTINGS, Setting, option_of, shown
from core.systems import SYSTEMS
from htrans_tui.cli import COMMANDS as COMMAND_MODULES
from htrans_tui.cli import command_line

FOLDER = Path(__file__).parent / "reference"
_MADE = "<!-- Made by docs/make_reference.py; change the program, not this file. -->"
_STATED_DEFAULT = re.compile(r"\s*\[default: (?P<value>.*?)\]$")


def commands() -> str:
    """Every command with its arguments and options."""
    root: Any = typer.main.get_command(command_line(["--help"]))
    lines = [
        "# Commands",
        "",
        "Exit codes: 0 done, 1 failed, 2 wrong usage. Results go to standard output, all else to "
        "standard error. An error is one line; `--debug` before the command adds its traceback. "
        "What `--json` prints is in [json.md](json.md), what each training setting means for which "
        "system in [settings.md](settings.md).",
        "",
        *_command("htrans-tui", root),
    ]
    for name in chain.from_iterable(COMMAND_MODULES.values()):
        command = root.commands[name]
        lines += _command(f"htrans-tui {name}", command)
        for below, subcommand in getattr(command, "commands", {}).items():
            lines += _command(f"htrans-tui {name} {below}", subcommand)
    return _page(lines)


def _command(name: str, command: Any) -> Iterator[str]:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option"]
    groups = bool(getattr(command, "commands", {}))
    alone = getattr(command, "invoke_without_command", True)
    usage = [name, *map(_argument, arguments), *(["[OPTIONS]"] if options else [])]
    if groups:
        usage.append("[COMMAND]" if alone else "COMMAND")
    yield from (f"## {name}", "", f"`{' '.join(usage)}`", "")
    yield from ((" ".join(command.help.split())), "")
    if arguments:
        rows = [[f"`{_argument(each)}`", _text(each.help)] for each in arguments]
        yield from _table(["argument", "meaning"], rows)
    if options:
        yield from _table(["option", "default", "meaning"], map(_option, options))


def _argument(parameter: Any) -> str:
    name = (parameter.metavar or parameter.name.upper().rstrip("_")).removesuffix("...")
    name += "..." if parameter.nargs == -1 else ""
    return name if parameter.required else f"[{name}]"


def _option(parameter: Any) -> list[str]:
    names = [", ".join(parameter.opts)]
    if parameter.secondary_opts:
        names.append(", ".join(parameter.secondary_opts))
    said = _STATED_DEFAULT.search(parameter.help or "")
    usual = said["value"] if said else shown(parameter.default)
    if parameter.required:
        usual = "required"
    elif parameter.is_flag and not parameter.secondary_opts:
        usual = ""
    text = _text(_STATED_DEFAULT.sub("", parameter.help or ""))
    if parameter.multiple:
        text += " May be given several times."
    return [" / ".join(f"`{name}`" for name in names), _escaped(usual), text]


def settings() -> str:
    """Every training setting, its value in each preset, and what the systems make of it."""
    lines = [
        "# Training settings",
        "",
        "They are options of `train`; the defaults are those of the preset `paper`. What a system "
        "changes overrides the preset, a single option overrides both. All are kept with the run. "
        f"`retrain` takes {_listed(map(option_of, CHANGEABLE))} anew; the others stay the "
        "run's.",
        "",
        *_table(
            ["option", *(f"`{preset}`" for preset in PRESETS), "meaning"],
            [
                [
                    f"`{_shown_option(each)}`",
                    *(shown(values.get(name, each.default)) for values in PRESETS.values()),
                    _setting_text(each),
                ]
                for name, each in SETTINGS.items()
            ],
        ),
        "## What the systems change",
        "",
        "A setting that means nothing to a system is refused unless it has the value that the "
        "system has anyway. See [systems.md](../systems.md).",
        "",
    ]
    for system in SYSTEMS.values():
        changes = [
            f"{_named(name, value)}"
            for name, value in system.defaults.items()
            if value != SETTINGS[name].default
        ]
        refused = [f"`{option_of(name)}`" for name in SETTINGS if name in system.unused]
        lines += [f"### {system.name}", "", f"{_capital(system.description)}.", ""]
        lines.append(f"- Changed: {', '.join(changes) or 'nothing'}.")
        lines.append(f"- Without meaning: {', '.join(refused) or 'none'}.")
        lines.append("")
    return _page(lines)


def _setting_text(setting: Setting) -> str:
    choices = f" One of {_listed(setting.choices)}." if setting.choices else ""
    return _text(setting.help) + choices


def json() -> str:
    """What every command prints with --json, field for field."""
    command, line = LINES
    lines = [
        "# JSON",
        "",
        "With `--json` a command prints one value on one line. Times are ISO 8601 in UTC, "
        "durations seconds; what is unknown is null. Fields may be added; none is renamed. "
        "`map of` stands for an object whose keys are ids or names.",
        "",
        *_table(
            ["command", "prints", "that is"],
            [[f"`{name}`", _type(kind), text] for name, (kind, text) in COMMANDS.items()],
        ),
        f"`{command}` writes JSON lines without being asked, each a {_type(line)}.",
        "",
    ]
    for name, (text, fields) in SHAPES.items():
        lines += [f"## {name}", "", text, ""]
        lines += _table(
            ["field", "type", "meaning"],
            [[f"`{field}`", _type(kind), said] for field, (kind, said) in fields.items()],
        )
    return _page(lines)


def _type(kind: str) -> str:
    """A type with links to the shapes in it."""
    if " or " in kind:
        return " or ".join(map(_type, kind.split(" or ")))
    for prefix in ("list of ", "map of "):
        if kind.startswith(prefix):
            return prefix + _type(kind.removeprefix(prefix))
    return f"[{kind}](#{kind.replace(' ', '-')})" if kind in SHAPES else kind


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [header, ["---"] * len(header), *rows]
    return ["|" + "".join(f" {cell} |" if cell else " |" for cell in cells) for cells in lines] + [
        ""
    ]


def _page(lines: Iterable[str]) -> str:
    first, *rest = lines
    return "\n".join([first, "", _MADE, *map(_wrapped, rest)]).rstrip() + "\n"


def _wrapped(line: str) -> str:
    if line.startswith(("|", "#")):
        return line
    indent = "  " if line.startswith("- ") else ""
    return textwrap.fill(
        line, 118, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def _named(name: str, value: Any) -> str:
    """An option with its value, as one would write it."""
    if isinstance(value, bool):
        return f"`--{'' if value else 'no-'}{SETTINGS[name].hyphenated}`"
    return f"`{option_of(name)} {shown(value)}`"


def _shown_option(setting: Setting) -> str:
    if isinstance(setting.default, bool):
        return f"{setting.option}, --no-{setting.hyphenated}"
    return setting.option


def _listed(names: Iterable[str]) -> str:
    *most, last = (f"`{name}`" for name in names)
    return f"{', '.join(most)} and {last}" if most else last


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _text(text: str) -> str:
    return _escaped(" ".join(text.split()))


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


PAGES = {"commands.md": commands, "settings.md": settings, "json.md": json}
"""The files and what makes each."""


def main() -> None:
    """Write all pages to a folder."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in PAGES.items():
        (folder / name).write_text(make(), encoding="utf-8")
        print(folder / name)


if __name__ == "__main__":
    main()
