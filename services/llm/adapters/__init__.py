"""What connects the domain of llm to servers, stores and libraries: each implements a port."""
