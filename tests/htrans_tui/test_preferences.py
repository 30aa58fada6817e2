"""The settings file: what is in it holds, and what means nothing is told with its place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import HTransError
from htrans_tui.app.preferences import (
    COLUMNS,
    Preferences,
    as_toml,
    preferences_path,
    read_preferences,
    save_preferences,
)
from tests.support.command_line import error_line, htrans_alone
from tests.support.messages import naming, tells


def written(folder: Path, text: str) -> Path:
    path = folder / "settings.toml"
    path.write_text(text)
    return path


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    found = read_preferences(tmp_path / "absent.toml")
    assert (found.theme, found.columns, dict(found.keys)) == ("textual-dark", COLUMNS, {})


def test_what_the_file_says_holds_and_the_rest_is_default(tmp_path: Path) -> None:
    text = 'refresh = 2\ncolumns = ["test", "loss"]\n[keys]\n"monitor.retrain" = "t"\n'
    found = read_preferences(written(tmp_path, text))
    assert found.refresh == 2.0
    assert found.columns == ("loss", "test"), "in the order in which they stand"
    assert found.keys == {"monitor.retrain": "t"}
    assert found.theme == "textual-dark"


def test_keys_may_be_lists_signs_and_tables(tmp_path: Path) -> None:
    text = '[keys.monitor]\nretrain = ["t", "ctrl+r"]\nfilter = "!"\n'
    found = read_preferences(written(tmp_path, text))
    assert found.keys == {"monitor.retrain": "t,ctrl+r", "monitor.filter": "exclamation_mark"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("refresh = 1\ntheme = =\n", ("line 2",)),
        ("colour = 1", ("'colour'", "theme", "refresh", "columns", "keys")),
        ("theme = 3", ("theme", "3")),
        ("refresh = 0", ("refresh", "0", "0.1", "10")),
        ('refresh = "x"', ("refresh", "'x'")),
        ("refresh = true", ("refresh", "True")),
        ("refresh = nan", ("refresh", "nan", "0.1", "10")),
        ('columns = ["f2"]', ("column", "'f2'", "positives", "epoch")),
        ("columns = 3", ("columns", "3", "list")),
        ("keys = 3", ("keys", "3", "table")),
        ('[keys]\n"monitor.retrian" = "t"', ("action", "'monitor.retrian'", "monitor.retrain")),
        ('[keys]\n"monitor.retrain" = 3', ("keys.monitor.retrain", "3")),
        ('[keys]\n"monitor.retrain" = []', ("keys.monitor.retrain", "[]")),
        ('[keys]\n"monitor.retrain" = "x"', ("key", "'x'", "monitor.retrain", "both")),
        ('[keys]\n"app.help" = "p"', ("key", "'p'", "app.help", "both")),
    ],
)
def test_what_means_nothing_is_told_with_file_and_remedy(
    tmp_path: Path, text: str, said: tuple[str, ...]
) -> None:
    path = written(tmp_path, text)
    with pytest.raises(HTransError, match=naming(f"{path}:", *said)):
        read_preferences(path)


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(HTransError, match="cannot be read"):
        read_preferences(path)


def test_two_keys_can_be_exchanged(tmp_path: Path) -> None:
    text = '[keys.monitor]\nretrain = "x"\ncancel = "r"\n'
    found = read_preferences(written(tmp_path, text))
    assert found.keys == {"monitor.retrain": "x", "monitor.cancel": "r"}


def test_saving_keeps_comments_and_keys(tmp_path: Path) -> None:
    text = '# mine\nrefresh = 2\n\n[keys]\n"monitor.retrain" = "t"  # for training\n'
    path = written(tmp_path, text)
    save_preferences(replace(read_preferences(path), theme="nord", columns=("f1",)))
    kept = path.read_text()
    assert "# mine" in kept
    assert "# for training" in kept
    found = read_preferences(path)
    assert (found.theme, found.columns, found.refresh) == ("nord", ("f1",), 2.0)
    assert found.keys == {"monitor.retrain": "t"}


def test_saving_where_nobody_may_write_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "settings.toml"
    with pytest.raises(HTransError, match="cannot be written"):
        save_preferences(Preferences(path=path))


def test_all_settings_as_toml_are_read_back_as_they_were(tmp_path: Path) -> None:
    path = written(tmp_path, as_toml(Preferences(path=tmp_path / "x", keys={"app.help": "h"})))
    found = read_preferences(path)
    assert (found.theme, found.columns) == ("textual-dark", COLUMNS)
    assert found.keys["app.help"] == "h"
    assert found.keys["monitor.filter"] == "slash"


def test_the_file_is_the_one_that_the_environment_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTRANS_SETTINGS", str(tmp_path / "own.toml"))
    assert preferences_path() == tmp_path / "own.toml"


def test_settings_are_printed_with_every_key(tmp_path: Path) -> None:
    path = written(tmp_path, 'theme = "nord"')
    result = htrans_alone("settings", HTRANS_SETTINGS=str(path))
    assert result.returncode == 0
    assert 'theme = "nord"' in result.stdout
    assert '"monitor.retrain" = "r"' in result.stdout
    assert str(path) in result.stderr


def test_the_app_refuses_a_file_that_means_nothing_in_one_line(tmp_path: Path) -> None:
    for text, value in (("theme = 3", "3"), ('theme = "x"', "'x'")):
        path = written(tmp_path, text)
        result = htrans_alone(HTRANS_SETTINGS=str(path))
        assert tells(error_line(result), "theme", value)
