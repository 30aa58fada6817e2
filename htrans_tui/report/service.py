"""Compare runs in a subprocess of the app, because the app does not load torch.

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
    """Compare runs of a workspace and print the result as JSON. Returns the exit code."""
    workspace = Workspace(Path(root))
    try:
        with open_store(workspace) as store:
            report = report_on(store, workspace, names, "cpu").report
    except HTransError as error:
        print(json.dumps({"error": str(error)}))
        return 1
    tables = [*report_tables(report), per_category(report.comparison)]
    print(
        json.dumps(
            {
                "tables": [dataclasses.asdict(table) for table in tables],
                "advice": advice_sentences(report),
            }
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
