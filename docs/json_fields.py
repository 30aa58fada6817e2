"""What every command prints with --json, field for field: the one table that says what each means.

`docs/make_reference.py` makes `reference/json.md` of it, and `tests/docs/test_json_fields.py`
compares it with what the commands print.

A type is `string`, `integer`, `number`, `boolean` or `null`, the name of a shape, `list of T`,
`map of T` for an object whose keys are data, or several of them joined by ` or `.
"""

from __future__ import annotations

Fields = dict[str, tuple[str, str]]
"""Type and meaning of each field of an object."""

SHAPES: dict[str, tuple[str, Fields]] = {
    "run": (
        "A run in short.",
        {
            "name": ("string", "its name"),
            "system": ("string", "the system that it trains"),
            "corpus": ("string", "the name of its corpus"),
            "state": (
                "string",
                "`running`, `pausing`, `paused`, `done`, `failed` or `cancelled`",
            ),
            "seed": ("integer", "the seed of everything that is drawn"),
            "started_at": ("string", "when it was recorded, ISO 8601 in UTC"),
            "finished_at": ("string or null", "when it ended, ISO 8601 in UTC"),
            "done": ("integer", "categories that have ended, in whatever way"),
            "total": ("integer", "all its categories"),
            "eta_seconds": (
                "number or null",
                "seconds until it ends without its paused categories; null without a live worker",
            ),
            "eta_basis": ("string or null", "what the ETA rests on, in words"),
            "test_micro_f1": (
                "number or null",
                "micro-F1 on the test documents; null until every trained category is scored",
            ),
            "test_macro_f1": ("number or null", "macro-F1 over all categories, likewise"),
        },
    ),
    "category": (
        "A category of a run. While it trains, loss and epoch are those of the trial at work; when "
        "it is done, those of the kept model.",
        {
            "id": ("string", "its id in the taxonomy"),
            "name": ("string", "its name"),
            "parent": ("string or null", "the id of its parent; null at the top"),
            "level": ("integer", "its level, 1 at the top"),
            "positives": ("integer", "training documents in it or below"),
            "state": (
                "string",
                "`waiting`, `ready`, `running`, `paused`, `done`, `failed`, `cancelled` or "
                "`empty`; see [engine.md](../engine.md#trials-categories-states)",
            ),
            "stale": ("boolean", "whether its parent has been trained again since"),
            "attempt": ("integer", "1, and one more with each retraining"),
            "class_weight": ("number or null", "the class weight that was chosen"),
            "epoch": ("integer or null", "the epoch at work, or the one that was kept"),
            "training_loss": (
                "number or null",
                "training loss: the running one, or the best epoch's",
            ),
            "train_loss": ("number or null", "the same as `training_loss`, under its former name"),
            "validation_loss": ("number or null", "validation loss, class weight included"),
            "validation_f1": ("number or null", "F1 on its validation documents"),
            "test_f1": ("number or null", "F1 on the test documents, once it is scored"),
            "seconds": ("number", "worker time of this attempt"),
            "silent_seconds": (
                "number or null",
                "seconds since the last heartbeat, if the worker at it is silent",
            ),
        },
    ),
    "worker": (
        "A worker of the workspace, whatever run it is at.",
        {
            "pid": ("integer", "its process"),
            "device": ("string", "`cpu` or `cuda:N`"),
            "state": ("string", "`starting`, `idle`, `training`, `scoring` or `silent`"),
            "category": ("string or null", "the category that it trains"),
            "class_weight": ("number or null", "with this class weight"),
            "epoch": ("integer or null", "in this epoch"),
            "documents_per_second": ("number or null", "its pace"),
            "heartbeat_age": ("number", "seconds since its last heartbeat"),
            "node": ("string or null", "its machine in a cluster, null for a process of this one"),
        },
    ),
    "alert": (
        "Something to look at; see [app.md](../app.md#alerts).",
        {
            "kind": (
                "string",
                "`disk`, `silent`, `failed`, `crash`, `loss`, `one class` or `F1 0`",
            ),
            "message": ("string", "what is wrong, in words"),
        },
    ),
    "status": (
        "A run with all that belongs to it.",
        {
            "run": ("run", "the run"),
            "categories": ("list of category", "its categories, parents before children"),
            "workers": ("list of worker", "the workers of the workspace"),
            "alerts": ("list of alert", "what is wrong now"),
        },
    ),
    "corpus": (
        "A corpus that has been imported.",
        {
            "name": ("string", "its name"),
            "language": ("string", "language of its tokenizer, ISO 639"),
            "documents": ("integer", "its documents"),
            "train": ("integer", "those for training"),
            "test": ("integer", "those for test"),
            "categories": ("integer", "categories of its taxonomy"),
            "levels": ("integer", "levels of its taxonomy"),
        },
    ),
    "survey": (
        "What an import would find. Numbers are of documents in a split if nothing else is said.",
        {
            "format": ("string", "format of the documents"),
            "taxonomy": ("string", "format of the taxonomy"),
            "records": ("integer", "records of the source, whatever their split"),
            "unused": ("integer", "documents in no split"),
            "train": ("integer", "documents for training"),
            "test": ("integer", "documents for test"),
            "drawn": ("integer", "documents that state no split, so that one was drawn"),
            "sources": ("map of source", "each file, or archive, with its documents"),
            "without_labels": ("integer", "documents without a label of the taxonomy"),
            "without_text": ("integer", "documents without a word"),
            "duplicates": ("duplicates", "documents with the same text"),
            "levels": ("integer", "levels of the taxonomy"),
            "labels": ("integer", "labels of the taxonomy that documents state, not closed upward"),
            "categories": ("list of surveyed category", "the taxonomy, parents before children"),
            "unknown_labels": (
                "map of integer",
                "each label outside the taxonomy with its documents, the most frequent first",
            ),
            "max_words": ("integer", "words of a document that are looked at"),
            "words": ("integer", "different ones among them"),
            "tokens": ("integer", "all of them"),
            "longer": ("integer", "documents with `max_words` words or more"),
            "vectors": ("list of coverage", "which words the word vectors of the workspace have"),
            "notes": ("list of string", "what is worth knowing"),
            "problem_count": ("integer", "what would make the import fail; exit code 1 if any"),
            "problems": ("list of string", "the first 20 of these"),
        },
    ),
    "source": (
        "A file or archive that is read.",
        {
            "records": ("integer", "its records"),
            "train": ("integer", "documents for training"),
            "test": ("integer", "documents for test"),
            "unused": ("integer", "documents in no split"),
        },
    ),
    "duplicates": (
        "Texts that repeat, case and white space aside.",
        {
            "across": ("integer", "test documents with the text of a training document"),
            "within_train": ("integer", "training documents with the text of an earlier one"),
            "within_test": ("integer", "test documents with the text of an earlier one"),
        },
    ),
    "surveyed category": (
        "A category with its documents, those below it included.",
        {
            "id": ("string", "its id"),
            "name": ("string", "its name"),
            "parent": ("string or null", "the id of its parent; null at the top"),
            "level": ("integer", "its level, 1 at the top"),
            "train": ("integer", "its training documents"),
            "test": ("integer", "its test documents"),
        },
    ),
    "coverage": (
        "How far a table of word vectors covers the corpus.",
        {
            "name": ("string", "name of the vectors"),
            "words": ("integer", "different words of the corpus"),
            "covered": ("integer", "those that have a vector"),
            "share": ("number", "`covered` / `words`"),
            "token_share": ("number", "share of the running text that they make up"),
        },
    ),
    "vectors": (
        "A table of word vectors.",
        {
            "id": ("integer", "its number; its folder in the workspace is named so"),
            "name": ("string", "its name"),
            "source": ("string", "the file it came from and its format"),
            "words": ("integer", "its words"),
            "dimensions": ("integer", "numbers of a vector"),
        },
    ),
    "plan": (
        "What a run would come to.",
        {"notes": ("list of string", "trials, estimate and what else there is to say")},
    ),
    "engine": (
        "The engine of the workspace.",
        {
            "running": ("boolean", "whether it runs; if not, only `workers` follows"),
            "pid": ("integer", "the supervisor's process"),
            "process_started": ("number", "when that process began, as its machine tells it"),
            "heartbeat": ("number", "its last heartbeat, seconds since 1970"),
            "device": ("string", "`--device` as it was given"),
            "workers_per_device": ("integer", "workers that share a GPU"),
            "kind": ("string", "`local`, or `ray` for a cluster"),
            "address": ("string or null", "`--address` as it was given"),
            "workers": ("list of worker", "its workers"),
        },
    ),
    "rates": (
        "Three measures, each 0 where it is 0 / 0.",
        {
            "precision": ("number", "TP / (TP + FP), or a mean of it"),
            "recall": ("number", "TP / (TP + FN), or a mean of it"),
            "f1": ("number", "2 TP / (2 TP + FP + FN), or a mean of it"),
        },
    ),
    "level": (
        "Averages over the categories of a level.",
        {
            "micro": ("rates", "of all their decisions together"),
            "macro": ("rates", "means of their rates"),
        },
    ),
    "evaluation": (
        "The measures of a run on a split.",
        {
            "split": ("string", "`test` or `validation`"),
            "documents": ("integer", "documents of the split"),
            "rule": ("string", "the way to decide, such as `tuned+up`; empty for the paper's"),
            "micro": ("rates", "of all decisions together"),
            "macro": ("rates", "means over all categories"),
            "macro_present": ("rates", "means over the categories with support"),
            "hierarchical": (
                "rates or null",
                "over sets closed upward; null on validation",
            ),
            "levels": ("map of level", "by level"),
            "categories": ("list of evaluated category", "parents before children"),
        },
    ),
    "evaluated category": (
        "The measures of a category.",
        {
            "id": ("string", "its id"),
            "support": ("integer", "documents of the split that are in it"),
            "tp": ("integer", "accepted and in it"),
            "fp": ("integer", "accepted, but not in it"),
            "fn": ("integer", "in it, but not accepted"),
            "precision": ("number", "tp / (tp + fp)"),
            "recall": ("number", "tp / (tp + fn)"),
            "f1": ("number", "2 tp / (2 tp + fp + fn)"),
            "average_precision": (
                "number or null",
                "over all thresholds; null without support or model",
            ),
            "threshold": ("number", "the score from which it accepts"),
        },
    ),
    "classification": (
        "What a run says of a text.",
        {
            "labels": ("list of string", "ids of the accepted categories"),
            "scores": ("map of number", "the probability of each category; 0 without a model"),
            "tokens": ("list of string", "the words as the models read them"),
            "attention": (
                "map of list of number",
                "for each category whose network has attention a weight per token, together 1",
            ),
        },
    ),
    "comparison": (
        "Runs side by side over the same documents and categories.",
        {
            "corpus": ("string", "their corpus"),
            "documents": ("integer", "its test documents"),
            "categories": ("list of string", "ids of the categories that all have"),
            "left_out": ("list of string", "ids of those that only some have"),
            "test": ("string", "the name of the significance test"),
            "runs": ("list of compared run", "in the order given"),
            "groups": ("list of group", "runs that differ in the seed only, as one"),
            "advice": ("advice", "which system to use on these documents"),
        },
    ),
    "compared run": (
        "A run, or a run under another way to decide.",
        {
            "name": ("string", "as it was given, such as `news-htrans+tuned`"),
            "run": ("string", "the run's name"),
            "system": ("string", "its system"),
            "seed": ("integer", "its seed"),
            "rule": ("string", "the way to decide; empty for the paper's"),
            "switches": ("switches", "the settings that tell systems apart"),
            "seconds": ("number", "worker time"),
            "micro": ("rates", "of all decisions together"),
            "macro": ("rates", "means over all categories"),
            "macro_present": ("rates", "means over the categories with support"),
            "hierarchical": ("rates", "over sets closed upward"),
            "levels": ("map of level", "by level"),
            "categories": ("map of number", "F1 by id"),
            "against_first": (
                "significance or null",
                "null for what the others are tested against",
            ),
        },
    ),
    "switches": (
        "The settings that tell systems apart.",
        {
            "class_weights": ("list of number", "class weights that were tried"),
            "transfer": ("boolean", "`--transfer`"),
            "freeze": ("boolean", "`--freeze`"),
            "two_rates": ("boolean", "`--two-rates`"),
        },
    ),
    "significance": (
        "How a run differs from the first one, or from that with its seed.",
        {
            "than": ("string", "what it is tested against"),
            "micro_f1": ("number", "difference in micro-F1, its own minus the other's"),
            "macro_f1": ("number", "difference in macro-F1"),
            "p_micro": ("number", "how often chance alone gives as much in micro-F1, two-sided"),
            "p_macro": ("number", "the same for macro-F1"),
            "documents": ("integer", "documents on which the two differ"),
            "shuffles": ("integer", "shuffles that were drawn"),
        },
    ),
    "group": (
        "Runs that differ in the seed only.",
        {
            "label": ("string", "system, switches and way to decide, in words"),
            "runs": ("list of string", "names as they were given"),
            "seeds": ("list of integer", "their seeds"),
            "micro_f1": ("spread", "micro-F1"),
            "macro_f1": ("spread", "macro-F1"),
            "levels": ("map of number", "macro-F1 by level, mean of the seeds"),
            "seconds": ("number", "worker time, mean of the seeds"),
        },
    ),
    "spread": (
        "A measure over seeds.",
        {
            "mean": ("number", "its mean"),
            "least": ("number", "the smallest"),
            "most": ("number", "the largest"),
        },
    ),
    "advice": (
        "Labels of groups.",
        {
            "best": ("string", "the highest macro-F1"),
            "not_significantly_worse": ("list of string", "those not significantly worse in it"),
            "cheapest": ("string", "the least work among all these, ties to the higher micro-F1"),
        },
    ),
    "exported": (
        "A model that was written.",
        {
            "folder": ("string", "where"),
            "trained": ("integer", "categories with a model"),
            "without": ("integer", "categories without, never predicted"),
            "bytes": ("integer", "size of the folder's files"),
            "onnx_difference": (
                "number or null",
                "largest difference of the ONNX model's scores; null without `--onnx`",
            ),
        },
    ),
    "examination": (
        "What `doctor` found.",
        {
            "versions": ("map of string", "of the program and what it stands on"),
            "cpu_cores": ("integer", "cores that this process may use"),
            "cuda_devices": ("integer", "CUDA devices"),
            "workspace": ("string or null", "the workspace; null if there is none"),
            "problems": ("list of finding", "what is wrong; exit code 1 if any"),
            "notes": ("list of finding", "what is only worth knowing"),
            "mended": ("list of finding", "what `--fix` has mended"),
        },
    ),
    "finding": (
        "A problem or a note.",
        {
            "kind": ("string", "a word such as `model` or `orphan`"),
            "subject": ("string", "the thing: a path in the workspace, a corpus, a process"),
            "problem": ("string", "what is wrong"),
            "remedy": ("string", "what to do"),
            "fixable": ("boolean", "whether `--fix` can mend it"),
            "is_note": ("boolean", "whether it is only worth knowing"),
        },
    ),
    "benchmark": (
        "What training costs on this machine.",
        {
            "rows": ("list of measurement", "the plain script first"),
            "phases": ("map of number", "seconds of each phase in one CPU worker"),
            "phase_documents": ("integer", "documents that these are of"),
        },
    ),
    "measurement": (
        "One way to train.",
        {
            "name": ("string", "`plain script`, `engine` or `engine, mixed precision`"),
            "processes": ("integer", "processes side by side"),
            "threads": ("integer", "threads of each"),
            "documents_per_second": ("number", "of all processes together"),
            "memory": ("number", "peak MiB of one process"),
        },
    ),
    "labelled document": (
        "A line of what `predict` writes.",
        {
            "id": ("string", "the document's id, or its number"),
            "labels": ("list of string", "ids of the accepted categories"),
            "scores": ("map of number", "the probability of each category that was asked"),
        },
    ),
}
"""What each kind of object is, and its fields."""

COMMANDS: dict[str, tuple[str, str]] = {
    "import": ("corpus", "the new corpus"),
    "import --dry-run": ("survey", "what is there and what is wrong"),
    "corpora": ("list of corpus", "all corpora, by name"),
    "vectors list": ("list of vectors", "all word vectors, by name"),
    "train": ("run", "the new run; with `--wait` once more when it has ended"),
    "train --dry-run": ("plan", "what it would come to"),
    "runs": ("list of run", "all runs, the newest first"),
    "status": ("status", "a run; with `--watch` again, on a line of its own, when it has changed"),
    "engine status": ("engine", "the engine and its workers"),
    "evaluate": ("evaluation", "the measures of a run"),
    "classify": ("classification", "what a run says of a text"),
    "compare": ("comparison", "the runs side by side; `report --output FILE.json` writes the same"),
    "reproduce": ("comparison", "all its runs side by side"),
    "export": ("exported", "what was written"),
    "doctor": ("examination", "what was found"),
    "bench": ("benchmark", "what was measured"),
}
"""What each command prints with --json: type and meaning."""
LINES = ("predict", "labelled document")
"""A command that prints JSON lines without being asked, and what each line is."""
