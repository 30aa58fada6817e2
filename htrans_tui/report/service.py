"""Compare runs in a process of its own, for the app, which loads no torch.

Run as `python -m htrans_tui.report.service WORKSPACE RUN RUN…`. Prints one JSON object: {"tables":
[{"title", "header", "rows", "right", "note"}], "advice": [sentence]}, or {"error": sentence}.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from core.engine.artifacts.workspace_store import open_store
from core.engine.comparison.named_runs import report_on
from core.errors import HTransError
from core.workspace import Workspace
from htrans_tui.report.tables import advice_sentences, per_category, report_tables


def main(root: str, names: Sequence[str]) -> int:
    """Compare the runs of a workspace and print what it comes to."""
    workspace = Workspace(Path(root))
    try:
        with open_store(workspace) as store:
            found = report_on(store, workspace, names, "cpu").report
    except HTransError as error:
        print(json.dumps({"error": str(error)}))
        return 1
    tables = [*report_tables(found), per_category(found.comparison)]
    print(
        json.dumps(
            {
                "tables": [dataclasses.asdict(table) for table in tables],
                "advice": advice_sentences(found),
            }
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
