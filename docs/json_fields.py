"""Description of every JSON field that commands print with --json.

`docs/make_reference.py` generates `reference/json.md` from it, and `tests/docs/test_json_fields.py`
compares it with the output of the commands.

A type is `string`, `integer`, `number`, `boolean` or `null`, the name of a shape, `list of T`,
`map of T` for an object whose keys are data, or several of them joined by ` or `.
"""

from __future__ import annotations

Fields = dict[str, tuple[str, str]]
"""Type and meaning of each field of an object."""

SHAPES: dict[str, tuple[str, Fields]] = {
    "run": (
        "Summary of a run.",
        {
            "name": ("string", "name"),
            "system": ("string", "name of the system"),
            "corpus": ("string", "name of the corpus"),
            "state": (
                "string",
                "`running`, `pausing`, `paused`, `done`, `failed` or `cancelled`",
            ),
            "seed": ("integer", "random seed"),
            "started_at": ("string", "start time, ISO 8601 in UTC"),
            "finished_at": ("string or null", "end time, ISO 8601 in UTC"),
            "done": ("integer", "number of categories that have ended in any state"),
            "total": ("integer", "number of categories"),
            "eta_seconds": (
                "number or null",
                "seconds until it ends without its paused categories; null without a live worker",
            ),
            "eta_basis": ("string or null", "what the ETA rests on, in words"),
            "test_micro_f1": (
                "number or null",
                "micro-F1 on the test documents; null until every trained category is scored",
            ),
            "test_macro_f1": ("number or null", "macro-F1 over all categories; null as above"),
        },
    ),
    "category": (
        "A category of a run. Loss and epoch are those of the running trial, or of the active "
        "model when the category is done.",
        {
            "id": ("string", "id in the taxonomy"),
            "name": ("string", "name"),
            "parent": ("string or null", "id of the parent; null at the top level"),
            "level": ("integer", "level, 1 for the top level"),
            "positives": ("integer", "training documents in the category or below"),
            "state": (
                "string",
                "`waiting`, `ready`, `running`, `paused`, `done`, `failed`, `cancelled` or "
                "`empty`; see [engine.md](../engine.md#trials-categories-states)",
            ),
            "stale": ("boolean", "true if the parent was retrained later"),
            "attempt": ("integer", "number of the attempt, from 1; each retraining adds 1"),
            "class_weight": ("number or null", "selected class weight"),
            "epoch": ("integer or null", "current epoch, or best epoch"),
            "training_loss": (
                "number or null",
                "running training loss, or training loss of the best epoch",
            ),
            "train_loss": ("number or null", "former name of `training_loss`"),
            "validation_loss": ("number or null", "validation loss, including the class weight"),
            "validation_f1": ("number or null", "F1 on the validation documents"),
            "test_f1": ("number or null", "F1 on the test documents; null until they are scored"),
            "seconds": ("number", "worker time of the attempt"),
            "silent_seconds": (
                "number or null",
                "seconds since the last heartbeat of its worker, if the worker is silent",
            ),
        },
    ),
    "worker": (
        "A worker of the workspace, for any run.",
        {
            "pid": ("integer", "process id"),
            "device": ("string", "`cpu` or `cuda:N`"),
            "state": ("string", "`starting`, `idle`, `training`, `scoring` or `silent`"),
            "category": ("string or null", "id of the category that is trained"),
            "class_weight": ("number or null", "class weight of the trial"),
            "epoch": ("integer or null", "current epoch"),
            "documents_per_second": ("number or null", "training speed"),
            "heartbeat_age": ("number", "seconds since the last heartbeat"),
            "node": ("string or null", "node in a cluster; null for a local process"),
        },
    ),
    "alert": (
        "A condition that needs attention; see [app.md](../app.md#alerts).",
        {
            "kind": (
                "string",
                "`disk`, `silent`, `failed`, `crash`, `loss`, `one class` or `F1 0`",
            ),
            "message": ("string", "description"),
        },
    ),
    "status": (
        "A run with its categories, workers and alerts.",
        {
            "run": ("run", "the run"),
            "categories": ("list of category", "categories, parents before children"),
            "workers": ("list of worker", "the workers of the workspace"),
            "alerts": ("list of alert", "current alerts"),
        },
    ),
    "corpus": (
        "An imported corpus.",
        {
            "name": ("string", "name"),
            "language": ("string", "ISO 639 code of the tokenizer's language"),
            "documents": ("integer", "number of documents"),
            "train": ("integer", "training documents"),
            "test": ("integer", "test documents"),
            "categories": ("integer", "number of categories"),
            "levels": ("integer", "number of levels of the taxonomy"),
        },
    ),
    "survey": (
        "Result of a dry run. Unless noted otherwise, counts include only documents in a split.",
        {
            "format": ("string", "format of the documents"),
            "taxonomy": ("string", "format of the taxonomy"),
            "records": ("integer", "records of the source in any split or none"),
            "unused": ("integer", "documents in no split"),
            "train": ("integer", "training documents"),
            "test": ("integer", "test documents"),
            "drawn": ("integer", "documents without a split, whose split was drawn at random"),
            "sources": ("map of source", "document counts by file or archive"),
            "without_labels": ("integer", "documents without a label of the taxonomy"),
            "without_text": ("integer", "documents without words"),
            "duplicates": ("duplicates", "documents with the same text"),
            "levels": ("integer", "levels of the taxonomy"),
            "labels": (
                "integer",
                "labels in the taxonomy, without the ancestors added by closing upward",
            ),
            "categories": ("list of surveyed category", "the taxonomy, parents before children"),
            "unknown_labels": (
                "map of integer",
                "number of documents by label outside the taxonomy, most frequent first",
            ),
            "max_words": ("integer", "maximum number of words read per document"),
            "words": ("integer", "number of distinct words"),
            "tokens": ("integer", "number of words"),
            "longer": ("integer", "documents with `max_words` words or more"),
            "vectors": ("list of coverage", "coverage of the words by word vectors"),
            "notes": ("list of string", "notes"),
            "problem_count": ("integer", "problems that prevent the import; exit code 1 if any"),
            "problems": ("list of string", "the first 20 problems"),
        },
    ),
    "source": (
        "A file or archive of an import.",
        {
            "records": ("integer", "number of records"),
            "train": ("integer", "training documents"),
            "test": ("integer", "test documents"),
            "unused": ("integer", "documents in no split"),
        },
    ),
    "duplicates": (
        "Repeated texts, ignoring case and white space.",
        {
            "across": ("integer", "test documents with the text of a training document"),
            "within_train": ("integer", "training documents with the text of an earlier one"),
            "within_test": ("integer", "test documents with the text of an earlier one"),
        },
    ),
    "surveyed category": (
        "A category with its document counts, including the categories below it.",
        {
            "id": ("string", "id"),
            "name": ("string", "name"),
            "parent": ("string or null", "id of the parent; null at the top level"),
            "level": ("integer", "level, 1 for the top level"),
            "train": ("integer", "training documents"),
            "test": ("integer", "test documents"),
        },
    ),
    "coverage": (
        "Coverage of the corpus by word vectors.",
        {
            "name": ("string", "name of the vectors"),
            "words": ("integer", "number of distinct words of the corpus"),
            "covered": ("integer", "distinct words with a vector"),
            "share": ("number", "`covered` / `words`"),
            "token_share": ("number", "share of all words of the texts that have a vector"),
        },
    ),
    "vectors": (
        "Pretrained word vectors.",
        {
            "id": ("integer", "id, and name of the folder in the workspace"),
            "name": ("string", "name"),
            "source": ("string", "original file and format"),
            "words": ("integer", "number of words"),
            "dimensions": ("integer", "dimensions of the vectors"),
        },
    ),
    "plan": (
        "Result of a dry run of `train`.",
        {"notes": ("list of string", "number of trials, estimated duration and other notes")},
    ),
    "engine": (
        "The engine of the workspace.",
        {
            "running": ("boolean", "true if it is running; otherwise only `workers` follows"),
            "pid": ("integer", "process id of the supervisor"),
            "process_started": ("number", "start time of that process by the clock of its machine"),
            "heartbeat": ("number", "time of the last heartbeat, seconds since 1970"),
            "device": ("string", "value of `--device`"),
            "workers_per_device": ("integer", "number of workers per GPU"),
            "kind": ("string", "`local` or `ray`"),
            "address": ("string or null", "value of `--address`"),
            "workers": ("list of worker", "workers of the engine"),
        },
    ),
    "rates": (
        "Precision, recall and F1. Each is 0 if its denominator is 0.",
        {
            "precision": ("number", "TP / (TP + FP), or a mean of it"),
            "recall": ("number", "TP / (TP + FN), or a mean of it"),
            "f1": ("number", "2 TP / (2 TP + FP + FN), or a mean of it"),
        },
    ),
    "level": (
        "Averages over the categories of a level.",
        {
            "micro": ("rates", "micro-average"),
            "macro": ("rates", "macro-average"),
        },
    ),
    "evaluation": (
        "Metrics of a run on a split.",
        {
            "split": ("string", "`test` or `validation`"),
            "documents": ("integer", "documents of the split"),
            "rule": ("string", "decision rule, such as `tuned+up`; empty for the paper's"),
            "micro": ("rates", "micro-average over all decisions"),
            "macro": ("rates", "macro-average over all categories"),
            "macro_present": ("rates", "macro-average over the categories with support"),
            "hierarchical": (
                "rates or null",
                "hierarchical metrics, on label sets closed upward; null on validation",
            ),
            "levels": ("map of level", "averages by level"),
            "categories": ("list of evaluated category", "categories, parents before children"),
        },
    ),
    "evaluated category": (
        "Metrics of a category.",
        {
            "id": ("string", "id"),
            "support": ("integer", "positives among the documents of the split"),
            "tp": ("integer", "true positives"),
            "fp": ("integer", "false positives"),
            "fn": ("integer", "false negatives"),
            "precision": ("number", "tp / (tp + fp)"),
            "recall": ("number", "tp / (tp + fn)"),
            "f1": ("number", "2 tp / (2 tp + fp + fn)"),
            "average_precision": (
                "number or null",
                "average precision; null without support or model",
            ),
            "threshold": ("number", "minimum accepted score"),
        },
    ),
    "classification": (
        "Classification of a text by a run.",
        {
            "labels": ("list of string", "ids of the accepted categories"),
            "scores": ("map of number", "probability of each category; 0 without a model"),
            "tokens": ("list of string", "tokens of the text"),
            "attention": (
                "map of list of number",
                "weight per token, by category with attention; the weights add up to 1",
            ),
        },
    ),
    "comparison": (
        "Comparison of runs on the same documents and categories.",
        {
            "corpus": ("string", "name of the corpus"),
            "documents": ("integer", "number of test documents"),
            "categories": ("list of string", "ids of the categories that all runs contain"),
            "left_out": ("list of string", "ids of the categories that only some runs contain"),
            "test": ("string", "name of the significance test"),
            "runs": ("list of compared run", "runs in the order of the arguments"),
            "groups": ("list of group", "runs that differ only in the seed"),
            "advice": ("advice", "recommended system"),
        },
    ),
    "compared run": (
        "A run with its own or another decision rule.",
        {
            "name": ("string", "name as given, such as `news-htrans+tuned`"),
            "run": ("string", "name of the run"),
            "system": ("string", "name of the system"),
            "seed": ("integer", "random seed"),
            "rule": ("string", "decision rule; empty for the paper's"),
            "switches": ("switches", "settings that distinguish systems"),
            "seconds": ("number", "worker time"),
            "micro": ("rates", "micro-average over all decisions"),
            "macro": ("rates", "macro-average over all categories"),
            "macro_present": ("rates", "macro-average over the categories with support"),
            "hierarchical": ("rates", "hierarchical metrics, on label sets closed upward"),
            "levels": ("map of level", "averages by level"),
            "categories": ("map of number", "F1 by id"),
            "against_first": (
                "significance or null",
                "significance of the difference from the baseline; null for the baseline",
            ),
        },
    ),
    "switches": (
        "Settings that distinguish systems.",
        {
            "class_weights": ("list of number", "class weights of the search"),
            "transfer": ("boolean", "`--transfer`"),
            "freeze": ("boolean", "`--freeze`"),
            "two_rates": ("boolean", "`--two-rates`"),
        },
    ),
    "significance": (
        "Difference of a run from the baseline, or from the baseline's run of the same seed.",
        {
            "than": ("string", "name of the run that it is tested against"),
            "micro_f1": ("number", "difference in micro-F1: this run minus the other"),
            "macro_f1": ("number", "difference in macro-F1"),
            "p_micro": ("number", "two-sided p-value of the difference in micro-F1"),
            "p_macro": ("number", "two-sided p-value of the difference in macro-F1"),
            "documents": ("integer", "documents with different decisions"),
            "shuffles": ("integer", "number of random shuffles"),
        },
    ),
    "group": (
        "Runs that differ only in the seed.",
        {
            "label": ("string", "system, switches and decision rule"),
            "runs": ("list of string", "names of the runs as given"),
            "seeds": ("list of integer", "seeds of the runs"),
            "micro_f1": ("spread", "micro-F1"),
            "macro_f1": ("spread", "macro-F1"),
            "levels": ("map of number", "macro-F1 by level, mean over the seeds"),
            "seconds": ("number", "worker time, mean over the seeds"),
        },
    ),
    "spread": (
        "A metric over seeds.",
        {
            "mean": ("number", "mean"),
            "least": ("number", "minimum"),
            "most": ("number", "maximum"),
        },
    ),
    "advice": (
        "Recommendation, as labels of groups.",
        {
            "best": ("string", "group with the highest macro-F1"),
            "not_significantly_worse": (
                "list of string",
                "groups not significantly worse in macro-F1",
            ),
            "cheapest": (
                "string",
                "group among these with the least worker time, then the best micro-F1",
            ),
        },
    ),
    "exported": (
        "An exported model.",
        {
            "folder": ("string", "output folder"),
            "trained": ("integer", "categories with a model"),
            "without": ("integer", "categories without a model, never predicted"),
            "bytes": ("integer", "total size of the files"),
            "onnx_difference": (
                "number or null",
                "maximum difference between the scores of both models; null without `--onnx`",
            ),
        },
    ),
    "examination": (
        "Result of `doctor`.",
        {
            "versions": ("map of string", "versions of the program and its dependencies"),
            "cpu_cores": ("integer", "CPU cores available to the process"),
            "cuda_devices": ("integer", "number of CUDA devices"),
            "workspace": ("string or null", "the workspace; null if there is none"),
            "problems": ("list of finding", "remaining problems; exit code 1 if any"),
            "notes": ("list of finding", "notes that need no action"),
            "mended": ("list of finding", "issues that `--fix` repaired"),
        },
    ),
    "finding": (
        "A problem or a note.",
        {
            "kind": ("string", "kind, such as `model` or `orphan`"),
            "subject": ("string", "affected path in the workspace, corpus or process"),
            "problem": ("string", "description of the problem"),
            "remedy": ("string", "suggested action"),
            "fixable": ("boolean", "true if `--fix` can repair it"),
            "is_note": ("boolean", "true for a note, false for a problem"),
        },
    ),
    "benchmark": (
        "Training speed of this machine.",
        {
            "rows": ("list of measurement", "measurements, the plain script first"),
            "phases": ("map of number", "seconds of each phase in one CPU worker"),
            "phase_documents": ("integer", "number of documents of that profile"),
        },
    ),
    "measurement": (
        "A measurement of the training speed.",
        {
            "name": ("string", "`plain script`, `engine` or `engine, mixed precision`"),
            "processes": ("integer", "number of parallel processes"),
            "threads": ("integer", "threads per process"),
            "documents_per_second": ("number", "training speed of all processes"),
            "memory": ("number", "peak memory of one process in MiB"),
        },
    ),
    "labelled document": (
        "One output line of `predict`.",
        {
            "id": ("string", "id of the document, or its number"),
            "labels": ("list of string", "ids of the accepted categories"),
            "scores": ("map of number", "probability of each scored category"),
        },
    ),
}
"""Description and fields of each kind of object."""

COMMANDS: dict[str, tuple[str, str]] = {
    "import": ("corpus", "the new corpus"),
    "import --dry-run": ("survey", "contents of the corpus and problems"),
    "corpora": ("list of corpus", "all corpora, by name"),
    "vectors list": ("list of vectors", "all word vectors, by name"),
    "train": ("run", "the new run; with `--wait` again when it has ended"),
    "train --dry-run": ("plan", "plan of the run"),
    "runs": ("list of run", "all runs, newest first"),
    "status": ("status", "a run; with `--watch` a new line for each change"),
    "engine status": ("engine", "the engine and its workers"),
    "evaluate": ("evaluation", "metrics of a run"),
    "classify": ("classification", "classification of the text"),
    "compare": ("comparison", "comparison of the runs, as written by `report --output FILE.json`"),
    "reproduce": ("comparison", "comparison of all its runs"),
    "export": ("exported", "the exported model"),
    "doctor": ("examination", "result of the checks"),
    "bench": ("benchmark", "result of the benchmark"),
}
"""Output of each command with --json: type and meaning."""
LINES = ("predict", "labelled document")
"""The command that always prints JSON lines, and the type of its lines."""
