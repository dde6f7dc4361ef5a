"""What kineograph can make: one folder a family, none imports another."""
