"""The trainer that every method shares, and what it checks."""

from kconsist.trainer.consistency_trainer import ConsistencyTrainer
from kconsist.trainer.student_teacher import StudentTeacher

__all__ = ["ConsistencyTrainer", "StudentTeacher"]
