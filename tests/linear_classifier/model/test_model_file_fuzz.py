"""20,000 mutations of a good model file: each is refused with one line, or is the good file byte for byte."""

import pickle
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from linear_classifier.model.model_file import read_model
from linear_classifier.model.pickles import COUNTED, FIXED
from tests.good_model import good_bytes

Mutate = Callable[[bytearray, random.Random], None]
INTERESTING = (0, 1, 2, 3, 4, 0x7F, 0x80, 0xFF, *b"().0aabcegijloqrstuVXGJKM]}\x8a\x8b\x8c\x93\x94\x95\x96")
OPCODES = [opcode[0] for opcode in (*FIXED, *COUNTED)]


def flip_bits(data: bytearray, random: random.Random) -> None:
    for _ in range(random.choice((1, 1, 1, 2, 8))):
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)


def set_bytes(data: bytearray, random: random.Random) -> None:
    for _ in range(random.choice((1, 1, 2, 4))):
        data[random.randrange(len(data))] = random.choice(INTERESTING)


def insert(data: bytearray, random: random.Random) -> None:
    at = random.randrange(len(data) + 1)
    data[at:at] = random.choice((random.randbytes(random.randint(1, 9)), bytes([random.choice(INTERESTING)])))


def delete(data: bytearray, random: random.Random) -> None:
    at = random.randrange(len(data))
    del data[at : at + random.choice((1, 1, 2, 5, 50))]


def splice(data: bytearray, random: random.Random) -> None:
    """One piece of the file over another."""
    source, target, size = (random.randrange(len(data)) for _ in range(3))
    data[target : target + size] = data[source : source + size]


def duplicate(data: bytearray, random: random.Random) -> None:
    at = random.randrange(len(data))
    data[at:at] = data[at : at + random.choice((1, 2, 10, 100, 1000))]


def truncate(data: bytearray, random: random.Random) -> None:
    del data[random.randrange(len(data)) :]


def append(data: bytearray, random: random.Random) -> None:
    data += random.choice((b"\0", b".", b"\n", bytes(data), pickle.dumps(1), random.randbytes(10)))


def swap_opcodes(data: bytearray, random: random.Random) -> None:
    """An opcode for another that is allowed too, where a byte looks like one."""
    for _ in range(random.choice((1, 1, 2, 3))):
        spots = [at for at in random.sample(range(len(data)), min(len(data), 60)) if data[at] in OPCODES]
        if spots:
            data[random.choice(spots)] = random.choice(OPCODES)


def edit_length(data: bytearray, random: random.Random) -> None:
    """A 4- or 8-byte number where one may stand: behind an opcode that counts."""
    counting = [at for at in random.sample(range(len(data)), min(len(data), 200)) if data[at] in b"\x95BXC\x8cTr\x8b"]
    at = random.choice([2, *counting]) + 1
    width = random.choice((1, 4, 8))
    number = random.choice((0, 1, 2**7, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1, len(data)))
    data[at : at + width] = (number % 2 ** (8 * width)).to_bytes(width, "little")


MUTATIONS: list[Mutate] = [
    flip_bits, set_bytes, insert, delete, splice, duplicate, truncate, append, swap_opcodes, edit_length,
]  # fmt: skip


def mutations_of(good: bytes, count: int, seed: int) -> list[bytes]:
    """`count` different files, none of them `good`, from one to three mutations each."""
    generator = random.Random(seed)
    found: dict[bytes, None] = {}
    while len(found) < count:
        data = bytearray(good)
        for mutate in generator.choices(MUTATIONS, k=generator.choice((1, 1, 2, 3))):
            if data:
                mutate(data, generator)
        if data != good:
            found[bytes(data)] = None
    return list(found)


@pytest.mark.parametrize(
    ("shape", "count"),
    [
        pytest.param({"image_shape": (1, 2, 2), "num_classes": 2}, 16_000, id="small"),
        pytest.param({}, 4_500, id="real"),
    ],
)
def test_read_model_refuses_every_mutation(shape: dict[str, object], count: int, tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    good = good_bytes(path, **shape)
    read_model(path)
    causes: Counter[str] = Counter()
    for data in mutations_of(good, count, seed=1):
        path.write_bytes(data)
        with pytest.raises(ValueError, match="dvc repro") as caught:
            read_model(path)
        message = str(caught.value)
        assert type(caught.value) is ValueError, message
        assert message.isprintable(), message
        assert len(message) < 1000, message
        causes[message.removeprefix(f"{path}: ").split(" ")[0]] += 1
    print(f"{causes.total()} mutations refused: {dict(causes.most_common(12))}")
    assert causes.total() == count
    assert len(causes) > 8, "the mutations die at too few gates"
