"""What connects the domain of docs to servers, stores and libraries: each implements a port."""
