"""Jinja2 templates in which what comes from data is harmless, and a name that is not given is an error."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup


def open_template(
    path: Path, filters: Mapping[str, Callable[..., Any]], quote: Callable[[object], Markup] | None = None
) -> jinja2.Template:
    """The template at `path`. `quote` makes text of a value that is none yet, else HTML is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(path.parent),
        autoescape=True,
        finalize=quote and (lambda value: value if isinstance(value, Markup) else quote(value)),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= filters
    return environment.get_template(path.name)
