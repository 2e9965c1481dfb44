"""The rules: when a difference counts. Those of the base are applied, so that no change loosens its own gate."""

from dataclasses import dataclass
from typing import Annotated

from linear_classifier.io.sections import Range, check_section
from linear_classifier.io.yaml_file import parse_yaml
from tools.compare.revision import Revision
from tools.compare.revision_files import RULES

_Fraction = Annotated[float, Range(0, 1)]
_Nats = Annotated[float, Range(0, 100)]


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What tools/compare/rules.yaml holds; what each means stands there."""

    confidence: Annotated[float, Range(0.5, 1, open_low=True, open_high=True)]
    bootstrap_samples: Annotated[int, Range(100, 100_000)]
    accuracy_tolerance: _Fraction
    loss_tolerance: _Nats
    macro_f1_tolerance: _Fraction
    ece_tolerance: _Fraction
    class_tolerance: _Fraction
    accuracy_seed_sd: _Fraction
    loss_seed_sd: _Nats
    macro_f1_seed_sd: _Fraction
    ece_seed_sd: _Fraction
    class_seed_sd: _Fraction
    seed_noise_scale: Annotated[float, Range(0, 100, open_low=True)]


def parse_rules(content: bytes) -> Rules:
    """What rules.yaml holds.

    Raises:
        ValueError: it is not YAML, a key is missing or unknown, or a value is of the wrong type or out of range.
    """
    return check_section(parse_yaml(content, RULES), Rules, RULES)


def choose_rules(base: Revision, head: Revision) -> tuple[Rules, str]:
    """The rules of the base, else of the head, and the name of the revision whose they are.

    Raises:
        ValueError: the base has none that are valid, and neither has the head.
    """
    if not base.rules and not head.rules:
        raise ValueError(f"{base.name}, {head.name}: neither has {RULES}; compare with a revision that does")
    try:
        return parse_rules(base.rules), base.name
    except ValueError:
        try:
            return parse_rules(head.rules), head.name
        except ValueError as error:
            raise ValueError(f"{head.name}: {error}") from None
