"""Exercises: questions from material, answers, grades."""
