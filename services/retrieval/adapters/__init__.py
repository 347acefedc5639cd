"""What connects the domain of retrieval to servers, stores and libraries: each implements a port."""
