"""`reports/train/`: the epochs of a training as text whose bytes are the same everywhere."""

import csv
import io
from dataclasses import astuple, dataclass, fields

DIGITS = 6  # float64 sums differ between CPUs from about the 15th


@dataclass(frozen=True)
class Epoch:
    """One epoch of training: a row of history.csv. Losses are mean cross-entropies in nats per image."""

    epoch: int
    lr: float
    train_loss: float
    val_loss: float
    val_accuracy: float


def format_history(epochs: list[Epoch]) -> bytes:
    """history.csv: a header and a row an epoch."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(field.name for field in fields(Epoch))
    writer.writerows((epoch.epoch, *(round(value, DIGITS) for value in astuple(epoch)[1:])) for epoch in epochs)
    return text.getvalue().encode()


def parse_history(content: bytes, where: str) -> list[Epoch]:
    """The epochs that history.csv holds, in its order.

    Raises:
        ValueError: it is not what `train` writes; the message opens with `where`.
    """
    names = [field.name for field in fields(Epoch)]
    try:
        header, *rows = csv.reader(io.StringIO(content.decode()), strict=True)
        epochs = [Epoch(int(row[0]), *map(float, row[1:])) for row in rows]
    except (ValueError, TypeError, LookupError, csv.Error) as error:
        raise ValueError(f"{where}: not a table of epochs ({' '.join(str(error).split())[:100]})") from None
    if header != names or not epochs:
        raise ValueError(f"{where}: found {','.join(header)[:80]!r} and {len(rows)} rows, expected {','.join(names)}")
    return epochs


def summarise(best: Epoch, epochs_run: int) -> dict[str, float]:
    """metrics.json: the epoch whose weights were kept."""
    return {
        "best_epoch": best.epoch,
        "epochs": epochs_run,
        "val_accuracy": round(best.val_accuracy, DIGITS),
        "val_loss": round(best.val_loss, DIGITS),
    }


def describe(epoch: Epoch) -> str:
    """One line for the log."""
    return f"train loss {epoch.train_loss:.4f}, val loss {epoch.val_loss:.4f}, val accuracy {epoch.val_accuracy:.4f}"
