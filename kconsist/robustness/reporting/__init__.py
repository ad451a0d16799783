"""Reports of an evaluation, their summaries and their comparison."""

from kconsist.robustness.reporting.comparison import Comparison, compare
from kconsist.robustness.reporting.report import Report
from kconsist.robustness.reporting.summaries import SUMMARIES, Summary

__all__ = ["SUMMARIES", "Comparison", "Report", "Summary", "compare"]
