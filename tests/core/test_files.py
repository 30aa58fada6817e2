"""Files that are whole or absent."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.files import replacing, sha256, write_bytes


def names(folder: Path) -> list[str]:
    return sorted(child.name for child in folder.iterdir())


def write_half(path: Path, error: BaseException) -> None:
    """Write half of a new file, then fail."""
    with replacing(path) as temporary:
        temporary.write_bytes(b"half of the n")
        raise error


def test_new_content_takes_the_place_of_the_old(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(b"old and longer")
    with replacing(path) as temporary:
        temporary.write_bytes(b"new")
    assert path.read_bytes() == b"new"
    assert names(tmp_path) == ["model.bin"]


def test_old_content_is_there_until_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(b"old")
    with replacing(path) as temporary:
        temporary.write_bytes(b"new")
        assert temporary != path
        assert temporary.parent == path.parent
        assert path.read_bytes() == b"old"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_block_that_fails_keeps_the_old_file_and_leaves_no_temporary(
    tmp_path: Path, error: type[BaseException]
) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(b"old")
    with pytest.raises(error):
        write_half(path, error("stop"))
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["model.bin"]


def test_block_that_fails_makes_no_file_where_none_was(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="stop"):
        write_half(tmp_path / "model.bin", ValueError("stop"))
    assert names(tmp_path) == []


def test_block_that_writes_nothing_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(b"old")
    with pytest.raises(FileNotFoundError), replacing(path):
        pass
    assert path.read_bytes() == b"old"


def test_missing_folders_are_made(tmp_path: Path) -> None:
    path = tmp_path / "run-0001" / "models" / "c1.safetensors"
    write_bytes(path, b"weights")
    assert path.read_bytes() == b"weights"
    assert names(path.parent) == ["c1.safetensors"]


def test_failing_to_take_the_place_leaves_no_temporary(tmp_path: Path) -> None:
    folder = tmp_path / "model.bin"
    folder.mkdir()
    with pytest.raises(OSError, match=r"model\.bin"):
        write_bytes(folder, b"weights")
    assert names(tmp_path) == ["model.bin"]


def test_sha256_is_that_of_the_content(tmp_path: Path) -> None:
    path = tmp_path / "abc"
    path.write_bytes(b"abc")  # FIPS 180-2, appendix B.1
    assert sha256(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
