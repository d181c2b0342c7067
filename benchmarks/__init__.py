"""What times and compares; the tests never run it."""
