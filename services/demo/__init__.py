"""The whole job on two shipped documents, shown on a terminal and checked step by step."""
