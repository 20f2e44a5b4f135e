"""Reads an exposition from standard input with prometheus_client's parsers and prints how many families and samples it
has; an exposition that the parser refuses ends it with its complaint.

usage: parse.py openmetrics|text < EXPOSITION
"""
import sys

from prometheus_client import parser
from prometheus_client.openmetrics import parser as openmetrics

text = sys.stdin.buffer.read().decode("utf-8")
parse = {"openmetrics": openmetrics, "text": parser}[sys.argv[1]].text_string_to_metric_families
families = list(parse(text))
print(len(families), sum(len(family.samples) for family in families))
