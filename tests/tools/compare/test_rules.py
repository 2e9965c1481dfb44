import re
from dataclasses import fields

import pytest

from tests.processes import ROOT
from tools.compare.revision import Revision
from tools.compare.revision_files import RULES
from tools.compare.rules import Rules, choose_rules, parse_rules

COMMITTED = (ROOT / RULES).read_bytes()


def revision(name: str, rules: bytes) -> Revision:
    return Revision(name=name, commit=None, params={}, rules=rules, why_no_predictions="")


def with_value(name: str, value: str) -> bytes:
    changed, count = re.subn(rf"^{name}: \S+", f"{name}: {value}", COMMITTED.decode(), flags=re.MULTILINE)
    assert count == 1
    return changed.encode()


@pytest.mark.parametrize("name", [field.name for field in fields(Rules)])
def test_parse_rules_refuses_a_missing_key_and_what_is_no_number(name: str) -> None:
    with pytest.raises(ValueError, match=rf"rules\.yaml: the key '{name}' is missing; add it"):
        parse_rules(re.sub(rf"^{name}:.*$", "", COMMITTED.decode(), flags=re.MULTILINE).encode())
    for value in (".nan", "-1", "true", '"1"', "1.0e+9"):
        with pytest.raises(ValueError, match=rf"rules\.yaml\.{name} must be a (whole )?number in"):
            parse_rules(with_value(name, value))


def test_parse_rules_names_the_nearest_known_key() -> None:
    with pytest.raises(ValueError, match="unknown key 'confidense'; the nearest known key is 'confidence'"):
        parse_rules(COMMITTED + b"confidense: 0.9\n")


def test_choose_rules_takes_the_bases_then_the_heads() -> None:
    strict, loose, broken = COMMITTED, with_value("accuracy_tolerance", "1.0"), b"confidence: [\n"
    assert choose_rules(revision("base", strict), revision("head", loose)) == (parse_rules(strict), "base")
    for base in (b"", broken):
        assert choose_rules(revision("base", base), revision("head", loose)) == (parse_rules(loose), "head")
    with pytest.raises(ValueError, match=r"head: tools/compare/rules\.yaml: line 2: not YAML"):
        choose_rules(revision("base", b""), revision("head", broken))
