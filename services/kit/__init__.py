"""What two or more services need and that carries no domain noun."""
