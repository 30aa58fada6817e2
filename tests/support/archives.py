"""Records of Reuters-21578, and archives of them."""

from __future__ import annotations

import io
import tarfile


def record(
    number: int,
    *,
    topics: tuple[str, ...] = (),
    stated: str = "YES",
    split: str = "TRAIN",
    text: str | None = None,
) -> str:
    """A record as it is distributed; of twelve lines, unless `text` says otherwise."""
    inside = "".join(f"<D>{topic}</D>" for topic in topics)
    if text is None:
        text = (
            f"<TEXT>&#2;\n<TITLE>HARBOUR NOTE {number}</TITLE>\n<BODY>Ships came in.</BODY></TEXT>"
        )
    return (
        f'<REUTERS TOPICS="{stated}" LEWISSPLIT="{split}" CGISPLIT="TRAINING-SET" '
        f'OLDID="{number + 5543}" NEWID="{number}">\n'
        "<DATE>26-FEB-1987 15:01:01.79</DATE>\n"
        f"<TOPICS>{inside}</TOPICS>\n"
        "<PLACES><D>norway</D></PLACES>\n"
        "<PEOPLE></PEOPLE><ORGS></ORGS><EXCHANGES></EXCHANGES><COMPANIES></COMPANIES>\n"
        "<UNKNOWN> \n&#5;&#5;&#5;C T\n&#22;&#22;&#1;f0704&#31;reute</UNKNOWN>\n"
        f"{text}\n</REUTERS>\n"
    )


def archive(mode: str, *contents: str) -> bytes:
    """A tar archive of these files, as bytes; `mode` is "w" or "w:gz"."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=mode) as tar:  # type: ignore[call-overload]
        for number, content in enumerate(contents):
            member = tarfile.TarInfo(f"reuters/reut2-{number:03}.sgm")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content.encode("latin-1")))
    return made.getvalue()
