"""`python -m tools.predict PATH... [--output predictions.csv]`: what the model says of pictures of your own.

A PATH is a picture, a folder, a tar or zip, or - for standard input. What a picture shows is cut out of its background,
negated if need be, fitted and centred, as on the report's page; --like-training takes pictures as `prepare` does.

Writes a row of CSV a picture: its answer and the runner-up, with their probabilities, and two signs that the picture is
not like the training images. Exit codes: 0 every picture has an answer; 1 one has none, and its row says why; 2 bad
arguments, no model or no picture; 130 Ctrl-C.
"""

import argparse
import csv
import io
import sys
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from linear_classifier.evaluation.usual_inputs import read_usual_inputs
from linear_classifier.io.console import open_console
from linear_classifier.io.files import write_chunks
from linear_classifier.model.model_file import SavedModel, read_model
from linear_classifier.prediction.answers import Answer, Classifier
from linear_classifier.prediction.fitting import Fitting
from linear_classifier.prediction.picture_sources import find_pictures
from linear_classifier.preparation.decoding import Target
from linear_classifier.preparation.source_image import Found, PassedOver, SourceImage, Unusable
from linear_classifier.preparation.source_names import show

MODEL, USUAL_INPUTS = Path("models/model.pkl"), Path("models/usual_inputs.safetensors")
COLUMNS = (
    *("path", "answer", "probability", "runner_up", "runner_up_probability"),
    *("farther_than_percent", "size_and_position", "unusual", "problem"),
)
ANSWERED, UNANSWERED, PASSED_OVER = "answered", "without an answer", "passed over"
NUM_NAMED = 10  # files that are named of those passed over
DONE, SOME_FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


def main(arguments: list[str]) -> int:
    options = parse_arguments(arguments)
    try:
        return predict(options.paths, options.output, options.like_training)
    except KeyboardInterrupt:
        return fail("interrupted; nothing is lost, run it again", INTERRUPTED)
    except (ValueError, OSError) as error:
        return fail(str(error), BAD_INPUT)
    except RuntimeError as error:
        return fail(str(error), SOME_FAILED)


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tools.predict",
        allow_abbrev=False,
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("paths", nargs="+", metavar="PATH", help="a picture, a folder, a tar or zip, or -")
    parser.add_argument("--output", type=Path, metavar="FILE", help="where the CSV goes (default: standard output)")
    parser.add_argument("--like-training", action="store_true", help="pictures are like those that were trained on")
    return parser.parse_args(arguments)


def predict(paths: list[str], output: Path | None, like_training: bool) -> int:
    """Write the rows of all pictures at `paths`, and give the exit code.

    Raises:
        ValueError: there is no model, or `output` is a folder.
        RuntimeError: a worker that decodes was killed, or hangs.
    """
    saved = read_model(MODEL)
    usual = read_usual_inputs(USUAL_INPUTS, saved)
    decoding = take_as_prepare_does(saved) if like_training else Fitting.like(usual)
    counts = dict.fromkeys((ANSWERED, UNANSWERED, PASSED_OVER), 0)
    found = leave_out_others(chain.from_iterable(map(find_pictures, paths)), counts)
    lines = format_rows(Classifier(saved, usual).answer_all(found, decoding), counts)
    if output:
        write_chunks(output, (line.encode() for line in lines))
    else:
        sys.stdout.writelines(lines)
    print(f"predict: {', '.join(f'{count} {what}' for what, count in counts.items())}", file=sys.stderr)
    if not counts[ANSWERED] + counts[UNANSWERED]:
        return fail(f"no picture in {', '.join(map(show, paths))}; name where they are", BAD_INPUT)
    return SOME_FAILED if counts[UNANSWERED] else DONE


def take_as_prepare_does(saved: SavedModel) -> Target:
    """How the model's own training images were decoded, as far as it is noted in it."""
    channels, height, width = saved.image_shape
    resize = saved.made_with.get("prepare", {}).get("resize")
    return Target(height, width, 1 if channels == 1 else 3, resize if resize in ("crop", "stretch") else "fit")


def leave_out_others(found: Iterable[Found], counts: dict[str, int]) -> Iterator[SourceImage | Unusable]:
    """`found` without what is no picture by its name, which is counted and named."""
    for item in found:
        if isinstance(item, PassedOver):
            counts[PASSED_OVER] += 1
            if counts[PASSED_OVER] <= NUM_NAMED:
                print(f"predict: passed over: {item.path}: {item.reason}", file=sys.stderr)
        else:
            yield item


def format_rows(answers: Iterable[tuple[str, Answer | str]], counts: dict[str, int]) -> Iterator[str]:
    """The lines of the CSV; those with and without an answer are counted."""
    yield format_row(COLUMNS)
    for path, answer in answers:
        counts[ANSWERED if isinstance(answer, Answer) else UNANSWERED] += 1
        yield format_row((path, *columns_of(answer)))


def columns_of(answer: Answer | str) -> tuple[object, ...]:
    if isinstance(answer, str):
        return ("",) * (len(COLUMNS) - 2) + (answer,)
    shares = [f"{share:.6f}" for share in (answer.probability, answer.runner_up_probability)]
    signs = (answer.farther_than, answer.look, "yes" if answer.is_unusual else "no")
    return answer.label, shares[0], answer.runner_up, shares[1], *signs, ""


def format_row(columns: Iterable[object]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(columns)
    return text.getvalue()


def fail(message: str, code: int) -> int:
    print(f"predict: error: {' '.join(message.split())}", file=sys.stderr)
    return code


if __name__ == "__main__":
    open_console()
    sys.exit(main(sys.argv[1:]))
