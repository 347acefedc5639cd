"""What connects the domain of exercises to servers, stores and libraries: each implements a port."""
