"""Templates of shell scripts and Dockerfiles: every value goes through the filter ``sh``."""

import shlex

import jinja2


def script_environment(package: str) -> jinja2.Environment:
    """Renders what lies in the folder ``templates`` of ``package``. A missing value is an error."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(package, "templates"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        # This is for shells and not for browsers.
        autoescape=False,  # noqa: S701
    )
    environment.filters["sh"] = shlex.quote
    return environment
