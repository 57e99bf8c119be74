# SPDX-License-Identifier: MIT
"""Renders templates with Jinja itself, set up as transformers sets it up."""

import copy
import datetime
import json

import jinja2
from jinja2 import ext, nodes, sandbox

NOW = 1732377600        # what strftime_now tells, in Unix seconds


class Generation(ext.Extension):
    """The tag {% generation %}: its body as it is, in a scope of its own."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return nodes.CallBlock(self.call_method("inside"), [], [], body).set_lineno(line)

    def inside(self, caller):
        return caller()


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def strftime_now(form):
    return datetime.datetime.fromtimestamp(NOW).strftime(form)


def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent,
                      separators=separators, sort_keys=sort_keys)


def environment():
    made = sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, ext.loopcontrols])
    made.filters["tojson"] = tojson
    made.globals["raise_exception"] = raise_exception
    made.globals["strftime_now"] = strftime_now
    return made


ENVIRONMENT = environment()


def render(template, context):
    """The text, or None and what went wrong."""
    try:
        # A copy, because the filter indent changes a list that it is given.
        return ENVIRONMENT.from_string(template).render(**copy.deepcopy(context)), None
    except Exception as error:      # whatever a template may raise
        return None, f"{type(error).__name__}: {error}"
