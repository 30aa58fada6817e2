"""Documents per second and memory: one category of Reuters-21578 with all seven class weights.

The engine as it runs, with workers, database and checkpoints, against a plain script in the same
run: one process, torch's own threads, `nn.GRU`, every document padded to 100 words, batches of 128,
class weights one after another. Both score the validation documents after each epoch. Then where a
worker's time goes, and how far the losses of the first 50 steps are from those of the network's
plain forward function.

    python benchmarks/train.py DATA [--epochs 1] [--category grain]

DATA holds `reuters21578/` and a GloVe file, as docs/performance.md says.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn

from core.bench.phases import phases_of_an_epoch
from core.bench.plain import train_plainly
from core.bench.workload import Workload
from core.corpus.examples import validation_split
from core.engine.artifacts.run_data import RunData
from core.engine.host.launch import running_supervisor
from core.engine.ingest.corpora import import_corpus
from core.engine.ingest.import_plan import ImportRequest
from core.engine.ingest.vectors import add_vectors_file
from core.engine.runs.engine_choice import EngineRequest
from core.engine.runs.retraining import RetrainRequest, retrain
from core.engine.runs.starting import RunRequest, start_run
from core.models.dropout import keep_factors
from core.settings import PAPER_CLASS_WEIGHTS, TrainingSettings
from core.text.tokenizer import tokenizer_for
from core.training.epochs import TrialKey
from core.training.initialisation import from_scratch, parameter_groups
from core.training.passes import PackedPass
from core.workspace import Workspace
from db.connection import Store
from db.run_categories import run_category
from db.runs import run_named

ONE_EPOCH = TrainingSettings(class_weights=(1.0,), epochs=1)


def prepare(data: Path, folder: Path, category: str) -> tuple[Workspace, Store]:
    """A workspace with the corpus, the vectors, and a run whose category has a trained parent."""
    with tarfile.open(data / "reuters21578" / "reuters21578.tar.gz") as archive:
        archive.extractall(folder / "reuters", filter="data")
    workspace = Workspace(folder / "workspace")
    workspace.create()
    store = Store(workspace.database, create=True)
    request = ImportRequest(
        name="reuters",
        sources=(str(folder / "reuters"),),
        taxonomy=data / "reuters21578" / "taxonomy.tsv",
    )
    started = time.perf_counter()
    import_corpus(store, workspace, request)
    print(f"importing Reuters-21578, tokenising with it: {time.perf_counter() - started:.1f} s")
    (glove,) = data.glob("glove*.gz")
    add_vectors_file(store, workspace, str(glove), "glove")
    run, _ = start_run(
        store,
        workspace,
        RunRequest(
            "reuters",
            ONE_EPOCH,
            name="bench",
            vectors="glove",
            categories=(category,),
            engine=EngineRequest(device="cpu"),
        ),
    )
    while store.value("SELECT state FROM runs WHERE id = ?", (run.id,)) != "done":
        time.sleep(0.2)
    while running_supervisor(store) is not None:
        time.sleep(0.2)
    return workspace, store


def peak_memory(pids: set[int], peaks: dict[int, float]) -> None:
    """Keep the greatest resident set of each process so far, in MiB."""
    for pid in pids:
        try:
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("VmHWM"):
                    peaks[pid] = int(line.split()[1]) / 1024
        except OSError:
            continue


def with_engine(workspace: Workspace, store: Store, category: str, epochs: int) -> dict[str, Any]:
    """Train all class weights with the engine; seconds count from the first claim."""
    run = run_named(store, "bench")
    changes = {"class_weights": list(PAPER_CLASS_WEIGHTS), "epochs": epochs}
    (chosen,) = retrain(store, workspace, run, RetrainRequest(category, changes=changes))
    peaks: dict[int, float] = {}
    started = None
    asked = time.perf_counter()
    while True:
        states = [
            row["state"]
            for row in store.rows(
                "SELECT state FROM trials WHERE run_category_id = ? AND attempt = ?",
                (chosen.id, chosen.attempt),
            )
        ]
        if started is None and "running" in states:
            started = time.perf_counter()
        if all(state == "done" for state in states):
            break
        pids = {row["pid"] for row in store.rows("SELECT pid FROM workers WHERE state <> 'ended'")}
        peak_memory(pids, peaks)
        time.sleep(0.05)
    assert started is not None
    seconds = time.perf_counter() - started
    row = store.row(
        "SELECT sum(t.seconds) AS worked, (SELECT sum(e.seconds) FROM epochs e JOIN trials u "
        "ON u.id = e.trial_id WHERE u.run_category_id = ? AND u.attempt = ?) AS trained "
        "FROM trials t WHERE t.run_category_id = ? AND t.attempt = ?",
        (chosen.id, chosen.attempt) * 2,
    )
    assert row is not None
    while running_supervisor(store) is not None:
        time.sleep(0.2)
    return {
        "seconds": seconds,
        "start_up": started - asked,
        "workers": len(peaks),
        "memory": max(peaks.values()),
        "share": 1.0 - row["trained"] / row["worked"],
    }


def workload_of(workspace: Workspace, store: Store, category: str) -> Workload:
    """The category's training documents over the embeddings that the run starts from."""
    run = run_named(store, "bench")
    data = RunData(store, workspace, run)
    key = store.value(
        "SELECT rc.id FROM run_categories rc JOIN categories c ON c.id = rc.category_id "
        "WHERE rc.run_id = ? AND c.key = ?",
        (run.id, category),
    )
    chosen = run_category(store, int(key))
    return Workload(data.examples(chosen, "train"), data.initial_embeddings())


def plain_process(root: str, category: str, epochs: int, results: Any) -> None:
    """The plain script, in a process of its own."""
    import resource

    workspace = Workspace(Path(root))
    whole = workload_of(workspace, Store(workspace.database), category)
    training, validation = validation_split(whole.examples, 0.15, 0, category)
    documents, seconds = train_plainly(
        Workload(training, whole.embeddings),
        TrainingSettings(),
        PAPER_CLASS_WEIGHTS,
        epochs,
        torch.device("cpu"),
        validation,
    )
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    results.put((documents, seconds, torch.get_num_threads(), memory))


def compare_losses(workload: Workload, steps: int = 50) -> float:
    """The greatest relative difference of losses, packed against padded, from the same start.

    Both paths get the same batches and the same dropout masks.
    """
    settings = TrainingSettings()
    training, _ = validation_split(workload.examples, 0.15, 0, "bench")
    losses: list[list[float]] = []
    for packed in (True, False):
        network = from_scratch(workload.embeddings, TrialKey("bench", 5.0), settings)
        network.embeddings.weight.requires_grad_(False)
        optimizer = torch.optim.Adam(parameter_groups(network, settings))
        runner = PackedPass(network)
        generator = torch.Generator().manual_seed(0)
        masked = _Masked(settings.dropout)
        if not packed:
            network.dropout = masked
        found = []
        for step in range(steps):
            chosen = torch.randperm(len(training), generator=generator)[:128].numpy()
            if packed:
                logits, targets = runner.training(training, chosen, step)
            else:
                batch = training.batch(chosen, torch.device("cpu"))
                masked.prepare(batch.lengths, step)
                logits = network(batch.tokens, batch.lengths).logits.squeeze(1)
                targets = batch.targets
            loss = nn.functional.binary_cross_entropy_with_logits(
                logits, targets, pos_weight=torch.tensor(5.0)
            )
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            found.append(float(loss.item()))
        losses.append(found)
    packed_losses, padded_losses = losses
    pairs = zip(packed_losses, padded_losses, strict=True)
    return max(abs(a - b) / abs(b) for a, b in pairs)


class _Masked(nn.Dropout):
    """Dropout with the masks that the packed path draws, laid out for padded batches."""

    def prepare(self, lengths: torch.Tensor, seed: int) -> None:
        """Take the masks of a batch of documents of these lengths."""
        self._lengths, self._seed = lengths, seed

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """States (batch, time, width), each word's multiplied by its mask."""
        order = torch.argsort(-self._lengths, stable=True)
        lengths = self._lengths[order]
        steps = torch.arange(states.shape[1]).unsqueeze(1)
        inside = steps < lengths
        factors = torch.zeros(*inside.shape, states.shape[2])
        factors[inside] = keep_factors(int(lengths.sum()), states.shape[2], self.p, self._seed)
        masks = torch.empty_like(states)
        masks[order] = factors.transpose(0, 1)
        return states * masks


def tokens_per_second(store: Store) -> float:
    """How fast spaCy's tokenizer reads the corpus, in one process."""
    tokenize = tokenizer_for("en")
    texts = [row["text"] for row in store.rows("SELECT text FROM documents LIMIT 2000")]
    started = time.perf_counter()
    count = sum(len(tokenize(text, 100)) for text in texts)
    seconds = time.perf_counter() - started
    return count / seconds


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--category", default="grain")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        workspace, store = prepare(options.data, folder, options.category)
        whole = workload_of(workspace, store, options.category)
        documents = len(validation_split(whole.examples, 0.15, 0, options.category)[0])
        total = documents * len(PAPER_CLASS_WEIGHTS) * options.epochs
        engine = with_engine(workspace, store, options.category, options.epochs)
        context = multiprocessing.get_context("spawn")
        results = context.Queue()
        process = context.Process(
            target=plain_process,
            args=(str(workspace.root), options.category, options.epochs, results),
        )
        process.start()
        plain_documents, plain_seconds, threads, plain_memory = results.get()
        process.join()
        again = with_engine(workspace, store, options.category, options.epochs)
        plain_rate = plain_documents / plain_seconds
        print(
            f"{options.category}: {documents:,} training documents, 7 class weights, "
            f"{options.epochs} epoch(s) each"
        )
        print(
            f"plain script, 1 process, {threads} threads: {plain_rate:,.0f} documents/s, "
            f"peak {plain_memory:,.0f} MiB"
        )
        for label, found in (("engine", engine), ("engine again", again)):
            rate = total / found["seconds"]
            print(
                f"{label}, {found['workers']} workers: {rate:,.0f} documents/s, "
                f"ratio {rate / plain_rate:.2f}, peak {found['memory']:,.0f} MiB a worker, "
                f"its own share {found['share']:.1%}, first claim after {found['start_up']:.1f} s"
            )
        torch.set_num_threads(1)
        phases, counted = phases_of_an_epoch(whole, TrainingSettings(), folder)
        in_all = sum(phases.values())
        print(f"tokenising: {tokens_per_second(store):,.0f} words/s, once for a corpus")
        print(f"phases of one epoch of {counted:,} documents in one worker, {in_all:.2f} s:")
        for phase, seconds in phases.items():
            print(f"  {phase:14} {seconds:7.3f} s {seconds / in_all:6.1%}")
        difference = compare_losses(whole)
        print(f"losses of 50 steps, packed against padded: at most {difference:.1e} apart")


if __name__ == "__main__":
    main()
